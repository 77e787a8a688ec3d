/** The program as a person or a scheduler runs it: a process of its own. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAM = fileURLToPath(new URL('../../bin/quern.js', import.meta.url))

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  cwd: string
  env?: Record<string, string>
  /** Sends a signal after so many milliseconds, or once something has happened. */
  kill?: { signal: NodeJS.Signals; after: number | Promise<unknown> }
  uid?: number
}

export function quern(args: readonly string[], options: RunOptions): Promise<Outcome> {
  return program(process.execPath, [PROGRAM, ...args], options)
}

export function program(command: string, args: readonly string[], { cwd, env = {}, kill, uid }: RunOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, QUERN_MEMORY: '1GiB', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid }),
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', text => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
    const timer = typeof kill?.after === 'number' ? setTimeout(() => child.kill(kill.signal), kill.after) : undefined
    if (typeof kill?.after === 'object') void kill.after.then(() => child.kill(kill.signal))
    child.on('error', reject)
    child.on('close', code => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    })
  })
}

/** Documents of a `--json` answer, with integers that a double cannot hold as bigints. */
export function documents(outcome: Outcome): Record<string, unknown>[] {
  return outcome.stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line, exact) as Record<string, unknown>)
}

function exact(_: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(context!.source!)
    ? BigInt(context!.source!)
    : value
}
