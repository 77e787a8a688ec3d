/** Reads a zod object into a row schema: fields, checks and a fingerprint. What is not supported is named, never ignored. */
import { createHash } from 'node:crypto'
import type { ColumnType } from '../domain/columnType.ts'
import type { Check, Field, RowSchema, Verdict } from '../domain/schema.ts'
import { readChecks } from './readChecks.ts'
import type { ZodDef, ZodLike } from './zodLike.ts'

interface SafeParser {
  safeParse(row: unknown): { success: boolean; error?: { issues: { path: PropertyKey[]; code: string; message: string }[] } }
}

export interface SchemaFault {
  column?: string
  message: string
  hint: string
}

const SUPPORTED =
  'Supported are strings, numbers, integers, bigints, booleans, dates, z.coerce.date(), z.iso.datetime(), enums, literals, nullable and optional, with their bounds, lengths, patterns, startsWith, endsWith and includes.'

export function readSchema(object: unknown): { schema: RowSchema } | { faults: SchemaFault[] } {
  if (!isZod(object) || object._zod.def.type !== 'object') {
    return { faults: [{ message: 'the schema is no zod object', hint: 'Write `z.object({ ... })`, of zod 4.' }] }
  }
  const { def } = object._zod
  const faults: SchemaFault[] = []
  for (const check of def.checks ?? []) {
    faults.push({ message: `\`${check._zod.def.check}\` on the object as a whole is not supported`, hint: SUPPORTED })
  }
  if (def.catchall && def.catchall._zod.def.type !== 'unknown') {
    faults.push({
      message: 'strict objects and `catchall` are not supported: extra columns are ignored',
      hint: 'Write `z.object({ ... })`.',
    })
  }
  const fields: Field[] = []
  for (const [name, column] of Object.entries(def.shape ?? {})) {
    const read = readField(name, column)
    if ('fault' in read) faults.push({ column: name, message: read.fault, hint: SUPPORTED })
    else fields.push(read)
  }
  if (faults.length > 0) return { faults }
  return {
    schema: {
      fields,
      fingerprint: fingerprintOf(fields),
      validate: row => verdictOf(object as unknown as SafeParser, row),
    },
  }
}

function isZod(value: unknown): value is ZodLike {
  return typeof value === 'object' && value !== null && '_zod' in value
}

function verdictOf(parser: SafeParser, row: Record<string, unknown>): Verdict {
  const { success, error } = parser.safeParse(row)
  if (success) return { ok: true }
  return {
    ok: false,
    issues: error!.issues.map(({ path, code, message }) => ({ path: path.map(String).join('.'), code, message })),
  }
}

function fingerprintOf(fields: readonly Field[]): string {
  const meaning = fields.map(({ description: _, ...field }) => field)
  const json = JSON.stringify(meaning, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
  return createHash('sha256').update(json).digest('hex')
}

function readField(name: string, column: ZodLike): Field | { fault: string } {
  let nullable = false
  let optional = false
  let inner = column
  while (inner._zod.def.innerType && ['nullable', 'optional', 'readonly'].includes(inner._zod.def.type)) {
    if (inner._zod.def.type === 'nullable') nullable = true
    if (inner._zod.def.type === 'optional') optional = true
    inner = inner._zod.def.innerType
  }
  const { def } = inner._zod
  const kind = kindOf(def)
  if (!kind) return { fault: `\`z.${def.type}()\`${def.format ? ` (${def.format})` : ''} is not supported` }
  if (def.coerce && def.type !== 'date') return { fault: `\`z.coerce.${def.type}()\` is not supported` }
  const checks = readChecks(def)
  if ('fault' in checks) return checks
  const description = column.description ?? inner.description
  return {
    name,
    type: kind.type,
    input: kind.input,
    nullable,
    optional,
    coerce: def.coerce === true,
    instantText: def.type === 'string' && def.format === 'datetime' && def.local !== true,
    checks: [...kind.checks, ...checks.checks],
    ...(description === undefined ? {} : { description }),
  }
}

interface Kind {
  type: ColumnType
  input: Field['input']
  checks: Check[]
}

const between = (min: number | bigint, max: number | bigint): Check[] => [
  { kind: 'min', value: min, inclusive: true },
  { kind: 'max', value: max, inclusive: true },
]

function kindOf(def: ZodDef): Kind | undefined {
  switch (def.type) {
    case 'boolean':
      return { type: { kind: 'boolean' }, input: 'boolean', checks: [] }
    case 'date':
      return { type: { kind: 'timestamp' }, input: 'date', checks: [] }
    case 'string':
      return { type: { kind: 'string' }, input: 'string', checks: [] }
    case 'bigint':
      return def.format === undefined || def.format === 'int64'
        ? { type: { kind: 'int64' }, input: 'bigint', checks: [] }
        : undefined
    case 'number':
      return numberKind([def.format, ...(def.checks ?? []).map(check => check._zod.def.format)])
    case 'enum':
      return choice(Object.entries(def.entries ?? {}).flatMap(([key, value]) => (isReverse(def.entries!, key) ? [] : [value])))
    case 'literal':
      return choice(def.values ?? [])
    default:
      return undefined
  }
}

/** A numeric TypeScript enum also maps its values back to its names. */
function isReverse(entries: Record<string, string | number>, key: string): boolean {
  return typeof entries[entries[key]!] === 'number' && String(entries[entries[key]!]) === key
}

function numberKind(formats: (string | undefined)[]): Kind | undefined {
  const known = formats.filter(format => format !== undefined)
  const integer: Check = { kind: 'integer' }
  if (known.length === 0 || known.every(format => format === 'float64'))
    return { type: { kind: 'double' }, input: 'number', checks: [] }
  if (known.includes('int32'))
    return { type: { kind: 'int32' }, input: 'number', checks: [integer, ...between(-(2 ** 31), 2 ** 31 - 1)] }
  if (known.includes('uint32')) return { type: { kind: 'int64' }, input: 'number', checks: [integer, ...between(0, 2 ** 32 - 1)] }
  if (known.includes('safeint')) return { type: { kind: 'int64' }, input: 'number', checks: [] }
  return undefined
}

function choice(values: readonly unknown[]): Kind | undefined {
  const oneOf = (kind: 'string' | 'double' | 'boolean', input: Field['input']): Kind => ({
    type: { kind },
    input,
    checks: [{ kind: 'oneOf', values: values as (string | number | boolean)[] }],
  })
  if (values.length === 0) return undefined
  if (values.every(value => typeof value === 'string')) return oneOf('string', 'string')
  if (values.every(value => typeof value === 'number')) return oneOf('double', 'number')
  if (values.every(value => typeof value === 'boolean')) return oneOf('boolean', 'boolean')
  return undefined
}
