/** A source as declared, resolved into plain data with all its faults. */

import { nearest } from '../domain/nearest.ts'
import type { CsvDialect, ObjectsSource, SourceDefinition } from '../domain/source.ts'
import { DEFAULT_DIALECT } from '../domain/source.ts'
import { BUCKET_NAME, BUCKET_WORDS } from '../domain/storePlace.ts'
import type { ObjectsOptions, SourceDeclaration } from './declarations.ts'
import type { Report } from './declaredRows.ts'
import { checkJson, resolveRows } from './declaredRows.ts'
import { isName, nameHint, shown, unknownOptions } from './options.ts'
import { KAFKA_OPTIONS, resolveKafka } from './resolveKafka.ts'
import type { RowObject } from './rowTypes.ts'
import type { TypeFault } from './typing.ts'

const OPTIONS = ['name', 'uri', 'schema', 'eventTime', 'knownTime', 'rowKey', 'zone', 'allowEmpty', 'csv', 'listing', 'inventory']

/** `report` receives a fault and the part of the source that it is about. Undefined where the schema cannot be read. */
export function resolveSource(
  declaration: SourceDeclaration<RowObject>,
  projectDir: string,
  report: (part: string, fault: TypeFault) => void,
): SourceDefinition | undefined {
  const { kind, options } = declaration ?? {}
  if ((kind !== 'objects' && kind !== 'kafka') || typeof options !== 'object' || options === null) {
    report('source', {
      message: 'is no source',
      hint: 'Write `objects({ ... })` or `kafka({ ... })`.',
      code: 'definition.source',
    })
    return undefined
  }
  const fault: Report = (part, message, hint) => report(part, { message, hint, code: 'definition.source' })
  const known = kind === 'kafka' ? KAFKA_OPTIONS : OPTIONS
  for (const option of unknownOptions(options, known)) fault(option, 'there is no such option', nearest(option, known))
  if (!isName(options.name)) fault('name', `\`${shown(options.name)}\` is no name`, nameHint(options.name))
  return declaration.kind === 'kafka'
    ? resolveKafka(declaration.options, projectDir, fault)
    : resolveObjects(declaration.options, projectDir, fault)
}

function resolveObjects(options: ObjectsOptions<RowObject>, projectDir: string, fault: Report): ObjectsSource | undefined {
  if (typeof options.uri !== 'string' || options.uri === '')
    fault('uri', 'is missing', "Write a path or pattern, such as 'data/*.parquet'.")
  else if (BUCKET_NAME.test(/^s3:\/\/([^/]*)/.exec(options.uri)?.[1] ?? '')) checkExtension(options.uri, fault)
  else if (/^s3:/i.test(options.uri))
    fault('uri', `\`${options.uri}\` names no bucket`, `Write \`s3://bucket/key\`, the bucket ${BUCKET_WORDS}, without stars.`)
  else if (/^[a-z][a-z0-9+.-]*:\/\//.test(options.uri))
    fault('uri', `\`${options.uri}\` is neither a local path nor in a bucket`, 'Write a path, or `s3://bucket/key`.')
  else checkExtension(options.uri, fault)
  const rows = resolveRows(options, fault)
  if (!rows) return undefined
  if (typeof (options.allowEmpty ?? false) !== 'boolean')
    fault('allowEmpty', `\`${shown(options.allowEmpty)}\` is neither true nor false`, 'Write true or false.')
  checkListing(options, fault)
  if (typeof (options.csv ?? {}) !== 'object' || Array.isArray(options.csv))
    fault('csv', `\`${shown(options.csv)}\` is no object of options`, "Write one such as csv: { delimiter: ';' }.")
  else checkDialect(options.csv ?? {}, fault)
  if (/\.(ndjson|jsonl)(\.gz|\.zst)?$|\{[^}]*(ndjson|jsonl)[^}]*\}/.test(String(options.uri))) checkJson(rows.schema, fault)
  return {
    kind: 'objects',
    name: options.name,
    uri: options.uri,
    projectDir,
    ...rows,
    allowEmpty: options.allowEmpty ?? false,
    csv: { ...DEFAULT_DIALECT, ...options.csv },
    ...(options.listing === undefined ? {} : { listing: options.listing }),
    ...(options.inventory === undefined ? {} : { inventory: options.inventory }),
  }
}

/** How objects of a bucket are found: of local files folders are read, which is all there is. */
function checkListing({ uri, listing, inventory }: ObjectsOptions<RowObject>, fault: Report): void {
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
