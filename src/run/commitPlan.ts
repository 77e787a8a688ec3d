/** The last stage of a run: everything that was computed, and the record of where it came from, in one commit. */
import type { ComputationResult } from '../domain/engine.ts'
import type { ExpectationResult } from '../domain/expectations.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { Lineage } from '../domain/lineage.ts'
import { cutoffsText, describeSet, staleText } from '../domain/lineage.ts'
import type { RunPlan } from '../domain/plan.ts'
import { hull, rangesText } from '../domain/ranges.ts'
import type { CommitOutcome, Snapshot, TableChange } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import { formatInstant } from '../domain/time.ts'
import { tableColumns } from './columns.ts'
import type { Computed } from './computePlan.ts'
import { filesWithin } from './computePlan.ts'
import type { Parts } from './parts.ts'
import type { Fresh } from './readFresh.ts'
import { recordInputs } from './recordedInputs.ts'
import { recordSchema } from './schemaRecord.ts'
import type { Ground } from './survey.ts'
import { joinBatches, keepTiles, withLandedJoined } from './tiles.ts'

export interface RunRecord {
  id: string
  startedAt: Instant
  backfill?: Lineage['backfill']
}

export async function commitPlan(
  set: FeatureSet,
  parts: Parts,
  run: RunRecord,
  { ground, plan, fresh, computed }: { ground: Ground; plan: RunPlan; fresh: Fresh | undefined; computed: Computed },
): Promise<CommitOutcome> {
  const { table, basis, latest, content } = ground
  const { result } = computed
  for (const { id, tiles } of computed.staged) await keepTiles(table, id, tiles)
  const batches = await joinBatches(computed.batches.map(withLandedJoined), set, { engine: parts.engine, table })
  const lineage: Lineage = {
    runId: run.id,
    reason: plan.reason,
    definition: describeSet(set),
    schema: await schemaText(set, ground),
    inputs: await recordInputs(table, set.source.name, { batches, formers: plan.formers }),
    published: rangesText(plan.published),
    pending: plan.pending.map(staleText),
    cutoffs: cutoffsText(result.cutoffs),
    restated: restatedText(result, plan),
    through: formatInstant(plan.through),
    knownThrough: knownThrough(content, fresh),
    rowsRead: fresh?.result.rowsRead ?? 0,
    rowsRejected: fresh?.result.rowsRejected ?? 0,
    rowsWritten: result.rows,
    ...(fresh && fresh.expectations.length > 0 ? { expectations: recorded(fresh.expectations) } : {}),
    ...(run.backfill ? { backfill: run.backfill } : {}),
    ...(basis.restored ? { restored: content!.version } : {}),
    versions: { ...parts.versions, engine: `${parts.engine.name} ${await parts.engine.version()}` },
    code: parts.code,
    seconds: Number(parts.now() - run.startedAt) / 1e6,
  }
  return table.commit({
    base: latest,
    operation: run.backfill ? 'backfill' : basis.kind === 'rebuild' ? 'rebuild' : basis.restored ? 'restore' : 'run',
    ...schemaChange(set, latest),
    ...fileChanges(ground, plan, result.replaced),
    add: result.files,
    lineage,
    isolation: 'plan',
  })
}

/** Without keys of rows: what a table's history says of people could not be taken back. */
const recorded = (expectations: readonly ExpectationResult[]): ExpectationResult[] =>
  expectations.map(({ example: _, ...result }) => result)

async function schemaText(set: FeatureSet, { table, content }: Ground): Promise<Lineage['schema']> {
  const { schema } = set.source
  const before = (content?.lineage as Lineage | undefined)?.schema
  const alike = new Set([...(before?.alike ?? []), ...(before ? [before.fingerprint] : [])])
  alike.delete(schema.fingerprint)
  return {
    fingerprint: schema.fingerprint,
    record: await recordSchema(table, schema),
    ...(alike.size > 0 ? { alike: [...alike] } : {}),
  }
}

function restatedText({ restated }: ComputationResult, { why }: RunPlan): Lineage['restated'] {
  const cutoffs = cutoffsText(restated.cutoffs)
  return cutoffs && { ...restated, cutoffs, why }
}

function knownThrough(content: Snapshot | undefined, fresh: Fresh | undefined): string | null {
  const before = (content?.lineage as Lineage | undefined)?.knownThrough ?? null
  const now = fresh?.result.knownThrough
  const text = now === undefined ? null : formatInstant(now)
  return before !== null && (text === null || before > text) ? before : text
}

/** Which files the new version no longer has, and which it has again. */
function fileChanges(
  { latest, content, basis }: Ground,
  { stale }: RunPlan,
  replaced: readonly number[],
): Pick<TableChange, 'remove' | 'restore'> {
  const range = hull(stale)
  const base = content && range ? filesWithin(content, range) : []
  const gone = new Set(replaced.map(at => base[at]!.file.path))
  const kept = new Set(
    (basis.kind === 'extend' ? (content?.files ?? []) : []).map(({ path }) => path).filter(path => !gone.has(path)),
  )
  const there = new Set(latest?.files.map(({ path }) => path))
  const again = [...kept].filter(path => !there.has(path))
  return {
    remove: [...there].filter(path => !kept.has(path)),
    ...(again.length > 0 ? { restore: { version: content!.version, paths: again } } : {}),
  }
}

/** The table's columns and description, where they are others than before. */
function schemaChange(set: FeatureSet, latest: Snapshot | undefined): Pick<TableChange, 'schema'> {
  const columns = tableColumns(set)
  const same = latest && latest.description === set.description && JSON.stringify(latest.columns) === JSON.stringify(columns)
  return same ? {} : { schema: { columns, ...(set.description === undefined ? {} : { description: set.description }) } }
}
