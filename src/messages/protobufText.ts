/** Decoded Protobuf messages as JSON: by the fields' own names, with the defaults of those that cannot be absent. */
import type { Enum, Field, MapField, Type } from 'protobufjs'
import { Refusal, within } from './refusal.ts'
import type { Whole } from './times.ts'
import { decimalText, doubleText, microsText } from './times.ts'

type Protobuf = typeof import('protobufjs')

/** A value as protobufjs has decoded it, as JSON. */
type Print = (value: never) => string

type Values = Readonly<Record<string, unknown>>

interface Int64 {
  low: number
  high: number
  unsigned: boolean
}

export class ProtobufText {
  readonly #protobuf: Protobuf
  /** Printers of messages, which may hold themselves. */
  readonly #messages = new Map<Type, (message: object) => string>()

  constructor(protobuf: Protobuf) {
    this.#protobuf = protobuf
  }

  of(type: Type): (message: object) => string {
    const known = this.#messages.get(type)
    if (known) return known
    let print = (_: object): string => ''
    this.#messages.set(type, message => print(message))
    const special = Object.hasOwn(WELL_KNOWN, type.fullName) ? WELL_KNOWN[type.fullName] : undefined
    print = special ? message => special(message as Values) : this.#fields(type)
    return print
  }

  #fields(type: Type): (message: object) => string {
    const fields = type.fieldsArray.map(field => {
      const { name } = field.resolve()
      return {
        name,
        prefix: `${JSON.stringify(name)}:`,
        print: this.#field(field) as (value: unknown) => string,
        always: this.#isAlways(field),
      }
    })
    return message => {
      let text = '{'
      for (const { name, prefix, print, always } of fields) {
        if (!always && !Object.hasOwn(message, name)) continue
        if (text.length > 1) text += ','
        text += prefix
        try {
          text += print((message as Values)[name])
        } catch (error) {
          throw within(error, name)
        }
      }
      return `${text}}`
    }
  }

  /** Whether a field is in the JSON even where the bytes do not have it. */
  #isAlways(field: Field): boolean {
    return field.repeated || field.map || !(field.hasPresence || field.resolvedType instanceof this.#protobuf.Type)
  }

  #field(field: Field): Print {
    const one = this.#value(field) as (value: unknown) => string
    if (field instanceof this.#protobuf.MapField) return mapPrinter(this.#protobuf, field, one)
    if (!field.repeated) return one as Print
    return (values: readonly unknown[]) => `[${values.map(one).join(',')}]`
  }

  #value({ type, resolvedType }: Field): Print {
    if (resolvedType instanceof this.#protobuf.Enum) return enumPrinter(resolvedType)
    if (resolvedType) return this.of(resolvedType) as Print
    return SCALARS[type] ?? (String as Print)
  }
}

const printDouble = (value: number): string => doubleText(value)

const SCALARS: Record<string, Print> = {
  double: printDouble,
  float: printDouble,
  string: (value: string) => JSON.stringify(value),
  bytes: (value: Uint8Array) => `"${Buffer.from(value).toString('base64')}"`,
  int64: (value: Int64 | number) => String(wholeOf(value)),
  uint64: (value: Int64 | number) => String(wholeOf(value)),
  sint64: (value: Int64 | number) => String(wholeOf(value)),
  fixed64: (value: Int64 | number) => String(wholeOf(value)),
  sfixed64: (value: Int64 | number) => String(wholeOf(value)),
}

/** A 64-bit integer; a bigint where a double cannot hold it. */
function wholeOf(value: Int64 | number): Whole {
  if (typeof value === 'number') return value
  const high = value.unsigned ? value.high >>> 0 : value.high
  if (high < 2 ** 20 && high >= -(2 ** 20)) return high * 2 ** 32 + (value.low >>> 0)
  return (BigInt(high) << 32n) + BigInt(value.low >>> 0)
}

/** By name; a number that has none is a number. */
function enumPrinter({ valuesById }: Enum): Print {
  const names = new Map(Object.entries(valuesById).map(([id, name]) => [Number(id), JSON.stringify(name)]))
  return (value: number) => names.get(value) ?? String(value)
}

function mapPrinter({ util }: Protobuf, { keyType }: MapField, one: (value: unknown) => string): Print {
  const is64 = /64$/.test(keyType)
  const isUnsigned = keyType === 'uint64' || keyType === 'fixed64'
  const nameOf = (key: string): string => (is64 ? String(wholeOf(util.longFromHash(key, isUnsigned) as Int64 | number)) : key)
  return (values: Values) =>
    `{${Object.keys(values)
      .map(key => `${JSON.stringify(nameOf(key))}:${one(values[key])}`)
      .join(',')}}`
}

const value = (message: Values, print: Print, otherwise: unknown): string =>
  print((Object.hasOwn(message, 'value') && message.value !== null ? message.value : otherwise) as never)

const whole = (message: Values, name: string): Whole =>
  Object.hasOwn(message, name) ? wholeOf(message[name] as Int64 | number) : 0

/** The types of Google and Confluent that mean more than their fields, as Protobuf's own JSON has them. */
const WELL_KNOWN: Record<string, (message: Values) => string> = {
  '.google.protobuf.Timestamp': timestampText,
  '.google.protobuf.Duration': durationText,
  '.google.protobuf.DoubleValue': message => value(message, printDouble, 0),
  '.google.protobuf.FloatValue': message => value(message, printDouble, 0),
  '.google.protobuf.Int64Value': message => value(message, SCALARS.int64!, 0),
  '.google.protobuf.UInt64Value': message => value(message, SCALARS.uint64!, 0),
  '.google.protobuf.Int32Value': message => value(message, String, 0),
  '.google.protobuf.UInt32Value': message => value(message, String, 0),
  '.google.protobuf.BoolValue': message => value(message, String, false),
  '.google.protobuf.StringValue': message => value(message, SCALARS.string!, ''),
  '.google.protobuf.BytesValue': message => value(message, SCALARS.bytes!, new Uint8Array(0)),
  '.google.protobuf.FieldMask': ({ paths }) => JSON.stringify(((paths ?? []) as string[]).join(',')),
  '.google.protobuf.Struct': structText,
  '.google.protobuf.ListValue': listText,
  '.google.protobuf.Value': valueText,
  '.confluent.type.Decimal': message =>
    decimalText((message.value ?? new Uint8Array(0)) as Uint8Array, Number(message.scale ?? 0)),
}

function nanosOf(message: Values): number {
  return Object.hasOwn(message, 'nanos') ? Number(message.nanos) : 0
}

/** Floored to microseconds. */
function timestampText(message: Values): string {
  const [seconds, nanos] = [whole(message, 'seconds'), nanosOf(message)]
  return microsText(BigInt(seconds) * 1_000_000n + BigInt(Math.floor(nanos / 1000)), 'Z')
}

/** `"1.5s"`. */
function durationText(message: Values): string {
  const [seconds, nanos] = [whole(message, 'seconds'), nanosOf(message)]
  const total = BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
  const digits = String(total < 0n ? -total : total).padStart(10, '0')
  const fraction = digits.slice(-9).replace(/(000)+$/, '')
  return `"${total < 0n ? '-' : ''}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}s"`
}

function structText(message: Values): string {
  const fields = (Object.hasOwn(message, 'fields') ? message.fields : {}) as Readonly<Record<string, Values>>
  return `{${Object.keys(fields)
    .map(name => `${JSON.stringify(name)}:${valueText(fields[name]!)}`)
    .join(',')}}`
}

function listText(message: Values): string {
  const values = (Object.hasOwn(message, 'values') ? message.values : []) as readonly Values[]
  return `[${values.map(valueText).join(',')}]`
}

function valueText(message: Values): string {
  if (Object.hasOwn(message, 'numberValue')) return doubleText(message.numberValue as number)
  if (Object.hasOwn(message, 'stringValue')) return JSON.stringify(message.stringValue)
  if (Object.hasOwn(message, 'boolValue')) return String(message.boolValue)
  if (Object.hasOwn(message, 'structValue')) return structText(message.structValue as Values)
  if (Object.hasOwn(message, 'listValue')) return listText(message.listValue as Values)
  if (Object.hasOwn(message, 'nullValue')) return 'null'
  throw new Refusal('malformed', 'A google.protobuf.Value holds nothing')
}
