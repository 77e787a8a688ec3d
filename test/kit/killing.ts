/** Processes that are killed at instants which chance chooses: by the clock, or by what appears in the store. */
import type { FSWatcher } from 'node:fs'
import { existsSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { Outcome, RunOptions } from './cli.ts'
import type { Random } from './random.ts'

type Launch = (options: Pick<RunOptions, 'kill'>) => Promise<Outcome>

/** How long a process takes that nobody kills, and how often the folders below `store` change meanwhile. */
export interface Course {
  milliseconds: number
  changes: number
}

export async function measured(store: string, launch: Launch): Promise<{ outcome: Outcome; course: Course }> {
  const changes = new Changes(store)
  const begun = performance.now()
  const outcome = await launch({})
  const course = { milliseconds: performance.now() - begun, changes: changes.count }
  changes.close()
  return { outcome, course }
}

/** Half of them die at any instant of their course, half right after one of the changes that they make in the store, or soon. */
export async function killed(random: Random, store: string, course: Course, launch: Launch): Promise<Outcome> {
  if (random.chance(0.5)) return launch({ kill: { signal: 'SIGKILL', after: random.next() * course.milliseconds * 1.05 } })
  const changes = new Changes(store)
  const change = random.whole(1, Math.max(1, course.changes))
  const more = random.chance(0.5) ? 0 : random.next() * 20
  const after = changes.reach(change).then(() => (more === 0 ? undefined : new Promise(resolve => setTimeout(resolve, more))))
  const outcome = await launch({ kill: { signal: 'SIGKILL', after } })
  changes.close()
  return outcome
}

/** What happens in the folders that are there now, names that come and go included; the inside of tile sets is left out. */
class Changes {
  count = 0
  readonly #watchers: FSWatcher[]
  #reached: { count: number; resolve: () => void } | undefined

  constructor(store: string) {
    this.#watchers = foldersOf(store).map(folder => watch(folder, { persistent: false }, () => this.#add()))
  }

  reach(count: number): Promise<void> {
    return new Promise(resolve => {
      this.#reached = { count, resolve }
    })
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close()
  }

  #add(): void {
    this.count++
    if (this.count >= (this.#reached?.count ?? Number.POSITIVE_INFINITY)) this.#reached!.resolve()
  }
}

function foldersOf(store: string): string[] {
  if (!existsSync(store)) return []
  const entries = readdirSync(store, { recursive: true, withFileTypes: true })
  const folders = entries.filter(entry => entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name))
  return [store, ...folders.filter(folder => !folder.includes('/tiles/'))]
}
