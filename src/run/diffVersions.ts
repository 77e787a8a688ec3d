/** What is different between two versions, and why. */
import { isFloat } from '../domain/columnType.ts'
import type { Differences, RoundedColumn } from '../domain/engine.ts'
import type { Lineage } from '../domain/lineage.ts'
import { lineageOf } from '../domain/lineage.ts'
import { isEmpty, parseRanges, subtract } from '../domain/ranges.ts'
import { schemaWords } from '../domain/schemaChanges.ts'
import type { TableColumn } from '../domain/tableStore.ts'
import { keysOf } from './columns.ts'
import type { Parts } from './parts.ts'
import type { Resolved } from './resolveRef.ts'
import { recordedSchema } from './schemaRecord.ts'

const EXAMPLES = 5

interface VersionDiff {
  /** Columns by name. */
  columns: { added: string[]; removed: string[]; retyped: string[] }
  /** Null where the key is another: no rows correspond. */
  rows: Pick<Differences, 'added' | 'removed' | 'changed'> | null
  features: Differences['columns']
  examples: Differences['examples']
  /** Why, as far as the versions' records tell. */
  causes: Cause[]
  /** What the schemas say otherwise, column by column; empty where they say the same or it is not on record. */
  schema: string[]
}

type Cause = 'definition' | 'schema' | 'late rows' | 'replay' | 'new cutoffs' | 'engine' | 'no record'

/** What is different in `to`, seen from `from`. */
export async function diffVersions(from: Resolved, to: Resolved, { engine }: Parts): Promise<VersionDiff> {
  const [left, right] = [from.snapshot.columns, to.snapshot.columns]
  const diff = { columns: columnChanges(left, right), causes: await causesOf(from, to), schema: await schemaChanges(from, to) }
  const keys = keysOf(left)
  if (keys.join() !== keysOf(right).join()) return { ...diff, rows: null, features: [], examples: [] }
  const { added, removed, changed, columns, examples } = await engine.compare({
    left: { paths: await from.table.localPaths(from.snapshot.files), columns: left },
    right: { paths: await to.table.localPaths(to.snapshot.files), columns: right },
    keys,
    rounded: roundedColumns(left),
    limit: EXAMPLES,
  })
  return { ...diff, rows: { added, removed, changed }, features: columns, examples }
}

/** Those whose floats were added up, by how a version describes its columns: `mean of delay over 7d`. */
function roundedColumns(columns: readonly TableColumn[]): RoundedColumn[] {
  return columns
    .filter(({ type, comment }) => isFloat(type) && /^(sum|mean|variance|stddev) of /.test(comment ?? ''))
    .map(({ name, comment }) => ({ name, isVariance: comment!.startsWith('variance') }))
}

function columnChanges(left: readonly TableColumn[], right: readonly TableColumn[]): VersionDiff['columns'] {
  const only = (a: readonly TableColumn[], b: readonly TableColumn[]): string[] =>
    a.filter(({ name }) => !b.some(other => other.name === name)).map(({ name }) => name)
  const retyped = left.filter(({ name, type }) => {
    const other = right.find(column => column.name === name)
    return other && JSON.stringify(other.type) !== JSON.stringify(type)
  })
  return { added: only(right, left), removed: only(left, right), retyped: retyped.map(({ name }) => name) }
}

async function causesOf(from: Resolved, to: Resolved): Promise<Cause[]> {
  const [a, b] = [lineageOf(from.snapshot.lineage), lineageOf(to.snapshot.lineage)]
  if (!a || !b) return ['no record']
  const causes: Cause[] = []
  if (a.schema.fingerprint !== b.schema.fingerprint) causes.push('schema')
  if (a.definition.fingerprint !== b.definition.fingerprint) causes.push('definition')
  causes.push(...(await restatingCauses(from, to)))
  const [first, second] = [parseRanges(a.published), parseRanges(b.published)]
  if (!isEmpty(subtract(first, second)) || !isEmpty(subtract(second, first))) causes.push('new cutoffs')
  if (a.versions.engine !== b.versions.engine) causes.push('engine')
  return causes
}

async function schemaChanges(from: Resolved, to: Resolved): Promise<string[]> {
  const [a, b] = [lineageOf(from.snapshot.lineage), lineageOf(to.snapshot.lineage)]
  if (!a || !b || a.schema.fingerprint === b.schema.fingerprint) return []
  const [before, after] = [await recordedSchema(from.table, a), await recordedSchema(to.table, b)]
  return before && after ? schemaWords(before, after) : []
}

/** Why versions after the older of the two, up to the newer, have computed published cutoffs again. */
async function restatingCauses(from: Resolved, to: Resolved): Promise<Cause[]> {
  const [older, newer] = [from.snapshot.version, to.snapshot.version].sort((a, b) => a - b) as [number, number]
  const causes = new Set<Cause>()
  for await (const { version, lineage } of to.table.history()) {
    if (version <= older) break
    const why = (lineage as Lineage | undefined)?.restated?.why
    if (version > newer || why === undefined) continue
    // `late rows, 1 file is read again after a replay: 2 cutoffs stale`
    for (const part of why.split(': ')[0]!.split(', ')) causes.add(part.endsWith('after a replay') ? 'replay' : 'late rows')
  }
  return [...causes].sort()
}
