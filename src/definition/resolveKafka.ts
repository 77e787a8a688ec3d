/** A topic as declared, resolved into plain data with all its faults. */
import type { KafkaLanding, MessagePart, PayloadFormat } from '../domain/kafkaSource.ts'
import { ARCHIVE_COLUMNS } from '../domain/kafkaSource.ts'
import type { Field, RowSchema } from '../domain/schema.ts'
import type { KafkaSource } from '../domain/source.ts'
import { DEFAULT_DIALECT } from '../domain/source.ts'
import { parseDuration } from '../domain/time.ts'
import { storedSchema } from '../validation/storedSchema.ts'
import type { Report } from './declaredRows.ts'
import { checkColumn, checkJson, columnList, isInstant, resolveRows } from './declaredRows.ts'
import type { KafkaOptions } from './kafkaDeclaration.ts'
import { choice, members, shown } from './options.ts'
import { resolveAccess, resolveRegistry } from './resolveAccess.ts'
import type { RowObject } from './rowTypes.ts'

export const KAFKA_OPTIONS = [
  ...['name', 'topic', 'schema', 'eventTime', 'format', 'key', 'envelope', 'registry', 'brokers', 'tls', 'sasl', 'message'],
  ...['rowKey', 'knownTime', 'zone', 'tombstones', 'dedupe', 'maxRejected', 'start', 'client'],
]

const FORMATS = ['json', 'avro', 'protobuf', 'string'] as const

/** Undefined where the schema cannot be read. */
export function resolveKafka(options: KafkaOptions<RowObject>, projectDir: string, fault: Report): KafkaSource | undefined {
  checkTopic(options.topic, fault)
  const rows = resolveRows(options, fault)
  const format = {
    value: choice('format', options.format, FORMATS, 'json', fault),
    key: choice('key', options.key, FORMATS, 'string', fault),
    envelope: options.envelope === undefined ? undefined : choice('envelope', options.envelope, ['debezium'], 'debezium', fault),
  } as const
  const access = resolveAccess(options, fault)
  const registry = resolveRegistry(options.registry, fault)
  const usual = format.envelope === undefined ? 'reject' : 'ignore'
  const tombstones = choice('tombstones', options.tombstones, ['reject', 'ignore', 'retract'], usual, fault)
  const start = choice('start', options.start, ['earliest', 'latest'], 'earliest', fault)
  const client = choice('client', options.client, ['platformatic', 'kafkajs'], 'platformatic', fault)
  for (const [part, of] of [
    ['format', format.value],
    ['key', format.key],
  ] as const)
    if ((of === 'avro' || of === 'protobuf') && options.registry === undefined)
      fault(
        part,
        `'${of}' needs a schema registry`,
        "Name it: registry: 'http://host:8081', or registry: true for that of SCHEMA_REGISTRY_URL.",
      )
  if (format.envelope !== undefined && format.value === 'string')
    fault('format', "'string' has no change events", "Leave out `envelope`, or write 'json', 'avro' or 'protobuf'.")
  if (!rows) return undefined
  const { schema, eventTime, knownTime, rowKey, zone } = rows
  checkColumnNames(schema, fault)
  // Whatever the format, rows come to the schema as JSON has them.
  checkJson(schema, fault)
  const parts = resolveParts(options.message, schema, format.key, fault)
  if (format.value === 'string' && format.envelope === undefined) checkText(schema, parts, fault)
  const retracts = format.envelope !== undefined || tombstones === 'retract'
  checkRetractions({ retracts, tombstones, rowKey, key: format.key, keyColumn: parts.key }, fault)
  const maxRejected = options.maxRejected ?? 1
  if (!(typeof maxRejected === 'number' && maxRejected >= 0 && maxRejected <= 1))
    fault('maxRejected', `\`${shown(maxRejected)}\` is no share`, 'Give a number from 0 to 1, such as 0.01.')
  const dedupe = resolveDedupe(options.dedupe, { schema, rowKey }, fault)
  const landing: KafkaLanding = {
    topic: options.topic,
    schema,
    eventTime,
    ...(zone === undefined ? {} : { zone }),
    format,
    access,
    ...(registry === undefined ? {} : { registry }),
    parts,
    tombstones,
    maxRejected,
    start,
    ...(dedupe === undefined ? {} : { dedupe }),
    client,
  }
  return {
    kind: 'kafka',
    name: options.name,
    projectDir,
    schema: storedSchema(schema),
    eventTime: { column: ARCHIVE_COLUMNS.eventTime },
    ...(knownTime === undefined ? {} : { knownTime }),
    ...(rowKey === undefined ? {} : { rowKey }),
    position: [ARCHIVE_COLUMNS.topic, ARCHIVE_COLUMNS.partition, ARCHIVE_COLUMNS.offset],
    ...(retracts ? { retracts: ARCHIVE_COLUMNS.retracts } : {}),
    // A topic may hold nothing yet.
    allowEmpty: true,
    csv: DEFAULT_DIALECT,
    landing,
  }
}

/** Kafka's own rule. */
function checkTopic(topic: unknown, fault: Report): void {
  if (topic === undefined) fault('topic', 'is missing', "Name the topic: topic: 'shop.payments'.")
  else if (typeof topic !== 'string' || !/^[a-zA-Z0-9._-]{1,249}$/.test(topic) || topic === '.' || topic === '..')
    fault('topic', `\`${shown(topic)}\` is no topic`, 'Names of topics have 1 to 249 of a-z, A-Z, 0-9, `.`, `_` and `-`.')
}

/** They become columns of a table, beside others of its own, and there names differ by more than their case. */
function checkColumnNames({ fields }: RowSchema, fault: Report): void {
  const seen = new Map(Object.values(ARCHIVE_COLUMNS).map(name => [name.toLowerCase(), `the archive's own \`${name}\``]))
  for (const { name } of fields) {
    const other = seen.get(name.toLowerCase())
    if (other !== undefined)
      fault(`column \`${name}\``, `clashes with ${other}`, 'Rename it: names must differ by more than their case.')
    seen.set(name.toLowerCase(), `\`${name}\``)
  }
}

interface PartRule {
  fits: (field: Field, key: PayloadFormat) => boolean
  hint: string
}

const takesText = ({ input, coerce }: Field): boolean => input === 'string' || input === 'any' || coerce
const isWhole = ({ type, input }: Field): boolean => type.kind === 'int64' && (input === 'number' || input === 'bigint')

/** What of a message each column is given: its schema must be able to take it. */
const PARTS: Record<MessagePart, PartRule> = {
  key: {
    fits: (field, key) => key !== 'string' || takesText(field),
    hint: "Keys are read as text: use z.string(), or say how they are written, such as key: 'json'.",
  },
  headers: {
    fits: ({ shape }) => shape.kind === 'any' || shape.kind === 'object',
    hint: 'Use z.record(z.string(), z.string().nullable()).',
  },
  timestamp: { fits: isInstant, hint: 'Use z.coerce.date() or z.iso.datetime().' },
  partition: { fits: field => isWhole(field) || field.type.kind === 'int32', hint: 'Use z.int().' },
  offset: { fits: isWhole, hint: 'Use z.int() or z.int64().' },
}

function resolveParts(given: unknown, schema: RowSchema, key: PayloadFormat, fault: Report): KafkaLanding['parts'] {
  const names = Object.keys(PARTS) as MessagePart[]
  const options = members('message', given ?? {}, names, fault)
  const parts: KafkaLanding['parts'] = {}
  for (const part of names) {
    const column = options?.[part]
    if (column === undefined) continue
    const place = `message.${part}`
    const field = checkColumn(place, column, schema, fault)
    const other = names.find(name => parts[name] === column)
    if (other) fault(place, `column \`${shown(column)}\` is filled from \`message.${other}\``, 'Give each its own column.')
    if (field && !PARTS[part].fits(field, key)) fault(place, `column \`${field.name}\` cannot take it`, PARTS[part].hint)
    parts[part] = column as string
  }
  return parts
}

/** The text is one column; all others are filled from the message. */
function checkText({ fields }: RowSchema, parts: KafkaLanding['parts'], fault: Report): void {
  const filled = Object.values(parts)
  const own = fields.filter(({ name }) => !filled.includes(name))
  for (const { name, optional } of own)
    if (name !== 'value' && !optional)
      fault(
        `column \`${name}\``,
        "is never filled: format 'string' has the one column `value`",
        'Take it out of the schema, or fill it by `message`.',
      )
  const value = own.find(({ name }) => name === 'value')
  if (!value) fault('format', "'string' fills the column `value`, and the schema has none", 'Add value: z.string().')
  else if (!takesText(value)) fault('column `value`', 'takes no text', 'Use z.string().')
}

function checkRetractions(
  {
    retracts,
    tombstones,
    rowKey = [],
    key,
    keyColumn,
  }: Pick<KafkaLanding, 'tombstones'> & {
    retracts: boolean
    rowKey: string[] | undefined
    key: PayloadFormat
    keyColumn: string | undefined
  },
  fault: Report,
): void {
  const why = tombstones === 'retract' ? "tombstones: 'retract'" : 'a change event'
  if (retracts && rowKey.length === 0)
    fault('rowKey', `is missing: ${why} takes back the rows of a key`, "Name the columns that are the key: rowKey: ['id'].")
  else if (tombstones === 'retract' && key === 'string' && rowKey.length > 1)
    fault(
      'tombstones',
      `a key that is text cannot tell \`${rowKey.join('`, `')}\` apart`,
      "Name one column in `rowKey`, or say how keys are written, such as key: 'json'.",
    )
  else if (tombstones === 'retract' && key === 'string' && keyColumn !== rowKey[0])
    fault(
      'tombstones',
      `a key that is text says nothing of \`${rowKey[0]}\`: no message without a value could take a row back`,
      `Fill the column from the key: message: { key: '${rowKey[0]}' }. Or say how keys are written: key: 'json' for objects that have it.`,
    )
}

function resolveDedupe(
  given: unknown,
  { schema, rowKey = [] }: { schema: RowSchema; rowKey: string[] | undefined },
  fault: Report,
): KafkaLanding['dedupe'] {
  if (given === undefined) return undefined
  const options = members('dedupe', given, ['by', 'within'], fault)
  if (!options) return undefined
  const by = typeof options.by === 'string' ? [options.by] : columnList('dedupe.by', options.by, fault)
  if (by.length === 0 && Array.isArray(options.by))
    fault('dedupe.by', 'names no column', "Name what tells events apart: by: 'event_id'.")
  for (const column of by) checkColumn('dedupe.by', column, schema, fault)
  if (by.length > 0 && by.every(column => rowKey.includes(column)))
    fault(
      'dedupe.by',
      `has none but columns of the row key: what corrects a row, or comes again after it was taken back, would be a repeat`,
      "Repeats of a row key need no `dedupe`: of rows with one key the last counts. Or name what tells messages apart: by: 'event_id'.",
    )
  const within = parseDuration(String(options.within))
  if (within === undefined || within === 0n)
    fault(
      'dedupe.within',
      `\`${shown(options.within)}\` is no duration above 0`,
      'A duration is <n> with ms, s, m, h or d, such as 7d.',
    )
  return { by, within: within ?? 0n }
}
