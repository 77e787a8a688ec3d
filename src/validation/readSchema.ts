/** Reads a zod object into a row schema: fields, checks and a fingerprint. What has no meaning in a table is named, never ignored. */
import { createHash } from 'node:crypto'
import { typeName } from '../domain/columnType.ts'
import type { ExtraColumns, Field, Issue, RowSchema, SchemaRecord, Verdict } from '../domain/schema.ts'
import { describeColumn, describeRow } from './describeColumn.ts'
import { storedValue } from './outputs.ts'
import type { FieldFault } from './readField.ts'
import { readField } from './readField.ts'
import type { ZodLike } from './zodLike.ts'
import { isZod } from './zodLike.ts'

export interface SchemaFault {
  column?: string
  message: string
  hint: string
}

export function readSchema(given: unknown): { schema: RowSchema } | { faults: SchemaFault[] } {
  const object = isZod(given) ? unwrapped(given) : undefined
  if (object?._zod.def.type !== 'object') {
    return { faults: [{ message: 'the schema is no zod object', hint: 'Write `z.object({ ... })`, of zod 4.' }] }
  }
  const { def } = object._zod
  const alone = (name: string, column: ZodLike): ZodLike => objectOf(object, { [name]: column })
  const faults: SchemaFault[] = []
  const fields: Field[] = []
  for (const [name, column] of Object.entries(def.shape ?? {})) {
    const read = name === '__proto__' ? UNNAMEABLE : readField(name, column, alone)
    if ('fault' in read) faults.push({ column: name, ...read.fault })
    else fields.push(read)
  }
  const changes = (def.checks ?? []).some(check => check._zod.def.check === 'overwrite')
  if (changes)
    faults.push({
      message: 'the object as a whole is changed, which no column can follow',
      hint: 'Change its columns one by one.',
    })
  const extra = extraColumns(def.catchall, alone)
  if ('fault' in extra) faults.push({ ...extra.fault, message: `catchall: ${extra.fault.message}` })
  if (faults.length > 0 || 'fault' in extra) return { faults }
  const record: SchemaRecord = {
    columns: fields.map(({ name, type, isJson, optional }) => ({
      name,
      optional,
      says: [...describeColumn(def.shape![name]!), `as ${isJson ? 'json' : typeName(type)}`],
    })),
    row: describeRow(object),
  }
  const wholeRow = (def.checks ?? []).length > 0 ? 'a refinement of the whole row' : undefined
  return {
    schema: {
      fields,
      extra,
      wholeRow,
      record,
      fingerprint: createHash('sha256').update(JSON.stringify(record)).digest('hex'),
      validate: row => verdictOf(given as ZodLike, fields, row),
    },
  }
}

const UNNAMEABLE: { fault: FieldFault } = {
  fault: { message: 'no column can be called `__proto__`', hint: 'JavaScript keeps the name for itself: rename the column.' },
}

/** `z.object(...).readonly()` is the object. */
function unwrapped(schema: ZodLike): ZodLike {
  const { def } = schema._zod
  return def.type === 'readonly' && def.innerType ? unwrapped(def.innerType) : schema
}

/** An object of other columns, made by the same copy of zod. */
function objectOf(object: ZodLike, shape: Record<string, ZodLike>): ZodLike {
  const Class = object.constructor as new (def: object) => ZodLike
  return new Class({ type: 'object', shape })
}

function extraColumns(
  catchall: ZodLike | undefined,
  alone: (name: string, column: ZodLike) => ZodLike,
): ExtraColumns | { fault: FieldFault } {
  const type = catchall?._zod.def.type
  if (catchall === undefined || type === 'unknown' || type === 'any') return { kind: 'ignored' }
  if (type === 'never') return { kind: 'refused', field: forbidden }
  const read = readField('catchall', catchall, alone)
  return 'fault' in read ? read : { kind: 'judged', field: name => ({ ...read, name }) }
}

/** A column that a row must not have. */
const forbidden = (name: string): Field => ({
  name,
  type: { kind: 'string' },
  isJson: true,
  input: 'any',
  shape: { kind: 'any' },
  nullable: false,
  optional: true,
  whenNull: null,
  whenAbsent: null,
  coerce: false,
  instantText: false,
  steps: [{ kind: 'oneOf', values: [] }],
  caught: undefined,
  byZod: undefined,
  parse: () => ({ ok: false }),
})

function verdictOf(schema: ZodLike, fields: readonly Field[], row: Record<string, unknown>): Verdict {
  let result: ReturnType<ZodLike['safeParse']>
  try {
    result = schema.safeParse(row)
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    return { ok: false, issues: [{ path: '', code: 'exception', message: `The schema itself fails: ${name}: ${message}` }] }
  }
  if (!result.success) {
    const { issues } = result.error
    return { ok: false, issues: issues.map(({ path, code, message }) => ({ path: path.map(String).join('.'), code, message })) }
  }
  const output = result.data as Record<string, unknown>
  const unheld = fields.filter(field => storedValue(field, output[field.name]) === undefined)
  if (unheld.length > 0) return { ok: false, issues: unheld.map(field => unheldIssue(field, output[field.name])) }
  return { ok: true, row: output }
}

/** What zod accepts and the table's column cannot hold. */
function unheldIssue({ name, type }: Field, value: unknown): Issue {
  if (type.kind === 'int64' && (typeof value === 'bigint' || typeof value === 'number'))
    return { path: name, code: 'int64_range', message: 'Outside of what 64-bit integers hold' }
  const what = typeof value === 'bigint' || typeof value === 'number' ? String(value) : `a ${typeof value}`
  return { path: name, code: 'unstorable', message: `The schema gives out ${what}, which a column of its type cannot hold` }
}
