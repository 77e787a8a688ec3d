/** Reads a zod object into a row schema: fields, checks and a fingerprint. What has no meaning in a table is named, never ignored. */
import { createHash } from 'node:crypto'
import { typeName } from '../domain/columnType.ts'
import type { Accepts, ExtraColumns, Field, Issue, Parsed, RowSchema, SchemaRecord, Verdict } from '../domain/schema.ts'
import { describeColumn, describeRow } from './describeColumn.ts'
import { mergedField } from './mergedField.ts'
import { isAsync, storedValue } from './outputs.ts'
import { ownChecks } from './ownChecks.ts'
import type { FieldFault } from './readField.ts'
import { readField } from './readField.ts'
import type { RowParts } from './rowParts.ts'
import { rowOf } from './rowParts.ts'
import type { ZodLike } from './zodLike.ts'
import { isZod } from './zodLike.ts'

export interface SchemaFault {
  column?: string
  message: string
  hint: string
}

export function readSchema(given: unknown): { schema: RowSchema } | { faults: SchemaFault[] } {
  const row = isZod(given) ? rowOf(given) : undefined
  if (row === undefined)
    return { faults: [{ message: 'the schema is no zod object', hint: 'Write `z.object({ ... })`, of zod 4.' }] }
  const faults: SchemaFault[] = []
  const fields: Field[] = []
  for (const [name, columns] of row.columns) {
    const read = name === '__proto__' ? UNNAMEABLE : readColumn(name, columns, row)
    if ('fault' in read) faults.push({ column: name, ...read.fault })
    else fields.push(read)
  }
  if (row.checks.some(({ _zod }) => isAsync(_zod.def.fn) || isAsync(_zod.check)))
    faults.push({ message: 'a refinement of the whole row is asynchronous', hint: 'Write one that answers at once.' })
  if (row.checks.some(check => check._zod.def.check === 'overwrite'))
    faults.push({
      message: 'the object as a whole is changed, which no column can follow',
      hint: 'Change its columns one by one.',
    })
  const extra = extraColumns(row)
  if ('fault' in extra) faults.push({ ...extra.fault, message: `catchall: ${extra.fault.message}` })
  if (faults.length > 0 || 'fault' in extra) return { faults }
  const record: SchemaRecord = {
    columns: fields.map(({ name, type, isJson, optional }) => ({
      name,
      optional,
      says: [...row.columns.get(name)!.flatMap(describeColumn), `as ${isJson ? 'json' : typeName(type)}`],
    })),
    row: row.isUnion ? describeColumn(given as ZodLike) : describeRow(given as ZodLike),
  }
  return {
    schema: {
      fields,
      extra,
      wholeRow: row.isUnion ? 'a union of objects' : row.checks.length > 0 ? 'a refinement of the whole row' : undefined,
      record,
      fingerprint: createHash('sha256').update(JSON.stringify(record)).digest('hex'),
      output: seen => outputOf(given as ZodLike, seen),
      acceptsWhole: acceptsWhole(given as ZodLike, fields),
      validate: verdicts(given as ZodLike, fields),
    },
  }
}

function acceptsWhole({ _zod: { def } }: ZodLike, fields: readonly Field[]): Accepts | undefined {
  return def.type === 'object' && fields.every(({ keeps }) => keeps) ? ownChecks(def.checks ?? []) : undefined
}

/** A column of one object, or of several of which a row is one. */
function readColumn(name: string, columns: readonly ZodLike[], { isUnion, objects }: RowParts): Field | { fault: FieldFault } {
  if (!columns.every(isZod)) return NO_TYPE
  const alone = (of: string, column: ZodLike): ZodLike => objectOf(objects[0]!, { [of]: column })
  const read = columns.map(column => readField(name, column, alone))
  const faulty = read.find(field => 'fault' in field)
  if (faulty) return faulty
  return isUnion ? mergedField(read as Field[], columns) : read[0]!
}

const NO_TYPE: { fault: FieldFault } = {
  fault: { message: 'it is no zod type', hint: 'Write one such as `z.string()`; of an imported one see that the import exists.' },
}

const UNNAMEABLE: { fault: FieldFault } = {
  fault: { message: 'no column can be called `__proto__`', hint: 'JavaScript keeps the name for itself: rename the column.' },
}

/** An object of other columns, made by the same copy of zod. */
function objectOf(object: ZodLike, shape: Record<string, ZodLike>): ZodLike {
  const Class = object.constructor as new (def: object) => ZodLike
  return new Class({ type: 'object', shape })
}

function extraColumns({ isUnion, objects, checks }: RowParts): ExtraColumns | { fault: FieldFault } {
  const [object] = objects
  const catchall = object!._zod.def.catchall
  const type = catchall?._zod.def.type
  // Of a union each row is judged as a whole, by what its own object says.
  if (isUnion && objects.some(({ _zod }) => _zod.def.catchall)) return { kind: 'seen', field: anything }
  if (catchall === undefined) return { kind: 'ignored' }
  // What lets everything through judges nothing by itself, and shows it to what judges the row.
  if (type === 'unknown' || type === 'any') return checks.length > 0 ? { kind: 'seen', field: anything } : { kind: 'ignored' }
  if (type === 'never') return { kind: 'refused', field: forbidden }
  const read = readField('catchall', catchall, (name, column) => objectOf(object!, { [name]: column }))
  if ('fault' in read) return read
  // Nothing is kept of it, so what a column could hold has no say.
  const parse = (value: unknown): Parsed => {
    const result = catchall.safeParse(value)
    return result.success ? { ok: true, output: result.data, value: null } : { ok: false }
  }
  const judged = {
    ...read,
    optional: true,
    whenAbsent: null,
    steps: undefined,
    refined: undefined,
    caught: undefined,
    byZod: 'a catchall',
    parse,
  }
  return { kind: 'judged', field: name => ({ ...judged, name }) }
}

/** A column of whatever type. */
const anything = (name: string): Field => ({
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
  steps: undefined,
  caught: undefined,
  byZod: undefined,
  refined: undefined,
  keeps: true,
  parse: output => ({ ok: true, output, value: null }),
})

/** A column that a row must not have. */
const forbidden = (name: string): Field => ({
  ...anything(name),
  steps: [{ kind: 'oneOf', values: [] }],
  parse: () => ({ ok: false }),
})

function outputOf(schema: ZodLike, row: Record<string, unknown>): Record<string, unknown> | undefined {
  try {
    const result = schema.safeParse(row)
    return result.success ? (result.data as Record<string, unknown>) : undefined
  } catch {
    // A function of the schema that fails; the verdict tells how.
    return undefined
  }
}

/** zod's verdicts on rows, and what it accepts and a table's columns cannot hold. */
function verdicts(schema: ZodLike, fields: readonly Field[]): (row: Record<string, unknown>) => Verdict {
  const inherits = fields.some(({ name }) => name in {})
  const uncertain = fields.filter(mayBeUnheld)
  return row => {
    const result = schema['~standard'].validate(row)
    if (result instanceof Promise) {
      // What it says then nobody waits for.
      result.catch(() => undefined)
      return { ok: false, issues: [failureOf(schema, row)] }
    }
    if (result.issues) {
      const { issues } = result
      return { ok: false, issues: issues.map(({ path, code, message }) => ({ path: path.map(String).join('.'), code, message })) }
    }
    const given = result.value as Record<string, unknown>
    // What zod gives out inherits what objects do: a column called `constructor` would never be absent.
    const output: typeof given = inherits ? Object.assign(Object.create(null), given) : given
    const unheld = uncertain.filter(field => storedValue(field, output[field.name]) === undefined)
    if (unheld.length > 0) return { ok: false, issues: unheld.map(field => unheldIssue(field, output[field.name])) }
    return { ok: true, row: output }
  }
}

/** Why the schema cannot judge such a row. */
function failureOf(schema: ZodLike, row: Record<string, unknown>): Issue {
  try {
    schema.safeParse(row)
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    if (!/Promise during synchronous parse/.test(message))
      return { path: '', code: 'exception', message: `The schema itself fails: ${name}: ${message}` }
  }
  return ASYNC
}

const ASYNC: Issue = {
  path: '',
  code: 'asynchronous',
  message: 'A function of the schema is asynchronous, and rows are judged at once: write one that answers without waiting',
}

/** What compiles gives out what its column holds, but for integers without bounds. */
const mayBeUnheld = ({ steps, input }: Field): boolean => steps === undefined || input === 'bigint'

/** What zod accepts and the table's column cannot hold. */
function unheldIssue({ name, type }: Field, value: unknown): Issue {
  if (type.kind === 'int64' && (typeof value === 'bigint' || typeof value === 'number'))
    return { path: name, code: 'int64_range', message: 'Outside of what 64-bit integers hold' }
  const what = typeof value === 'bigint' || typeof value === 'number' ? String(value) : `a ${typeof value}`
  return { path: name, code: 'unstorable', message: `The schema gives out ${what}, which a column of its type cannot hold` }
}
