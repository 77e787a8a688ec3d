/** The story of one run of one feature set. */
import { createHash, randomUUID } from 'node:crypto'
import type { Engine, Progress, StagedFiles } from '../domain/engine.ts'
import { DataError, TransientError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { Lineage } from '../domain/lineage.ts'
import { cutoffsText, describeSet, inputsText, lineageOf } from '../domain/lineage.ts'
import type { Plan } from '../domain/planner.ts'
import { planRun } from '../domain/planner.ts'
import type { PinnedInputs, Source } from '../domain/source.ts'
import type { Snapshot, Table, TableColumn, TableStore } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import { formatInstant } from '../domain/time.ts'
import { RejectedRows } from './rejectedTable.ts'

/** What the stories are given by the composition root. */
export interface Parts {
  store: TableStore
  engine: Engine
  sourceOf: (set: FeatureSet) => Source
  now: () => Instant
  versions: { quern: string; node: string }
  code: string | null
}

export interface RunOptions {
  until: Instant
  full: boolean
  /** Goes before the definition's own. */
  maxRejected: number | undefined
  onProgress: (progress: Progress) => void
  signal: AbortSignal
}

export interface RunResult {
  outcome: 'committed' | 'unchanged'
  version: number | null
  rowsRead: number
  rowsRejected: number
  rowsWritten: number
  cutoffs: StagedFiles['cutoffs']
  through: Instant
  reason: string
}

const ATTEMPTS = 5

/** Looks at what there is and decides: the same for `plan` and `run`. */
export async function planFeatureSet(
  set: FeatureSet,
  parts: Parts,
  options: Pick<RunOptions, 'until' | 'full'>,
): Promise<{ base: Snapshot | undefined; inputs: PinnedInputs; plan: Plan }> {
  const table = parts.store.table(`features/${set.name}`)
  const base = await table.snapshot('latest')
  const lineage = lineageOf(base?.lineage)
  const before = lineage && (await recordedInputs(table, lineage))
  const inputs = await parts.sourceOf(set).pin(before?.files ?? [])
  const latest = lineage && before ? { lineage, inputs: before } : undefined
  return { base, inputs, plan: planRun({ set, inputs, latest, ...options }) }
}

export async function recordedInputs(table: Table, lineage: Lineage): Promise<PinnedInputs | undefined> {
  const bytes = await table.getObject(lineage.inputs.ref)
  return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as PinnedInputs)
}

/**
 * Runs one feature set. An input that changed while it was read, or another writer's commit, makes the plan anew, a bounded
 * number of times.
 */
export async function runFeatureSet(set: FeatureSet, parts: Parts, options: RunOptions): Promise<RunResult> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const result = await attemptRun(set, parts, options)
    if (result) return result
  }
  throw new TransientError('transient.conflict', `\`${set.name}\`: inputs or the table changed during ${ATTEMPTS} attempts`, {
    hint: 'Run again when the inputs are at rest and no other run is under way.',
  })
}

/** Undefined where the plan must be made anew. */
async function attemptRun(set: FeatureSet, parts: Parts, options: RunOptions): Promise<RunResult | undefined> {
  const startedAt = parts.now()
  const runId = randomUUID()
  const { base, inputs, plan } = await planFeatureSet(set, parts, options)
  const version = base?.version ?? null
  const counts = { rowsRead: 0, rowsRejected: 0, rowsWritten: 0 }
  const unchanged = (reason: string): RunResult => ({
    outcome: 'unchanged',
    version,
    ...counts,
    cutoffs: undefined,
    through: plan.through,
    reason,
  })
  if (plan.outcome === 'unchanged') return unchanged(plan.reason)

  const rejected = new RejectedRows(parts.store.table(`rejected/${set.source.name}`), parts.engine, set, { id: runId, startedAt })
  const maxRejected = options.maxRejected ?? set.maxRejected
  const computed = await parts.engine.compute(
    { set, inputs, through: plan.through },
    { maxRejected, onRejected: rows => rejected.add(rows), onProgress: options.onProgress, signal: options.signal },
  )
  if ((await parts.sourceOf(set).changedSince(inputs)).length > 0) return undefined
  await rejected.publish()
  counts.rowsRead = computed.rowsRead
  counts.rowsRejected = computed.rowsRejected
  if (!computed.staged) throw tooManyRejected(set, counts, maxRejected, rejected.commonest)
  const { files, rows, cutoffs, entities } = computed.staged
  if (rows === 0 && (base === undefined || counts.rowsRejected === counts.rowsRead)) {
    return unchanged(
      counts.rowsRead > 0 && counts.rowsRejected === counts.rowsRead
        ? 'every row was rejected'
        : 'no cutoff that is due holds a row',
    )
  }

  const table = parts.store.table(`features/${set.name}`)
  const list = inputsText(inputs)
  const ref = `inputs/${createHash('sha256').update(list).digest('hex')}.json`
  await table.putObject(ref, new TextEncoder().encode(list))
  const lineage: Lineage = {
    runId,
    reason: plan.reason,
    definition: describeSet(set),
    schema: { fingerprint: set.source.schema.fingerprint },
    inputs: {
      source: set.source.name,
      files: inputs.files.length,
      bytes: inputs.files.reduce((sum, { size }) => sum + size, 0),
      ref,
    },
    cutoffs: cutoffsText(cutoffs),
    through: formatInstant(plan.through),
    ...counts,
    rowsWritten: rows,
    entities,
    versions: { ...parts.versions, engine: `${parts.engine.name} ${await parts.engine.version()}` },
    code: parts.code,
    seconds: Number(parts.now() - startedAt) / 1e6,
  }
  options.signal.throwIfAborted()
  const committed = await table.commit({
    base,
    operation: plan.operation,
    schema: { columns: tableColumns(set), ...(set.description === undefined ? {} : { description: set.description }) },
    add: files,
    remove: base?.files.map(file => file.path) ?? [],
    lineage,
    isolation: 'plan',
  })
  if (committed.outcome === 'conflict') return undefined
  return {
    outcome: 'committed',
    version: committed.version,
    ...counts,
    rowsWritten: rows,
    cutoffs,
    through: plan.through,
    reason: plan.reason,
  }
}

export function tableColumns(set: FeatureSet): TableColumn[] {
  return [
    ...set.entity.map(({ name, type }) => ({ name, type, nullable: false, comment: 'entity key' })),
    { name: 'cutoff', type: { kind: 'timestamp' }, nullable: false, comment: 'events before this instant count' },
    ...set.columns.map(({ name, type, aggregation, window }) => ({
      name,
      type,
      nullable: true,
      comment: `${aggregation.name} over ${window.label}`,
    })),
  ]
}

function tooManyRejected(
  set: FeatureSet,
  { rowsRead, rowsRejected }: { rowsRead: number; rowsRejected: number },
  limit: number,
  commonest: { reason: string; rows: number } | undefined,
): DataError {
  const percent = (share: number): string => `${Number((share * 100).toPrecision(2))}%`
  const most = commonest ? ` Most common: ${commonest.reason} (${commonest.rows.toLocaleString('en')}).` : ''
  return new DataError(
    'data.rejected',
    `\`${set.name}\`: ${rowsRejected.toLocaleString('en')} of ${rowsRead.toLocaleString('en')} rows (${percent(rowsRejected / rowsRead)}) were rejected; the limit is ${percent(limit)}. Nothing was committed.${most}`,
    {
      hint: `See \`quern rejected ${set.source.name}\`. Mend the data or the schema, or allow a share with --max-rejected.`,
      values: { rowsRead, rowsRejected, limit },
    },
  )
}
