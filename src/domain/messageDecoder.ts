/** The port to formats of messages: from a message's bytes to a row. */
import type { Message } from './eventLog.ts'
import type { Issue } from './schema.ts'

/**
 * What is made of one message.
 *
 * `row`: a JSON object in UTF-8 on one line, without a line feed or a carriage return. It need not be well-formed where the message was
 * not: whoever reads it is the judge. `retracts`: the row takes back those of its key, of which it may hold no more than the key.
 * Its bytes may be those of the message.
 *
 * `nothing`: the message stands for no row, by its format.
 *
 * `refused`: `raw` is the value as `rawText` writes it.
 */
export type Decoded =
  | { kind: 'row'; json: Uint8Array; retracts: boolean }
  | { kind: 'nothing'; why: 'tombstone' }
  | { kind: 'refused'; raw: string; issue: Issue }

export interface MessageDecoder {
  /**
   * Brings what the decoding of these messages takes, schemas of a registry above all. A registry that is out of reach for long is a
   * TransientError, one that refuses the credentials, or is none, a DefinitionError.
   */
  prepare(messages: readonly Message[], signal: AbortSignal): Promise<void>

  /** Of a message that was prepared, in any order. Whatever its bytes are, it raises nothing. */
  decode(message: Message, partition: number): Decoded
}

/** Before the base64 of bytes that are no text. */
const BASE64 = 'base64:'

/** Bytes as a text that names just them: their own text where they are UTF-8, else `base64:` and their base64. */
export function rawText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString('utf8')
  // What is no UTF-8 comes back as other bytes.
  const isText = !text.startsWith(BASE64) && (!text.includes('\ufffd') || Buffer.from(text, 'utf8').equals(buffer))
  return isText ? text : `${BASE64}${buffer.toString('base64')}`
}

/** The bytes that a text of `rawText` names. */
export const rawBytes = (raw: string): Uint8Array =>
  raw.startsWith(BASE64) ? Buffer.from(raw.slice(BASE64.length), 'base64') : Buffer.from(raw, 'utf8')
