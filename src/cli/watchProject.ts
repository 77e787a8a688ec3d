/** Runs this program's command line again upon each change of a project's definitions. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { FSWatcher } from 'node:fs'
import { existsSync, watch } from 'node:fs'
import { join } from 'node:path'
import { note } from './output.ts'

const FOLDERS = ['fixtures', 'schemas', 'transforms']

/** Editors write a file in several steps: so long nothing more may happen, in milliseconds. */
const CALM = 100

/**
 * Each round is a process of its own, since a module that was loaded stays as it is until its process ends. Goes on until the
 * signal is aborted, and raises its reason then.
 */
export async function watchProject(projectDir: string, signal: AbortSignal): Promise<never> {
  using changes = new Changes(projectDir)
  for (;;) {
    await round(signal)
    note(`waiting for changes in ${FOLDERS.join(', ')}; Ctrl-C ends it`)
    const changed = await changes.next(signal)
    note(`\nchanged: ${changed.join(', ')}`)
  }
}

/** The same command line without its `--watch`. */
async function round(signal: AbortSignal): Promise<void> {
  const args = process.argv.slice(1).filter(arg => arg !== '--watch')
  const child = spawn(process.execPath, [...process.execArgv, ...args], { stdio: 'inherit' })
  const end = (): void => void child.kill('SIGTERM')
  signal.addEventListener('abort', end)
  await once(child, 'exit').finally(() => signal.removeEventListener('abort', end))
  signal.throwIfAborted()
}

/** The project's files that have changed. */
class Changes implements Disposable {
  readonly #projectDir: string
  readonly #watchers = new Map<string, FSWatcher>()
  readonly #changed = new Set<string>()
  #wake: (_?: unknown) => void = () => {}
  #timer: NodeJS.Timeout | undefined

  constructor(projectDir: string) {
    this.#projectDir = projectDir
    // Of the project's own folder only the configuration, and that one of the others comes or goes.
    this.#watch(projectDir, '', name => FOLDERS.includes(name) || name === 'quern.config.ts')
    this.#watchFolders()
  }

  /** Those since the last call, once there are any and nothing more happens. */
  async next(signal: AbortSignal): Promise<string[]> {
    while (this.#changed.size === 0 || this.#timer) {
      signal.throwIfAborted()
      const { promise, resolve } = Promise.withResolvers<unknown>()
      this.#wake = resolve
      signal.addEventListener('abort', this.#wake)
      await promise
      signal.removeEventListener('abort', this.#wake)
    }
    const changed = [...this.#changed].sort()
    this.#changed.clear()
    return changed
  }

  #watchFolders(): void {
    for (const folder of FOLDERS) {
      const path = join(this.#projectDir, folder)
      if (existsSync(path)) this.#watch(path, folder, name => /\.(ts|mts|js|mjs|json)$/.test(name))
      else this.#unwatch(path)
    }
  }

  #watch(path: string, folder: string, matters: (name: string) => boolean): void {
    if (this.#watchers.has(path)) return
    const watcher = watch(path, { recursive: folder !== '' }, (_, name) => {
      if (name === null || !matters(name)) return
      this.#changed.add(join(folder, name))
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#watchFolders()
        this.#wake()
      }, CALM)
    })
    // The folder is gone; that of the project tells when it is back.
    watcher.on('error', () => this.#unwatch(path))
    this.#watchers.set(path, watcher)
  }

  #unwatch(path: string): void {
    this.#watchers.get(path)?.close()
    this.#watchers.delete(path)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    for (const watcher of this.#watchers.values()) watcher.close()
  }
}
