/** The program: the only place that ends the process. */
import { EXIT } from '../domain/errors.ts'
import { runProgram } from './program.ts'

/** Milliseconds from a signal to the end, whatever is under way. */
const PATIENCE = 10_000

const interrupted = new AbortController()
let exitOnInterrupt: number = EXIT.interrupted
for (const [signal, code] of [
  ['SIGINT', EXIT.interrupted],
  ['SIGTERM', EXIT.terminated],
] as const) {
  process.once(signal, () => {
    exitOnInterrupt = code
    interrupted.abort(new Error('interrupted'))
    // The engine does not hear of it while it plans a statement. Nothing that is visible depends on an orderly end.
    setTimeout(() => process.exit(code), PATIENCE).unref()
  })
}
// Whoever read our output has enough of it.
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(EXIT.done)
  throw error
})

process.exitCode = await runProgram(process.argv.slice(2), { signal: interrupted.signal, exitCode: () => exitOnInterrupt })
