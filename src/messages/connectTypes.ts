/** Values of Kafka Connect's JSON whose schema says more of them than JSON can. */
import { isObjectText, itemsOf, membersOf } from './members.ts'
import { Refusal, within } from './refusal.ts'
import { dateText, decimalText, microsText, millisText, nanosText, timeOfDayText } from './times.ts'

/** What becomes of a value's text that is not null. */
type Convert = (text: string) => string

/** `payload`'s text with its values as `schema`, both JSON that is well-formed, says. */
export function connectText(schema: string, payload: string): string {
  let convert = known.get(schema)
  if (!convert) {
    // A topic has few schemas; each message repeats its own.
    if (known.size === MOST_KNOWN) known.clear()
    convert = { by: converter(JSON.parse(schema)) }
    known.set(schema, convert)
  }
  return convert.by && payload !== 'null' ? convert.by(payload) : payload
}

const MOST_KNOWN = 100
const known = new Map<string, { by: Convert | undefined }>()

interface ConnectSchema {
  type?: unknown
  name?: unknown
  field?: unknown
  fields?: unknown
  items?: unknown
  parameters?: { scale?: unknown }
}

const whole = (text: string): bigint => {
  if (!/^-?\d{1,19}$/.test(text)) throw new Refusal('malformed', `\`${text.slice(0, 50)}\` is no integer of 64 bits`)
  return BigInt(text)
}

const small = (text: string): number => Number(whole(text))

/** Debezium's own timestamps are of columns without a zone; Connect's are instants. */
const BY_NAME: Record<string, (schema: ConnectSchema) => Convert> = {
  'org.apache.kafka.connect.data.Timestamp': () => text => millisText(whole(text), 'Z'),
  'org.apache.kafka.connect.data.Date': () => text => dateText(small(text)),
  'org.apache.kafka.connect.data.Time': () => text => timeOfDayText(small(text) * 1000, 'ms'),
  'org.apache.kafka.connect.data.Decimal': decimal,
  'io.debezium.time.Date': () => text => dateText(small(text)),
  'io.debezium.time.Time': () => text => timeOfDayText(small(text) * 1000, 'ms'),
  'io.debezium.time.MicroTime': () => text => timeOfDayText(small(text), 'us'),
  'io.debezium.time.NanoTime': () => text => timeOfDayText(Math.floor(small(text) / 1000), 'us'),
  'io.debezium.time.Timestamp': () => text => millisText(whole(text), ''),
  'io.debezium.time.MicroTimestamp': () => text => microsText(whole(text), ''),
  'io.debezium.time.NanoTimestamp': () => text => nanosText(whole(text), ''),
  'io.debezium.data.VariableScaleDecimal': () => text => {
    const members = membersOf(text)
    return decimalText(base64Bytes(members.get('value') ?? ''), small(members.get('scale') ?? ''))
  },
}

function decimal({ parameters }: ConnectSchema): Convert {
  const scale = Number(parameters?.scale ?? 0)
  // `decimal.format` of Connect's converter may have made a number of it already.
  return text => (text.startsWith('"') ? decimalText(base64Bytes(text), scale) : text)
}

function base64Bytes(text: string): Buffer {
  const base64 = /^"([A-Za-z0-9+/]*={0,2})"$/.exec(text)?.[1]
  if (base64 === undefined) throw new Refusal('malformed', `\`${text.slice(0, 50)}\` is no base64`)
  return Buffer.from(base64, 'base64')
}

/** Undefined where the values of a schema are as they should be. */
function converter(schema: unknown): Convert | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined
  const { type, name, fields, items } = schema as ConnectSchema
  const named = typeof name === 'string' && Object.hasOwn(BY_NAME, name) ? BY_NAME[name]!(schema as ConnectSchema) : undefined
  if (named) return named
  if (type === 'struct' && Array.isArray(fields)) return struct(fields)
  const item = type === 'array' ? converter(items) : undefined
  return (
    item &&
    (text =>
      text.startsWith('[')
        ? `[${itemsOf(text)
            .map(value => orNull(item, value))
            .join(',')}]`
        : text)
  )
}

function struct(fields: readonly ConnectSchema[]): Convert | undefined {
  const converts = new Map<string, Convert>()
  for (const field of fields) {
    const convert = converter(field)
    if (convert && typeof field.field === 'string') converts.set(field.field, convert)
  }
  if (converts.size === 0) return undefined
  return text => {
    if (!isObjectText(text)) return text
    const members = [...membersOf(text)].map(([name, value]) => {
      const convert = converts.get(name)
      return `${JSON.stringify(name)}:${convert ? inField(name, convert, value) : value}`
    })
    return `{${members.join(',')}}`
  }
}

function inField(name: string, convert: Convert, text: string): string {
  try {
    return orNull(convert, text)
  } catch (error) {
    throw within(error, name)
  }
}

const orNull = (convert: Convert, text: string): string => (text === 'null' ? text : convert(text))
