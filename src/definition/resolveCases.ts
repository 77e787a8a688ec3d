/** Unit cases as declared, resolved into plain data, or all faults of each at once. */
import type { Value } from '../domain/columnType.ts'
import type { Fault } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { nearest } from '../domain/nearest.ts'
import type { Issue } from '../domain/schema.ts'
import { gateOf } from '../domain/source.ts'
import type { Instant } from '../domain/time.ts'
import { formatInstant, gridCeil, gridFloor } from '../domain/time.ts'
import type { ExpectedRow, InputRow, RejectedInput, UnitCase } from '../domain/unitCase.ts'
import { MOST_ROWS } from '../domain/unitCase.ts'
import type { WrittenRow } from './caseRows.ts'
import { caseSet, landedRows, writtenRow } from './caseRows.ts'
import type { CasesDeclaration } from './cases.ts'
import { shown, unknownOptions } from './options.ts'
import { INSTANT_HINT, instantOf, tableValue, valueHint } from './tableValue.ts'

type ResolvedCase = { name: string } & ({ unit: UnitCase } | { faults: Fault[] })

/** @param place the file */
export function resolveCases({ cases }: CasesDeclaration, set: FeatureSet, place: string): ResolvedCase[] {
  return Object.entries(cases).map(([name, options]) => {
    const faults: Fault[] = []
    const fault: Report = (part, message, hint) => {
      faults.push({ place: `${place}: ${name}${part === '' ? '' : `: ${part}`}`, message, hint, code: 'definition.case' })
    }
    const unit = resolveCase(name, options, set, fault)
    return faults.length === 0 && unit ? { name, unit } : { name, faults }
  })
}

type Report = (part: string, message: string, hint: string) => void

const OPTIONS = ['rows', 'rejects', 'cutoff', 'cutoffs', 'expect']
const ISSUE = ['row', 'path', 'code', 'message']

function resolveCase(name: string, given: object, set: FeatureSet, fault: Report): UnitCase | undefined {
  if (name.trim() === '') fault('', 'has no name', 'Say in a few words what the case proves.')
  if (!isObject(given)) {
    fault('', `\`${shown(given)}\` is no case`, 'Write { rows: [...], cutoff: ..., expect: [...] }.')
    return undefined
  }
  for (const option of unknownOptions(given, OPTIONS)) fault(option, 'there is no such option', nearest(option, OPTIONS))
  const rows = listOf(given, 'rows', fault).flatMap((row, at) => acceptedInput(row, `rows[${at}]`, set, fault))
  const rejects = listOf(given, 'rejects', fault).flatMap((row, at) => rejectedInput(row, `rejects[${at}]`, set, fault))
  if ((given.rows ?? []).length + (given.rejects ?? []).length === 0)
    fault('', 'holds no rows, so it proves nothing', 'Give it `rows`, or `rejects` for rows that must be refused.')
  if (rows.length + rejects.length > MOST_ROWS)
    fault('', `holds more than ${MOST_ROWS} rows`, 'A case is a handful of rows; use `quern run` on a file for more.')
  const cutoffs = resolveCutoffs(given, set, fault)
  const expected = listOf(given, 'expect', fault).flatMap((row, at) => expectedRow(row, `expect[${at}]`, { set, cutoffs, fault }))
  if (given.expect !== undefined && cutoffs.length === 0 && given.cutoff === undefined && given.cutoffs === undefined)
    fault('', 'expects rows at no cutoff', "Write cutoff: '2026-01-31T00:00:00Z', or `cutoffs` for several.")
  if (given.expect === undefined && (given.cutoff ?? given.cutoffs) !== undefined)
    fault('', 'has no `expect`', 'Write the rows that must come out; `expect: []` where there must be none.')
  if (given.expect === undefined && rejects.length === 0 && rows.length > 0)
    fault('', 'expects nothing', 'Give it a `cutoff` and the rows to `expect` there.')
  const seen = new Set<string>()
  for (const { key } of expected) {
    const id = JSON.stringify(key.map(String))
    if (seen.has(id)) fault('expect', `two rows have the key ${keyText(key)}`, 'A table has one row for each key and cutoff.')
    seen.add(id)
  }
  const all = landedRows([...rows, ...rejects.map(({ row }) => ({ row, retracts: false, landedAt: undefined }))], set)
  return {
    name,
    set: caseSet(set),
    rows: all.slice(0, rows.length),
    rejects: rejects.map(({ issue }, at) => ({ row: all[rows.length + at]!, issue })),
    cutoffs,
    expected,
  }
}

interface Options {
  rows?: unknown[]
  rejects?: unknown[]
  cutoff?: unknown
  cutoffs?: unknown
  expect?: unknown[]
}

const isObject = (value: unknown): value is Record<string, unknown> & Options =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

function listOf(given: Options, option: 'rows' | 'rejects' | 'expect', fault: Report): unknown[] {
  const list: unknown = given[option] ?? []
  if (Array.isArray(list)) return list
  fault(option, `\`${shown(list)}\` is no list`, 'Write rows as objects, in brackets.')
  return []
}

function acceptedInput(given: unknown, part: string, set: FeatureSet, fault: Report): (WrittenRow & { row: InputRow })[] {
  const written = writtenRow(given, part, set, fault)
  return inputRow(written.row, part, set, fault).map(row => ({ ...written, row }))
}

function inputRow(row: unknown, part: string, { source }: FeatureSet, fault: Report): InputRow[] {
  if (!isObject(row)) {
    fault(part, `\`${shown(row)}\` is no row`, 'Write it as an object of columns.')
    return []
  }
  const gate = gateOf(source)
  const names = gate.fields.map(({ name }) => name)
  // A file may hold more than the schema names. In a case that is a slip.
  const unknown = gate.extra.kind === 'ignored' ? unknownOptions(row, names) : []
  for (const name of unknown) fault(part, `there is no column \`${name}\``, nearest(name, names))
  for (const [name, value] of Object.entries(row)) {
    const what = unwritable(value, [])
    if (what !== undefined)
      fault(
        part,
        `column \`${name}\` ${isObject(value) || Array.isArray(value) ? 'holds' : 'is'} ${what}`,
        what.endsWith('Date') ? INSTANT_HINT : WRITABLE_HINT,
      )
  }
  return [columnsOf(row)]
}

const WRITABLE_HINT = 'Write what a file can hold: texts, numbers, booleans, Dates, null, and arrays and objects of these.'

/** What no file can hold, in words; undefined where one can hold the value. */
function unwritable(value: unknown, around: readonly object[]): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (typeof value !== 'object' || value === null) return undefined
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : undefined
  if (value instanceof Map || value instanceof Set) return `a ${value.constructor.name}`
  if (around.includes(value)) return 'an object that holds itself'
  for (const member of Object.values(value)) {
    const what = unwritable(member, [...around, value])
    if (what !== undefined) return what
  }
  return undefined
}

/** Without what every object inherits: a column may be called `constructor`, and be left out. */
const columnsOf = (row: object): Record<string, unknown> => Object.assign(Object.create(null), row)

function rejectedInput(given: unknown, part: string, set: FeatureSet, fault: Report): RejectedInput[] {
  if (!isObject(given) || given.row === undefined) {
    fault(part, `\`${shown(given)}\` is no row with its reason`, "Write { row: { ... }, path: 'amount', code: 'too_big' }.")
    return []
  }
  for (const option of unknownOptions(given, ISSUE)) fault(part, `there is no option \`${option}\``, nearest(option, ISSUE))
  const { path, code, message } = given
  for (const [name, value] of Object.entries({ path, code, message })) {
    if (value !== undefined && typeof value !== 'string')
      fault(part, `${name} cannot be \`${shown(value)}\``, 'Write a text, or leave it out.')
  }
  const issue = { path, code, message } as Partial<Issue>
  return inputRow(given.row, part, set, fault).map(row => ({ row, issue }))
}

function resolveCutoffs({ cutoff, cutoffs }: Options, set: FeatureSet, fault: Report): Instant[] {
  if (cutoff !== undefined && cutoffs !== undefined) fault('cutoffs', '`cutoff` stands beside it', 'Write one of the two.')
  if (cutoffs !== undefined && (!Array.isArray(cutoffs) || cutoffs.length === 0))
    fault('cutoffs', `\`${shown(cutoffs)}\` is no list of instants`, "Write one such as ['2026-01-31T00:00:00Z'].")
  const given: [part: string, value: unknown][] = Array.isArray(cutoffs)
    ? cutoffs.map((value, at) => [`cutoffs[${at}]`, value])
    : cutoff === undefined
      ? []
      : [['cutoff', cutoff]]
  const found = given.flatMap(([part, value]) => {
    const instant = requireMoment(value, part, fault)
    if (instant === undefined) return []
    if (gridFloor(set, instant) !== instant) {
      const [before, after] = [gridFloor(set, instant), gridCeil(set, instant)].map(instantText)
      fault(part, `\`${shown(value)}\` is no cutoff of \`${set.name}\``, `Those around it are ${before} and ${after}.`)
    }
    return [instant]
  })
  return [...new Set(found)].sort((a, b) => (a < b ? -1 : 1))
}

function requireMoment(value: unknown, part: string, fault: Report): Instant | undefined {
  const instant = instantOf(value)
  if (instant === undefined) {
    const bare = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value)
    fault(
      part,
      `\`${shown(value)}\` is ${bare ? 'a bare date' : 'no instant'}`,
      bare ? `Write '${value}T00:00:00Z'.` : INSTANT_HINT,
    )
  }
  return instant
}

function expectedRow(
  written: unknown,
  part: string,
  { set, cutoffs, fault }: { set: FeatureSet; cutoffs: readonly Instant[]; fault: Report },
): ExpectedRow[] {
  if (!isObject(written)) {
    fault(part, `\`${shown(written)}\` is no row`, 'Write it as an object: the key, and the features that matter.')
    return []
  }
  const row = columnsOf(written)
  const columns = [...set.entity, ...set.columns]
  const names = [...set.entity.map(({ name }) => name), 'cutoff', ...set.columns.map(({ name }) => name)]
  for (const name of unknownOptions(row, names)) fault(part, `there is no column \`${name}\``, nearest(name, names))
  const values: Record<string, Value> = {}
  for (const { name, type } of columns) {
    const given = row[name]
    const isKey = set.entity.some(key => key.name === name)
    if (isKey && (given === undefined || given === null))
      fault(part, `has no \`${name}\``, `A row is known by its key: ${set.entity.map(key => key.name).join(', ')}.`)
    if (given === undefined) continue
    const value = tableValue(type, given)
    if (value === undefined) fault(part, `column \`${name}\` can never be \`${shown(given)}\``, valueHint(type))
    else values[name] = value
  }
  const cutoff = cutoffOf(row.cutoff, part, cutoffs, fault)
  const key = [...set.entity.map(({ name }) => values[name] ?? null), cutoff ?? null]
  for (const { name } of set.entity) delete values[name]
  return cutoff === undefined ? [] : [{ key, values }]
}

/** The only one where the row names none. */
function cutoffOf(given: unknown, part: string, cutoffs: readonly Instant[], fault: Report): Instant | undefined {
  if (given === undefined && cutoffs.length > 1) fault(part, 'has no `cutoff`', 'Of several cutoffs each row names its own.')
  if (given === undefined) return cutoffs.length === 1 ? cutoffs[0] : undefined
  const instant = requireMoment(given, `${part}: cutoff`, fault)
  if (instant !== undefined && cutoffs.length > 0 && !cutoffs.includes(instant))
    fault(part, `\`${shown(given)}\` is not among the case's cutoffs`, `They are ${cutoffs.map(instantText).join(', ')}.`)
  return instant
}

const instantText = (instant: Instant): string => formatInstant(instant).replace('.000000Z', 'Z')

const keyText = (key: readonly Value[]): string =>
  `${key.slice(0, -1).map(String).join(', ')} at ${instantText(key.at(-1) as Instant)}`
