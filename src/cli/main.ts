/** The program: the only place that ends the process. */
import { Command, CommanderError } from 'commander'
import type { App } from '../app.ts'
import { EXIT } from '../domain/errors.ts'
import { VERSION } from '../version.ts'
import type { CommandRow, Flags } from './command.ts'
import { COMMANDS } from './commands.ts'
import { defectText, errorText, isExpected } from './errorText.ts'
import { note } from './output.ts'

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

process.exitCode = await main()

async function main(): Promise<number> {
  const program = new Command('quern')
    .description('Grinds raw events into features: time-correct, validated, versioned.')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .configureOutput({ writeErr: text => process.stderr.write(text) })
  let code: number = EXIT.done
  for (const row of COMMANDS) {
    const command = program.command(`${row.name} ${row.args}`.trim()).summary(row.summary).description(row.summary)
    command
      .exitOverride()
      .option('--json', 'one JSON document a line')
      .option('--store <uri>', 'where tables live; default file:.quern')
    for (const [flag, description] of row.flags) command.option(flag, description)
    command.action(async () => {
      code = await runCommand(
        row,
        command.processedArgs.flat().filter(arg => arg !== undefined),
        command.opts<Flags>(),
      )
    })
  }
  try {
    await program.parseAsync()
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.definition
    throw error
  }
}

async function runCommand(row: CommandRow, args: string[], flags: Flags): Promise<number> {
  let app: App | undefined
  try {
    const command = await row.load()
    return await command({
      args,
      flags,
      app: async () => {
        const { createApp } = await import('../app.ts')
        app = await createApp(flags.store === undefined ? {} : { store: flags.store }, interrupted.signal)
        return app
      },
    })
  } catch (error) {
    return report(error)
  } finally {
    await app?.close()
  }
}

/** Says what went wrong on stderr; answers the exit code. */
function report(error: unknown): number {
  if (interrupted.signal.aborted) {
    note('interrupted: nothing half-done is visible, the next run carries on')
    return exitOnInterrupt
  }
  note(isExpected(error) ? errorText(error) : defectText(error))
  return isExpected(error) ? error.exitCode : EXIT.defect
}
