/** Messages as rows: by the format of their values and keys, their envelope, and what a message without a value stands for. */
import type { Message } from '../domain/eventLog.ts'
import type { KafkaLanding, RegistrySettings } from '../domain/kafkaSource.ts'
import type { Decoded, MessageDecoder } from '../domain/messageDecoder.ts'
import { rawText } from '../domain/messageDecoder.ts'
import type { Change } from './debezium.ts'
import { changeOf, withoutSchema } from './debezium.ts'
import { Parts } from './parts.ts'
import type { Payload } from './payload.ts'
import { jsonBody, payloadOf } from './payload.ts'
import { Refusal, refusalOf, within } from './refusal.ts'
import { jsonRow, parsed, RowWriter } from './rowText.ts'
import type { RetrySettings } from './schemaRegistry.ts'
import { RETRIES, SchemaRegistry } from './schemaRegistry.ts'

type Landing = Pick<KafkaLanding, 'format' | 'parts' | 'tombstones'>

/** Raises a DefinitionError where a format takes a registry and there is none, or its URL is none. */
export function messageDecoder(
  landing: Landing,
  registry: RegistrySettings | undefined,
  retries: Partial<RetrySettings> = {},
): MessageDecoder {
  return new Decoder(landing, registry && new SchemaRegistry(registry, { ...RETRIES, ...retries }))
}

class Decoder implements MessageDecoder {
  readonly #landing: Landing
  readonly #value: Payload
  /** Undefined where no key is ever looked at. */
  readonly #key: Payload | undefined
  /** The value's own bytes are the row. */
  readonly #isJsonRow: boolean
  readonly #hasRegistry: boolean
  readonly #parts: Parts
  readonly #writer = new RowWriter()

  constructor(landing: Landing, registry: SchemaRegistry | undefined) {
    const { format, parts, tombstones } = landing
    this.#landing = landing
    this.#value = payloadOf(format.value, registry, 'value')
    const readsKeys = parts.key !== undefined || format.envelope === 'debezium' || tombstones === 'retract'
    this.#key = readsKeys ? payloadOf(format.key, registry, 'key') : undefined
    this.#isJsonRow = format.value === 'json' && !format.envelope
    this.#hasRegistry = registry !== undefined
    this.#parts = new Parts(parts)
  }

  async prepare(messages: readonly Message[], signal: AbortSignal): Promise<void> {
    await this.#value.prepare(
      messages.map(({ value }) => value),
      signal,
    )
    await this.#key?.prepare(
      messages.map(({ key }) => key),
      signal,
    )
  }

  decode(message: Message, partition: number): Decoded {
    const { value } = message
    try {
      if (value === null) return this.#tombstone(message, partition)
      if (this.#isJsonRow) return { kind: 'row', json: this.#jsonRow(message, value, partition), retracts: false }
      if (this.#landing.format.envelope) return this.#event(message, withoutSchema(this.#value.text(value)), partition)
      return this.#row(message, { row: this.#rowOf(value), retracts: false }, partition)
    } catch (error) {
      const { issue } = refusalOf(error, 'The message cannot be read')
      return { kind: 'refused', raw: value === null ? '' : rawText(value), issue }
    }
  }

  #jsonRow(message: Message, value: Uint8Array, partition: number): Uint8Array {
    const row = jsonRow(this.#hasRegistry ? jsonBody(value) : value)
    if (this.#parts.isEmpty) return row
    if (this.#parts.isDoubtful) parsed(row)
    return this.#writer.splice(row, this.#members(message, partition))
  }

  #rowOf(value: Uint8Array): string {
    const text = this.#value.text(value)
    if (this.#landing.format.value === 'string') return `{"value":${text}}`
    if (!text.startsWith('{')) throw new Refusal('malformed', 'The schema is not of records')
    return text
  }

  /** Of Debezium. Connect's JSON may have a tombstone as a null within its wrapper. */
  #event(message: Message, text: string, partition: number): Decoded {
    return text === 'null' ? this.#tombstone(message, partition) : this.#row(message, changeOf(text), partition)
  }

  #tombstone(message: Message, partition: number): Decoded {
    const { format, tombstones } = this.#landing
    // Debezium sends one after each delete, for the compaction of the topic: the delete itself has said it.
    if (format.envelope || tombstones === 'ignore') return { kind: 'nothing', why: 'tombstone' }
    if (tombstones === 'retract') return this.#row(message, { row: undefined, retracts: true }, partition)
    throw new Refusal('tombstone', 'A message without a value')
  }

  /** Where the change has no row, what the key says. */
  #row(message: Message, { row, retracts }: Change, partition: number): Decoded {
    const text = row ?? this.#rowOfKey(message)
    return { kind: 'row', json: this.#writer.row(text, this.#members(message, partition)), retracts }
  }

  #rowOfKey(message: Message): string {
    if (message.key === null) throw new Refusal('tombstone', 'Neither a key nor a value tells which rows are taken back')
    const key = this.#keyText(message)
    if (key.startsWith('{')) return key
    // Then the part `key` has it.
    if (this.#landing.parts.key !== undefined) return '{}'
    throw new Refusal('tombstone', 'The key is no object, and no column is declared for it that tells which rows are taken back')
  }

  #members(message: Message, partition: number): string {
    return this.#parts.isEmpty ? '' : this.#parts.text(message, partition, () => this.#keyText(message))
  }

  #keyText({ key }: Message): string {
    if (key === null) return 'null'
    try {
      const text = this.#key!.text(key)
      return this.#landing.format.envelope ? withoutSchema(text) : text
    } catch (error) {
      throw within(refusalOf(error, 'The key cannot be read'), this.#landing.parts.key ?? 'key')
    }
  }
}
