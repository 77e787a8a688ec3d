/** A server of the tests' own: a process on loopback that does not outlive this one. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Fails where nobody listens. */
export async function connects(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
  } finally {
    socket.destroy()
  }
}

/** A process that does not outlive this one. */
export class ServerProcess {
  readonly #child: ChildProcess
  readonly #guard: ChildProcess
  readonly #home: string
  #ended = false
  #words = ''

  constructor(child: ChildProcess, home: string) {
    this.#child = child
    this.#home = home
    // Reads from a pipe that this process holds, which ends when this process does, by whatever signal.
    const guard = ['-c', 'read -r _; kill -9 "$0"; rm -rf "$1"', String(child.pid), home]
    this.#guard = spawn('sh', guard, { stdio: ['pipe', 'ignore', 'ignore'] })
    const ended = (): void => {
      this.#ended = true
      // From now on the process id may be another's.
      this.#guard.kill('SIGKILL')
    }
    child.once('exit', ended).once('error', ended)
    child.stderr!.setEncoding('utf8').on('data', text => (this.#words += text))
    // None of it keeps a process alive that has no more to do.
    for (const held of [child, this.#guard, child.stderr as Socket, this.#guard.stdin as unknown as Socket]) held.unref()
  }

  get ended(): boolean {
    return this.#ended
  }

  async answers(ask: () => Promise<unknown>, patience = 20_000): Promise<void> {
    const until = performance.now() + patience
    for (;;) {
      try {
        return void (await ask())
      } catch (error) {
        if (this.#ended || performance.now() > until)
          throw new Error(`the server does not answer: ${this.#words}`, { cause: error })
        await pause(20)
      }
    }
  }

  /** A signal to the process alone: `SIGSTOP`, `SIGCONT`. */
  signal(name: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(name)
  }

  /** Ends it by that signal, and insists after so many milliseconds. Its home stays. */
  async end(signal: NodeJS.Signals, patience = 3000): Promise<void> {
    if (this.#ended) return
    const exit = once(this.#child, 'exit')
    this.#child.kill(signal)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), patience)
    await exit
    clearTimeout(timer)
  }

  /** Asks it to end, and insists after some seconds. */
  async stop(): Promise<void> {
    await this.end('SIGTERM')
    rmSync(this.#home, { recursive: true, force: true })
  }
}
