/** A connection to one broker, over which requests go and answers come. Three clients make them; all that is said over them is one code. */
import type { KafkaSettings } from '../../domain/kafkaSource.ts'
import type { Patience } from './patience.ts'
import type { Request } from './protocol.ts'

export interface Address {
  host: string
  port: number
}

export interface Line {
  /** Until when it may be given to the next reader, by `performance.now()`: brokers end connections whose login has grown old. */
  readonly until: number
  /** The answer's body. Fails by what has ended the connection, and where none comes in time. */
  ask(request: Request): Promise<Buffer>
  /** Ends it at once, whatever is under way. May be called again. */
  destroy(): void
}

/** The line, once `connect` has made it; ended where that fails, or the signal says so first. */
export async function connected<L extends Line>(line: L, signal: AbortSignal, connect: () => Promise<unknown>): Promise<L> {
  const give = (): void => line.destroy()
  signal.addEventListener('abort', give, { once: true })
  try {
    await connect()
    return line
  } catch (error) {
    line.destroy()
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', give)
  }
}

/** A connection that is encrypted and logged in as the settings say. `ended` is called once it is of no more use. */
export type OpenLine = (address: Address, ended: () => void, signal: AbortSignal) => Promise<Line>

/** Loads the client. Raises a DefinitionError where the settings cannot be used. */
export type Client = (settings: KafkaSettings, patience: Patience) => Promise<OpenLine>
