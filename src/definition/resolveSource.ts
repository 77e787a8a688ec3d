/** A source as declared, resolved into plain data with all its faults. */

import { nearest } from '../domain/nearest.ts'
import type { Field, RowSchema } from '../domain/schema.ts'
import type { CsvDialect, EventTime, ObjectsSource } from '../domain/source.ts'
import { BUCKET_NAME, BUCKET_WORDS } from '../domain/storePlace.ts'
import { readSchema } from '../validation/readSchema.ts'
import type { RowObject, SourceDeclaration } from './declarations.ts'
import { isName, nameHint, shown, unknownOptions } from './options.ts'
import type { TypeFault } from './typing.ts'

const UNITS = ['s', 'ms', 'us']
const OPTIONS = ['name', 'uri', 'schema', 'eventTime', 'knownTime', 'rowKey', 'zone', 'allowEmpty', 'csv', 'listing', 'inventory']

/** `report` receives a fault and the part of the source that it is about. Undefined where the schema cannot be read. */
export function resolveSource(
  declaration: SourceDeclaration<RowObject>,
  projectDir: string,
  report: (part: string, fault: TypeFault) => void,
): ObjectsSource | undefined {
  const options = declaration?.options
  if (declaration?.kind !== 'objects' || typeof options !== 'object' || options === null) {
    report('source', { message: 'is no source', hint: 'Write `objects({ ... })`.', code: 'definition.source' })
    return undefined
  }
  const fault = (part: string, message: string, hint: string): void => report(part, { message, hint, code: 'definition.source' })
  for (const option of unknownOptions(options, OPTIONS)) fault(option, 'there is no such option', nearest(option, OPTIONS))
  if (!isName(options.name)) fault('name', `\`${shown(options.name)}\` is no name`, nameHint(options.name))
  if (typeof options.uri !== 'string' || options.uri === '')
    fault('uri', 'is missing', "Write a path or pattern, such as 'data/*.parquet'.")
  else if (BUCKET_NAME.test(/^s3:\/\/([^/]*)/.exec(options.uri)?.[1] ?? '')) checkExtension(options.uri, fault)
  else if (/^s3:/i.test(options.uri))
    fault('uri', `\`${options.uri}\` names no bucket`, `Write \`s3://bucket/key\`, the bucket ${BUCKET_WORDS}, without stars.`)
  else if (/^[a-z][a-z0-9+.-]*:\/\//.test(options.uri))
    fault('uri', `\`${options.uri}\` is neither a local path nor in a bucket`, 'Write a path, or `s3://bucket/key`.')
  else checkExtension(options.uri, fault)
  const read = readSchema(options.schema)
  if ('faults' in read) {
    for (const { column, message, hint } of read.faults) fault(column ? `column \`${column}\`` : 'schema', message, hint)
    return undefined
  }
  const { schema } = read
  const eventTime = resolveEventTime(options.eventTime, schema, fault)
  checkTimes(options, schema, fault)
  const rowKey: unknown = options.rowKey ?? []
  if (!Array.isArray(rowKey) || rowKey.some(column => typeof column !== 'string'))
    fault('rowKey', `\`${shown(rowKey)}\` is no list of columns`, "Write one such as rowKey: ['order_id'].")
  else for (const column of rowKey) checkColumn('rowKey', column, schema, fault)
  if (options.knownTime !== undefined) checkColumn('knownTime', options.knownTime, schema, fault)
  if (typeof (options.allowEmpty ?? false) !== 'boolean')
    fault('allowEmpty', `\`${shown(options.allowEmpty)}\` is neither true nor false`, 'Write true or false.')
  checkListing(options, fault)
  if (typeof (options.csv ?? {}) !== 'object' || Array.isArray(options.csv))
    fault('csv', `\`${shown(options.csv)}\` is no object of options`, "Write one such as csv: { delimiter: ';' }.")
  else checkDialect(options.csv ?? {}, fault)
  if (/\.(ndjson|jsonl)(\.gz|\.zst)?$|\{[^}]*(ndjson|jsonl)[^}]*\}/.test(String(options.uri))) checkJson(schema, fault)
  return {
    kind: 'objects',
    name: options.name,
    uri: options.uri,
    projectDir,
    schema,
    eventTime,
    ...(options.knownTime === undefined ? {} : { knownTime: options.knownTime as string }),
    ...(options.rowKey === undefined ? {} : { rowKey: (Array.isArray(rowKey) ? [...rowKey] : []) as string[] }),
    ...(options.zone === undefined ? {} : { zone: options.zone }),
    allowEmpty: options.allowEmpty ?? false,
    csv: { delimiter: ',', quote: '"', header: true, nullText: '', encoding: 'utf-8', ...options.csv },
    ...(options.listing === undefined ? {} : { listing: options.listing }),
    ...(options.inventory === undefined ? {} : { inventory: options.inventory }),
  }
}

type Report = (part: string, message: string, hint: string) => void

/** How objects of a bucket are found: of local files folders are read, which is all there is. */
function checkListing({ uri, listing, inventory }: SourceDeclaration['options'], fault: Report): void {
  const isInBucket = typeof uri === 'string' && uri.startsWith('s3://')
  for (const [part, value] of [
    ['listing', listing],
    ['inventory', inventory],
  ] as const)
    if (value !== undefined && !isInBucket)
      fault(part, 'is for objects in a bucket', `Leave it out, or name a bucket: uri: 's3://bucket/...'.`)
  if (listing !== undefined && listing !== 'all' && listing !== 'afterLast')
    fault('listing', `\`${shown(listing)}\` is no way to list`, "Write 'all' or 'afterLast'.")
  if (inventory === undefined) return
  if (typeof inventory !== 'string' || !/^s3:\/\/[^/*?[{]+\/.*[^/]$/.test(inventory))
    fault('inventory', `\`${shown(inventory)}\` is no object in a bucket`, "Name a manifest: 's3://bucket/path/manifest.json'.")
  else if (listing === 'afterLast')
    fault('listing', 'an inventory takes the place of listings', 'Leave out `listing` or `inventory`.')
}

function checkColumn(part: string, column: unknown, schema: RowSchema, fault: Report): Field | undefined {
  const field = schema.fields.find(({ name }) => name === column)
  if (!field)
    fault(
      part,
      `there is no column \`${shown(column)}\``,
      nearest(
        String(shown(column)),
        schema.fields.map(({ name }) => name),
      ),
    )
  return field
}

function resolveEventTime(declared: unknown, schema: RowSchema, fault: Report): EventTime {
  const given = (declared ?? undefined) as string | { column?: string; unit?: string } | undefined
  if (typeof given !== 'string' && (typeof given !== 'object' || typeof given.column !== 'string')) {
    fault('eventTime', `\`${shown(declared)}\` is no column`, 'Name the column that says when the event happened.')
    return { column: '' }
  }
  const column = typeof given === 'object' ? given.column! : given
  const unit = typeof given === 'object' ? given.unit : undefined
  const field = checkColumn('eventTime', column, schema, fault)
  if (typeof given === 'object' && !UNITS.includes(String(unit))) {
    fault('eventTime', `\`${unit}\` is no unit`, "Units are 's', 'ms' and 'us'.")
  } else if (field && unit !== undefined && field.input !== 'number' && field.input !== 'bigint') {
    fault('eventTime', `column \`${column}\` is no number`, 'Leave out the unit for a column of instants.')
  } else if (field && unit === undefined && !isInstant(field)) {
    fault(
      'eventTime',
      `column \`${column}\` is no instant`,
      "Use z.date(), z.coerce.date() or z.iso.datetime(); for numbers give the unit: { column: '...', unit: 'ms' }.",
    )
  }
  return unit === undefined ? { column } : { column, unit: unit as 's' | 'ms' | 'us' }
}

const isInstant = (field: Field): boolean => field.type.kind === 'timestamp' || field.instantText

function checkTimes(options: SourceDeclaration['options'], schema: RowSchema, fault: Report): void {
  const known = schema.fields.find(({ name }) => name === options.knownTime)
  if (known && !isInstant(known))
    fault('knownTime', `column \`${known.name}\` is no instant`, 'Use z.date() or z.iso.datetime().')
  // Every runtime knows UTC, and asking loads the zone database.
  if (options.zone === undefined || options.zone === 'UTC') return
  if (typeof (options.zone as unknown) !== 'string') {
    fault('zone', `\`${shown(options.zone)}\` is no IANA zone`, "Write one such as 'UTC' or 'Europe/Berlin'.")
    return
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: options.zone })
  } catch {
    fault('zone', `\`${options.zone}\` is no IANA zone`, "Write one such as 'UTC' or 'Europe/Berlin'.")
  }
}

const DIALECT = {
  delimiter: [(value: unknown) => isChar(value), 'one ASCII character'],
  quote: [(value: unknown) => isChar(value), 'one ASCII character'],
  header: [(value: unknown) => typeof value === 'boolean', 'true or false'],
  nullText: [(value: unknown) => typeof value === 'string', 'a text'],
  encoding: [(value: unknown) => ENCODINGS.includes(value as string), "'utf-8', 'utf-16' or 'latin-1'"],
} as const
const ENCODINGS = ['utf-8', 'utf-16', 'latin-1']
const isChar = (value: unknown): boolean => typeof value === 'string' && /^[\t\x20-\x7e]$/.test(value)

function checkDialect(dialect: Partial<CsvDialect>, fault: Report): void {
  for (const [name, value] of Object.entries(dialect)) {
    const rule = DIALECT[name as keyof typeof DIALECT]
    if (!rule) fault('csv', `there is no option \`${name}\``, `Options are ${Object.keys(DIALECT).join(', ')}.`)
    else if (value !== undefined && !rule[0](value)) fault('csv', `${name} cannot be \`${value}\``, `Write ${rule[1]}.`)
  }
  const { delimiter = ',', quote = '"', nullText = '' } = dialect
  if (delimiter === quote) fault('csv', `delimiter and quote are both \`${quote}\``, 'Write two different characters.')
  if (String(nullText).includes(delimiter) || String(nullText).includes(quote))
    fault('csv', `nullText \`${nullText}\` holds the delimiter or the quote`, 'Write a text that a field can hold unquoted.')
}

const FOREIGN = /\.(xlsx?|json|txt|tsv|avro|orc|feather|arrow|zip|bz2|xz)$/i

/** A name that ends like a file of another kind. */
function checkExtension(uri: string, fault: Report): void {
  const extension = FOREIGN.exec(uri)?.[0]
  if (extension === undefined) return
  fault(
    'uri',
    `\`${extension}\` is no format that can be read`,
    'Known are .parquet, .csv, .ndjson and .jsonl, the text formats also with .gz or .zst.',
  )
}

/** JSON has no dates, so a column that wants one can never be filled. */
function checkJson(schema: RowSchema, fault: Report): void {
  for (const field of schema.fields) {
    if (field.input === 'date' && !field.coerce) {
      fault(
        `column \`${field.name}\``,
        'z.date() refuses text, and JSON has no dates',
        'Use z.coerce.date() or z.iso.datetime().',
      )
    }
  }
}
