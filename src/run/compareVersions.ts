/** Two versions side by side, and a version beside what its own record computes to. */
import type { Comparison, Differences } from '../domain/engine.ts'
import { DataError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { Lineage } from '../domain/lineage.ts'
import { lineageOf } from '../domain/lineage.ts'
import type { PinnedInputs } from '../domain/source.ts'
import type { TableColumn } from '../domain/tableStore.ts'
import { parseInstant } from '../domain/time.ts'
import type { Resolved } from './resolveRef.ts'
import type { Parts } from './runFeatureSet.ts'
import { recordedInputs, tableColumns } from './runFeatureSet.ts'

const EXAMPLES = 5

/** Of a value that is summed in another order; sums of floats promise no more. */
const TOLERANCE = 1e-9

export interface VersionDiff {
  /** Columns by name. */
  columns: { added: string[]; removed: string[]; retyped: string[] }
  rows: Pick<Differences, 'added' | 'removed' | 'changed'>
  features: Differences['columns']
  examples: Differences['examples']
  /** Why, as far as the versions' records tell. */
  causes: string[]
}

/** What is different in `to`, seen from `from`. */
export async function diffVersions(from: Resolved, to: Resolved, { engine }: Parts): Promise<VersionDiff> {
  const [left, right] = [from.snapshot.columns, to.snapshot.columns]
  const only = (a: TableColumn[], b: TableColumn[]): string[] =>
    a.filter(({ name }) => !b.some(other => other.name === name)).map(({ name }) => name)
  const retyped = left.filter(({ name, type }) => {
    const other = right.find(column => column.name === name)
    return other && JSON.stringify(other.type) !== JSON.stringify(type)
  })
  const keys = keysOf(left)
  if (keys.join() !== keysOf(right).join()) {
    throw new DataError(
      'data.keys',
      `${from.name} has the key ${keys.join(', ')}, ${to.name} ${keysOf(right).join(', ')}: no rows correspond`,
      {
        hint: 'Compare versions of one key.',
      },
    )
  }
  const comparison: Comparison = {
    left: { paths: await from.table.localPaths(from.snapshot.files), columns: left },
    right: { paths: await to.table.localPaths(to.snapshot.files), columns: right },
    keys,
    tolerance: TOLERANCE,
    limit: EXAMPLES,
  }
  const { added, removed, changed, columns, examples } = await engine.compare(comparison)
  return {
    columns: { added: only(right, left), removed: only(left, right), retyped: retyped.map(({ name }) => name) },
    rows: { added, removed, changed },
    features: columns,
    examples,
    causes: await causesOf(from, to),
  }
}

/** The entity's key and the cutoff: the columns up to it. */
function keysOf(columns: readonly TableColumn[]): string[] {
  return columns.slice(0, columns.findIndex(({ name }) => name === 'cutoff') + 1).map(({ name }) => name)
}

async function causesOf(from: Resolved, to: Resolved): Promise<string[]> {
  const [a, b] = [lineageOf(from.snapshot.lineage), lineageOf(to.snapshot.lineage)]
  if (!a || !b) return ['unknown: a version has no record']
  const [inputsA, inputsB] = [await recordedInputs(from.table, a), await recordedInputs(to.table, b)]
  const causes: string[] = []
  if (a.schema.fingerprint !== b.schema.fingerprint) causes.push('schema')
  if (a.definition.fingerprint !== b.definition.fingerprint) causes.push('definition')
  if (hashesOf(inputsA) !== hashesOf(inputsB)) causes.push('inputs')
  if (a.through !== b.through) causes.push('new cutoffs')
  if (a.versions.engine !== b.versions.engine) causes.push('engine')
  return causes
}

const hashesOf = (inputs: PinnedInputs | undefined): string | undefined =>
  inputs?.files
    .map(({ hash }) => hash)
    .sort()
    .join()

export type Verification =
  | { outcome: 'equal'; rows: number }
  | { outcome: 'unequal'; rows: number; cause: string; differences: Differences | undefined }

/**
 * Computes a version anew from the inputs and cutoffs that it recorded, with the definition as it is now, and compares row by
 * row. Where an input is gone or the definition has changed that is the answer, and nothing is computed.
 */
export async function verifyVersion(
  { table, snapshot }: Resolved,
  set: FeatureSet | undefined,
  parts: Parts,
  signal: AbortSignal,
): Promise<Verification> {
  const rows = snapshot.files.reduce((sum, file) => sum + file.rows, 0)
  const unequal = (cause: string, differences?: Differences): Verification => ({ outcome: 'unequal', rows, cause, differences })
  const lineage = lineageOf(snapshot.lineage)
  const recorded = lineage && (await recordedInputs(table, lineage))
  if (!lineage || !recorded) return unequal('the version has no record of its inputs')
  if (!set) return unequal('definition gone: the project has no feature set of this name')
  if (set.fingerprint !== lineage.definition.fingerprint) {
    return unequal(
      lineage.code ? `definition changed since; it was computed by code ${lineage.code}` : 'definition changed since',
    )
  }
  const inputs = await presentInputs(recorded, set, parts)
  if ('gone' in inputs) return unequal(`input gone or changed: ${inputs.gone}`)
  const computed = await parts.engine.compute(
    { set, inputs, through: parseInstant(lineage.through)! },
    { maxRejected: 1, onRejected: async () => {}, onProgress: () => {}, signal },
  )
  const columns = tableColumns(set)
  const differences = await parts.engine.compare({
    left: { paths: await table.localPaths(snapshot.files), columns: snapshot.columns },
    right: { paths: computed.staged!.files.map(({ localPath }) => localPath), columns },
    keys: keysOf(columns),
    tolerance: TOLERANCE,
    limit: EXAMPLES,
  })
  if (differences.added + differences.removed + differences.changed === 0) return { outcome: 'equal', rows }
  return unequal(await engineCause(lineage, parts), differences)
}

async function engineCause(lineage: Lineage, { engine }: Parts): Promise<string> {
  const now = `${engine.name} ${await engine.version()}`
  return now === lineage.versions.engine
    ? 'unknown: inputs, definition and engine are the same, so the stored rows were changed or a value is not reproducible'
    : `engine changed: ${lineage.versions.engine} then, ${now} now`
}

/** The recorded files as they are called now: each must still be there with the bytes that it had. */
async function presentInputs(
  recorded: PinnedInputs,
  set: FeatureSet,
  { sourceOf }: Parts,
): Promise<PinnedInputs | { gone: string }> {
  const source = sourceOf(set)
  const changed = new Set(await source.changedSince(recorded))
  if (changed.size === 0) return recorded
  const now = (await source.pin(recorded.files)).files
  const files = recorded.files.map(file => (changed.has(file.path) ? now.find(({ hash }) => hash === file.hash) : file))
  const missing = files.indexOf(undefined)
  if (missing >= 0) return { gone: recorded.files[missing]!.path }
  return { source: recorded.source, files: files.map(file => file!) }
}
