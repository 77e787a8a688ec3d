/** A command line in, an exit code out: help and dispatch come from the table of commands. */
import { Command, CommanderError } from 'commander'
import type { App } from '../app.ts'
import { EXIT } from '../domain/errors.ts'
import { VERSION } from '../version.ts'
import type { CommandRow, Flags } from './command.ts'
import { COMMANDS } from './commands.ts'
import { defectText, errorText, isExpected } from './errorText.ts'
import { note } from './output.ts'

interface Interruption {
  signal: AbortSignal
  /** What an interrupted program ends with. */
  exitCode: () => number
  /** From now on the first interrupt only asks for an end: it aborts this signal. */
  orderlyEnd: () => AbortSignal
}

/** @param args what follows the program's name */
export async function runProgram(args: readonly string[], interruption: Interruption): Promise<number> {
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
      const given = command.processedArgs.flat().filter(arg => arg !== undefined)
      code = await runCommand(row, given, command.opts<Flags>(), interruption)
    })
  }
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.definition
    throw error
  }
}

async function runCommand(row: CommandRow, args: string[], flags: Flags, interruption: Interruption): Promise<number> {
  let app: App | undefined
  try {
    const command = await row.load()
    return await command({
      args,
      flags,
      orderlyEnd: interruption.orderlyEnd,
      app: async () => {
        const { createApp } = await import('../app.ts')
        const { store, metrics } = flags
        const given = { ...(store === undefined ? {} : { store }), ...(metrics === undefined ? {} : { metrics }) }
        app = await createApp(given, interruption.signal)
        return app
      },
    })
  } catch (error) {
    return report(error, interruption)
  } finally {
    await app?.close()
  }
}

/** Says what went wrong on stderr; answers the exit code. */
function report(error: unknown, { signal, exitCode }: Interruption): number {
  if (signal.aborted) {
    note('interrupted: nothing half-done is visible, the next run carries on')
    return exitCode()
  }
  note(isExpected(error) ? errorText(error) : defectText(error))
  return isExpected(error) ? error.exitCode : EXIT.defect
}
