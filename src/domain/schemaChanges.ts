/** What is different between two schemas, in words, and whether it can matter to a feature set. Pure. */
import { columnsOf } from './expression.ts'
import type { FeatureSet } from './featureSet.ts'
import type { ColumnRecord, SchemaRecord } from './schema.ts'

interface ColumnChange {
  name: string
  before: ColumnRecord | undefined
  after: ColumnRecord | undefined
}

/** The columns that are not what they were, in the order of the new schema; those that are gone follow. */
function changedColumns(before: SchemaRecord, after: SchemaRecord): ColumnChange[] {
  const old = new Map(before.columns.map(column => [column.name, column]))
  const now = new Set(after.columns.map(({ name }) => name))
  const all = [
    ...after.columns.map(column => ({ name: column.name, before: old.get(column.name), after: column })),
    ...before.columns
      .filter(({ name }) => !now.has(name))
      .map(column => ({ name: column.name, before: column, after: undefined })),
  ]
  return all.filter(change => JSON.stringify(change.before) !== JSON.stringify(change.after))
}

/** ``column `delay`: max 3000 -> 4000``, one text for each column and one for the row as a whole. */
export function schemaWords(before: SchemaRecord, after: SchemaRecord): string[] {
  const words = changedColumns(before, after).map(columnWords)
  if (JSON.stringify(before.row) !== JSON.stringify(after.row))
    words.push(`the row as a whole: ${partWords(before.row, after.row)}`)
  if (words.length === 0) words.push('the columns stand in another order')
  return words
}

function columnWords({ name, before, after }: ColumnChange): string {
  const what = `column \`${name}\``
  if (!before) return `${what} is new (${clipped(after!.says.join(', '))})`
  if (!after) return `${what} is gone`
  return `${what}: ${partWords(before.says, after.says)}`
}

/** A part that has another value is told as one change: `max 3000 -> 4000`. */
function partWords(before: readonly string[], after: readonly string[]): string {
  const [gone, come] = [without(before, after), without(after, before)]
  const words: string[] = []
  for (const part of gone) {
    const at = come.findIndex(other => keyOf(other) === keyOf(part) && part !== keyOf(part))
    if (at >= 0) words.push(`${keyOf(part)} ${clippedPair(restOf(part), restOf(come.splice(at, 1)[0]!)).join(' -> ')}`)
    else words.push(`no longer ${clipped(part)}`)
  }
  words.push(...come.map(part => `now ${clipped(part)}`))
  return words.length === 0 ? 'the same in another order' : words.join(', ')
}

/** The parts of `a` that `b` has not, as often as they stand. */
function without(a: readonly string[], b: readonly string[]): string[] {
  const rest = [...b]
  return a.filter(part => {
    const at = rest.indexOf(part)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}

const keyOf = (part: string): string => part.split(' ', 1)[0]!
const restOf = (part: string): string => part.slice(keyOf(part).length + 1)

const LONGEST = 60
const clipped = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text)

/** Two texts, from a little before where they part if they begin alike for too long. */
function clippedPair(before: string, after: string): [string, string] {
  if (clipped(before) !== clipped(after)) return [clipped(before), clipped(after)]
  let same = 0
  while (before[same] === after[same]) same++
  const rest = (text: string): string => clipped(`...${text.slice(same - LONGEST / 3)}`)
  return [rest(before), rest(after)]
}

/**
 * The names of the columns that changed, where rows and values of `set` are what they were in every file that has none of them:
 * all optional before and after, and none of them used. Undefined where the change may matter in such files too.
 *
 * Where the order of rows decides a value its place in it is kept in the tiles, with all columns.
 */
export function unusedChange(set: FeatureSet, before: SchemaRecord, after: SchemaRecord): string[] | undefined {
  const changes = changedColumns(before, after)
  const names = changes.map(({ name }) => name)
  const used = usedColumns(set)
  const isUnused = changes.every(
    change => [change.before, change.after].every(column => column?.optional ?? true) && !used.has(change.name),
  )
  const order = ({ columns }: SchemaRecord): string[] => columns.map(({ name }) => name).filter(name => !names.includes(name))
  const isApart = order(before).join('\n') === order(after).join('\n')
  const judgesRows = before.row.length > 0 || after.row.length > 0
  const isOrdered = set.columns.some(({ aggregation: { name } }) => ['first', 'last', 'lastRow'].includes(name))
  return isUnused && isApart && !judgesRows && !isOrdered ? names : undefined
}

function usedColumns({ source, entity, columns }: FeatureSet): Set<string> {
  const { eventTime, knownTime, rowKey = [], position = [], retracts } = source
  const expressions = columns.flatMap(({ aggregation, where }) => [aggregation.input, where])
  return new Set([
    eventTime.column,
    ...(knownTime === undefined ? [] : [knownTime]),
    ...rowKey,
    ...position,
    ...(retracts === undefined ? [] : [retracts]),
    ...entity.map(({ name }) => name),
    ...expressions.flatMap(expression => (expression ? [...columnsOf(expression)] : [])),
  ])
}
