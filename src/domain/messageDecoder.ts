/** The port to what turns messages into rows. */
import type { Message } from './eventLog.ts'
import type { Issue } from './schema.ts'

export type Decoded =
  /** `json`: an object, on one line, as UTF-8. */
  | { kind: 'row'; json: Uint8Array; retracts: boolean }
  /** Passed over, and counted. */
  | { kind: 'nothing' }
  /** `raw`: what there is to show of it. */
  | { kind: 'refused'; raw: string; issue: Issue }

export interface MessageDecoder {
  /**
   * Brings what is needed to decode these messages and is not at hand: schemas of a registry. One that is out of reach is a
   * TransientError, one that does not accept the credentials a DefinitionError.
   */
  prepare(messages: readonly Message[], signal: AbortSignal): Promise<void>
  decode(message: Message): Decoded
}
