/** The program: the only place that ends the process. */
import { EXIT } from '../domain/errors.ts'
import { COMMANDS } from './commands.ts'
import { note } from './output.ts'
import { runProgram } from './program.ts'

const shows = COMMANDS.some(row => row.shows && row.name === process.argv[2])

/** Milliseconds from a signal to the end, whatever is under way. Of a command that only shows something nothing is left half-done. */
const PATIENCE = shows ? 1000 : 10_000
/** The same of whoever has asked in vain for an orderly end. */
const IMPATIENCE = 1000

const interrupted = new AbortController()
/** What a command that never ends by itself is asked to end with, before it is interrupted. */
let ending: AbortController | undefined
let exitOnInterrupt: number = EXIT.interrupted
for (const [signal, code] of [
  ['SIGINT', EXIT.interrupted],
  ['SIGTERM', EXIT.terminated],
] as const) {
  const onSignal = (): void => {
    if (ending && !ending.signal.aborted) {
      ending.abort()
      return
    }
    process.off(signal, onSignal)
    exitOnInterrupt = code
    interrupted.abort(new Error('interrupted'))
    // The engine does not hear of it while it plans a statement, and an orderly exit would wait for it. Nothing that is visible depends
    // on one: the signal ends the process as if nobody had listened.
    setTimeout(() => process.kill(process.pid, signal), ending ? IMPATIENCE : PATIENCE).unref()
  }
  process.on(signal, onSignal)
}

process.stdout.on('error', error => {
  // Whoever read our output has enough of it. What has begun to change something goes on without a reader.
  if (codeOf(error) === 'EPIPE' && shows) process.exit(EXIT.done)
  if (codeOf(error) === 'EPIPE') {
    // What never ends by itself would go on for nobody.
    ending?.abort()
    return
  }
  note(`stdout cannot be written (${codeOf(error)})`)
  if (shows) process.exit(EXIT.tryAgain)
})
process.stderr.on('error', () => {})

const code = await runProgram(process.argv.slice(2), {
  signal: interrupted.signal,
  exitCode: () => exitOnInterrupt,
  orderlyEnd: () => {
    ending ??= new AbortController()
    return ending.signal
  },
})
// Output that nobody takes would keep the process alive.
if (interrupted.signal.aborted) process.exit(code)
process.exitCode = code

function codeOf(error: Error): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
