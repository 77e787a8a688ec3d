/** An Avro schema, read by avsc, as a reader of values that writes them as JSON. */
import type avsc from 'avsc'
import { AvroBytes } from './avroBytes.ts'
import { Refusal, within } from './refusal.ts'
import type { Whole } from './times.ts'
import { dateText, decimalText, doubleText, microsText, millisText, nanosText, timeOfDayText } from './times.ts'

/** The JSON text of the value that begins at the bytes' position. */
type Read = (bytes: AvroBytes) => string

/** A message's body as JSON, from the byte `from` on. */
export type ReadBody = (message: Uint8Array, from: number) => string

/**
 * The reader of a schema's values. `schema` is its JSON text, `references` those of the schemas whose names it uses, each after those that
 * it uses itself. Raises what avsc raises where one cannot be read.
 */
export async function avroReader(schema: string, references: readonly string[]): Promise<ReadBody> {
  const { default: avro } = await import('avsc')
  const options = { registry: {}, wrapUnions: true, logicalTypes: logicalTypes(avro), assertLogicalTypes: false }
  for (const reference of references) forSchema(avro, reference, options)
  const read = new Compiler().reader(forSchema(avro, schema, options))
  return (message, from) => {
    const bytes = new AvroBytes(message, from)
    const text = read(bytes)
    bytes.end()
    return text
  }
}

function forSchema(avro: typeof avsc, text: string, options: object): avsc.Type {
  let schema: unknown
  try {
    schema = JSON.parse(text)
  } catch {
    // A bare name, such as `string`.
    schema = text.trim()
  }
  return avro.Type.forSchema(forReading(schema) as avsc.Schema, options as Parameters<typeof avro.Type.forSchema>[1])
}

/** Kafka Connect's names of types that say more than Avro's own. */
const BY_CONNECT = new Set([
  'io.debezium.time.Date',
  'io.debezium.time.Time',
  'io.debezium.time.MicroTime',
  'io.debezium.time.NanoTime',
  'io.debezium.time.Timestamp',
  'io.debezium.time.MicroTimestamp',
  'io.debezium.time.NanoTimestamp',
])

/**
 * A schema without what only concerns writers, other readers and people: a default that is not of its type is no reason to leave bytes
 * unread. Connect's names of types become logical types.
 */
function forReading(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(forReading)
  if (typeof schema !== 'object' || schema === null) return schema
  const { default: _, aliases: __, doc: ___, order: ____, ...rest } = schema as Record<string, unknown>
  const connect = rest['connect.name']
  const kept = Object.entries(rest).map(([key, value]) => [key, key === 'symbols' ? value : forReading(value)] as const)
  const result = Object.fromEntries(kept)
  return typeof connect === 'string' && BY_CONNECT.has(connect) && typeof rest.type === 'string'
    ? { ...result, logicalType: connect }
    : result
}

/** What a logical type makes of its underlying type's bytes. Undefined: not of this underlying type, which then stands for itself. */
type Logical = (underlying: avsc.Type, attributes: LogicalAttributes) => Read | undefined

interface LogicalAttributes {
  scale?: unknown
}

const ofLong =
  (text: (value: Whole) => string): Logical =>
  ({ typeName }, _) =>
    typeName === 'long' ? bytes => text(bytes.long()) : undefined

const ofInt =
  (text: (value: number) => string): Logical =>
  ({ typeName }, _) =>
    typeName === 'int' ? bytes => text(bytes.int()) : undefined

const LOGICAL: Record<string, Logical> = {
  'timestamp-millis': ofLong(value => millisText(value, 'Z')),
  'timestamp-micros': ofLong(value => microsText(value, 'Z')),
  'timestamp-nanos': ofLong(value => nanosText(value, 'Z')),
  'local-timestamp-millis': ofLong(value => millisText(value, '')),
  'local-timestamp-micros': ofLong(value => microsText(value, '')),
  'local-timestamp-nanos': ofLong(value => nanosText(value, '')),
  date: ofInt(dateText),
  'time-millis': ofInt(value => timeOfDayText(value * 1000, 'ms')),
  'time-micros': ofLong(value => timeOfDayText(Number(value), 'us')),
  // Debezium's timestamps are of a database's columns without a zone.
  'io.debezium.time.Date': ofInt(dateText),
  'io.debezium.time.Time': ofInt(value => timeOfDayText(value * 1000, 'ms')),
  'io.debezium.time.MicroTime': ofLong(value => timeOfDayText(Number(value), 'us')),
  'io.debezium.time.NanoTime': ofLong(value => timeOfDayText(Math.floor(Number(value) / 1000), 'us')),
  'io.debezium.time.Timestamp': ofLong(value => millisText(value, '')),
  'io.debezium.time.MicroTimestamp': ofLong(value => microsText(value, '')),
  'io.debezium.time.NanoTimestamp': ofLong(value => nanosText(value, '')),
  decimal: (underlying, { scale = 0 }) => {
    if (typeof scale !== 'number' || !Number.isInteger(scale)) return undefined
    const bytes = rawBytes(underlying)
    return bytes && (from => decimalText(bytes(from), scale))
  },
  uuid: (underlying, _) => {
    if (underlying.typeName !== 'fixed' || (underlying as avsc.types.FixedType).size !== 16) return undefined
    return from =>
      `"${from
        .take(16)
        .toString('hex')
        .replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}"`
  },
}

function rawBytes(underlying: avsc.Type): ((bytes: AvroBytes) => Buffer) | undefined {
  if (underlying.typeName === 'bytes') return bytes => bytes.sized()
  if (underlying.typeName !== 'fixed') return undefined
  const { size } = underlying as avsc.types.FixedType
  return bytes => bytes.take(size)
}

/** A type that avsc keeps with its logical name and attributes. */
interface Named extends avsc.types.LogicalType {
  logicalName: string
  attributes: LogicalAttributes
}

function logicalTypes(avro: typeof avsc): Record<string, unknown> {
  class NamedType extends avro.types.LogicalType implements Named {
    logicalName: string
    attributes: LogicalAttributes
    constructor(schema: avsc.Schema, options?: object) {
      super(schema, options)
      const attributes = schema as { logicalType: string } & LogicalAttributes
      this.logicalName = attributes.logicalType
      this.attributes = attributes
    }
  }
  return Object.fromEntries(Object.keys(LOGICAL).map(name => [name, NamedType]))
}

class Compiler {
  /** Readers of records, which may hold themselves. */
  readonly #records = new Map<avsc.Type, Read>()

  reader(type: avsc.Type): Read {
    switch (type.typeName) {
      case 'null':
        return () => 'null'
      case 'boolean':
        return bytes => String(bytes.boolean())
      case 'int':
        return bytes => String(bytes.int())
      case 'long':
        return bytes => String(bytes.long())
      case 'float':
        return bytes => doubleText(bytes.float())
      case 'double':
        return bytes => doubleText(bytes.double())
      case 'string':
        return bytes => JSON.stringify(bytes.string())
      case 'bytes':
      case 'fixed': {
        const raw = rawBytes(type)!
        return bytes => `"${raw(bytes).toString('base64')}"`
      }
      case 'enum':
        return enumReader(type as avsc.types.EnumType)
      case 'array':
        return arrayReader(this.reader((type as avsc.types.ArrayType).itemsType))
      case 'map':
        return mapReader(this.reader((type as avsc.types.MapType).valuesType))
      case 'union:wrapped':
      case 'union:unwrapped':
        return this.#union(type as avsc.Type & { types: avsc.Type[] })
      case 'record':
      case 'error':
        return this.#record(type as avsc.types.RecordType)
      default:
        return this.#logical(type as Named)
    }
  }

  #logical(type: Named): Read {
    const { underlyingType } = type
    return LOGICAL[type.logicalName]!(underlyingType, type.attributes) ?? this.reader(underlyingType)
  }

  #union({ types }: { types: avsc.Type[] }): Read {
    const readers = types.map(type => this.reader(type))
    return bytes => {
      const branch = Number(bytes.long())
      const read = readers[branch]
      if (!read) throw new Refusal('malformed', `The union has no branch ${branch}`)
      return read(bytes)
    }
  }

  #record(type: avsc.types.RecordType): Read {
    const known = this.#records.get(type)
    if (known) return known
    let read: Read = () => ''
    this.#records.set(type, bytes => read(bytes))
    const fields = type.fields.map(({ name, type: fieldType }, at) => {
      const prefix = `${at === 0 ? '{' : ','}${JSON.stringify(name)}:`
      return { name, prefix, read: this.reader(fieldType) }
    })
    read = bytes => {
      bytes.enter()
      let text = fields.length === 0 ? '{' : ''
      let at = 0
      try {
        for (; at < fields.length; at++) {
          const field = fields[at]!
          text += field.prefix + field.read(bytes)
        }
      } catch (error) {
        throw within(error, fields[at]!.name)
      }
      bytes.leave()
      return `${text}}`
    }
    return this.#records.get(type)!
  }
}

function enumReader({ symbols }: avsc.types.EnumType): Read {
  const texts = symbols.map(symbol => JSON.stringify(symbol))
  return bytes => {
    const at = bytes.int()
    const text = texts[at]
    if (text === undefined) throw new Refusal('malformed', `The enum has no symbol ${at}`)
    return text
  }
}

function arrayReader(item: Read): Read {
  return bytes => {
    let text = ''
    bytes.blocks(() => {
      text += text === '' ? item(bytes) : `,${item(bytes)}`
    })
    return `[${text}]`
  }
}

function mapReader(value: Read): Read {
  return bytes => {
    let text = ''
    bytes.blocks(() => {
      text += `${text === '' ? '' : ','}${JSON.stringify(bytes.string())}:${value(bytes)}`
    })
    return `{${text}}`
  }
}
