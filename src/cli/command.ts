/** What a command is given, and its row in the table of commands. */
import type { App } from '../app.ts'

export interface CommandContext {
  /** Builds the parts; until it is called nothing but the command itself is loaded. */
  app: () => Promise<App>
  args: string[]
  flags: Flags
  /** For what never ends by itself: from now on the first interrupt aborts this signal, and only the second one the work. */
  orderlyEnd: () => AbortSignal
}

export interface Flags {
  json?: boolean
  store?: string
  until?: string
  full?: boolean
  maxRejected?: string
  expectations?: string
  sources?: boolean
  limit?: string
  format?: string
  output?: string
  columns?: string
  where?: string
  latest?: boolean
  delete?: boolean
  replay?: boolean
  acceptLoss?: boolean
  from?: string
  to?: string
  chunk?: string
  apply?: boolean
  retain?: string
  junit?: string
  watch?: boolean
  /** False under `--no-land`. */
  land?: boolean
  follow?: boolean
  batchTime?: string
  batchRows?: string
  metrics?: string
}

export interface CommandRow {
  name: string
  /** As commander writes arguments: `<ref>`, `[name...]`. */
  args: string
  summary: string
  flags: [flag: string, description: string][]
  /** It only shows what is stored: where nobody reads on it may end. Others finish their work, and their exit code tells of it. */
  shows?: true
  /** Answers the exit code. */
  load: () => Promise<(context: CommandContext) => Promise<number>>
}
