/** Bytes of a key or a value as JSON text, by their format. */
import { DefinitionError } from '../domain/errors.ts'
import type { PayloadFormat } from '../domain/kafkaSource.ts'
import { RegisteredReaders } from './registeredReaders.ts'
import { parsedText, textOf } from './rowText.ts'
import type { SchemaRegistry } from './schemaRegistry.ts'
import { BODY, schemaIdOf } from './wireFormat.ts'

export interface Payload {
  /** Brings the schemas that these name. Bytes that name none are passed over. */
  prepare(payloads: Iterable<Uint8Array | null>, signal: AbortSignal): Promise<void>
  /** One line, without white space around it. Raises a Refusal, or whatever a library raises at bytes that it cannot read. */
  text(bytes: Uint8Array): string
}

export function payloadOf(format: PayloadFormat, registry: SchemaRegistry | undefined, what: 'key' | 'value'): Payload {
  switch (format) {
    case 'string':
      return { prepare: nothing, text: bytes => JSON.stringify(textOf(bytes)) }
    case 'json':
      if (!registry) return { prepare: nothing, text: jsonText }
      // Beside values with a registry there are keys without; JSON never begins with a zero, which tells them apart.
      return { prepare: nothing, text: bytes => jsonText(what === 'key' && bytes[0] !== 0 ? bytes : jsonBody(bytes)) }
    default:
      if (!registry) throw withoutRegistry(format, what)
      return registeredPayload(new RegisteredReaders(registry, format))
  }
}

const nothing = async (): Promise<void> => {}

/** JSON behind the five bytes of a registry. Their schema is not asked for: JSON says itself what it is. */
export function jsonBody(bytes: Uint8Array): Uint8Array {
  schemaIdOf(bytes)
  return bytes.subarray(BODY)
}

function jsonText(bytes: Uint8Array): string {
  const text = textOf(bytes).replace(/^\ufeff/, '')
  parsedText(text)
  // Where the whole is well-formed, a line's end is white space between tokens.
  return (text.includes('\n') || text.includes('\r') ? text.replaceAll(/[\n\r]/g, ' ') : text).trim()
}

function registeredPayload(readers: RegisteredReaders): Payload {
  return {
    async prepare(payloads, signal) {
      const ids = new Set<number>()
      let last = -1
      for (const bytes of payloads) {
        if (bytes === null || bytes.length < BODY || bytes[0] !== 0) continue
        const id = schemaIdOf(bytes)
        if (id !== last) ids.add(id)
        last = id
      }
      await readers.prepare(ids, signal)
    },
    text: bytes => readers.reader(schemaIdOf(bytes))(bytes),
  }
}

function withoutRegistry(format: string, what: string): DefinitionError {
  return new DefinitionError(
    'definition.registry',
    `the ${what} is ${format}, whose schemas are in a registry, and none is declared`,
    {
      hint: "Give the source its registry: registry: { url: 'https://registry.example.com' }.",
    },
  )
}
