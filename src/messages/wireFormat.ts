/** Confluent's wire format: a zero, the id of a schema in four bytes, and for Protobuf which of its messages is meant. */
import { Refusal } from './refusal.ts'

const HEADER = 5

/** Where the body begins, behind the id. */
export const BODY = HEADER

/** The id of the schema. */
export function schemaIdOf(bytes: Uint8Array): number {
  if (bytes.length === 0) throw new Refusal('wire-format', 'The bytes are empty, where five of a schema registry are due')
  if (bytes[0] !== 0) {
    throw new Refusal('wire-format', `The first byte is ${bytes[0]}, where messages of a schema registry have 0`)
  }
  if (bytes.length < HEADER) {
    throw new Refusal('wire-format', `${bytes.length} bytes are too few for the five of a schema registry`)
  }
  return ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!) >>> 0
}

/** More than messages are nested in any file. */
const DEEPEST = 64

/**
 * Which message of a `.proto` file follows: its place in the file, then in the message around it, and so on; and where its bytes begin. A
 * single zero byte stands for the first message.
 */
export function messageIndexes(bytes: Uint8Array): { indexes: readonly number[]; body: number } {
  if (bytes[BODY] === 0) return { indexes: FIRST, body: BODY + 1 }
  let at = BODY
  const next = (): number => {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) throw new Refusal('wire-format', 'The bytes end within the list of message indexes')
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw new Refusal('wire-format', 'A message index takes more than 28 bits')
  }
  const count = next()
  if (count < 0 || count > DEEPEST) throw new Refusal('wire-format', `${count} is no count of message indexes`)
  const indexes = Array.from({ length: count }, next)
  return { indexes, body: at }
}

const FIRST = [0]
