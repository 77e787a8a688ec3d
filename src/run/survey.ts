/** What a run finds: the version to build on, and what has become of its inputs. The same for `plan` and `run`. */
import { DataError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { InputChanges } from '../domain/inputChanges.ts'
import { compareInputs } from '../domain/inputChanges.ts'
import type { Lineage } from '../domain/lineage.ts'
import { lineageOf, parseStale } from '../domain/lineage.ts'
import type { Basis } from '../domain/plan.ts'
import { dueCutoff } from '../domain/planner.ts'
import { listedWords } from '../domain/planWords.ts'
import { hull, parseRanges } from '../domain/ranges.ts'
import type { PinnedFile, PinnedInputs } from '../domain/source.ts'
import type { Snapshot, Table } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import { parseDuration, readInstant } from '../domain/time.ts'
import type { Parts } from './parts.ts'
import type { RecordedInputs } from './recordedInputs.ts'
import { recordedInputs } from './recordedInputs.ts'
import { pinInputs } from './replayedTable.ts'
import { schemaSince } from './schemaRecord.ts'

export interface Ground {
  table: Table
  /** The latest version. */
  latest: Snapshot | undefined
  /** The version whose rows are built on: the latest, an older one of the same definition, or none. */
  content: Snapshot | undefined
  basis: Basis
  recorded: RecordedInputs
}

/** The version to build on. */
export async function groundOf(set: FeatureSet, parts: Parts, full: boolean): Promise<Ground> {
  const table = parts.store.table(`features/${set.name}`)
  const latest = await table.snapshot('latest')
  const lineage = latest && lineageOf(latest.lineage)
  const nothing: RecordedInputs = { batches: [], formers: [] }
  const bare: Basis = {
    kind: 'first',
    published: [],
    formers: [],
    pending: [],
    description: undefined,
    reached: undefined,
    restored: false,
  }
  if (!latest) return { table, latest, content: undefined, basis: { ...bare, why: 'first run' }, recorded: nothing }
  if (!lineage) {
    const why = 'no record of how the table was computed: rebuild'
    return { table, latest, content: undefined, basis: { ...bare, kind: 'rebuild', why }, recorded: nothing }
  }
  const reached = reachedBy(lineage)
  const recorded = await recordedInputs(table, lineage).catch(error => {
    // Whoever computes everything anew needs no record of what was read before.
    if (full && error instanceof DataError) return nothing
    throw error
  })
  if (full || lineage.definition.fingerprint !== set.fingerprint) {
    const files = async (): Promise<PinnedFile[]> => recorded.batches.flatMap(batch => batch.files)
    const schema = full || isSameSchema(set, lineage) ? undefined : await schemaSince(set, parts, { table, lineage, files })
    if (schema?.isAlike) {
      return {
        table,
        latest,
        content: latest,
        basis: { ...extension(lineage, recorded), reached, alike: schema.words! },
        recorded,
      }
    }
    const older = full ? undefined : await olderVersion(table, set, latest)
    if (older) return restoredGround(table, latest, older, reached)
    const words = schema?.words ? ` (${listedWords(schema.words)})` : ''
    const why = full ? '--full' : `${schema ? 'schema' : 'definition'} changed: rebuild${words}`
    const published = parseRanges(lineage.published)
    const basis: Basis = { ...bare, kind: 'rebuild', why, published, reached }
    return { table, latest, content: undefined, basis, recorded }
  }
  return { table, latest, content: latest, basis: { ...extension(lineage, recorded), reached }, recorded }
}

const isSameSchema = ({ source }: FeatureSet, { schema }: Lineage): boolean => schema.fingerprint === source.schema.fingerprint

function extension(lineage: Lineage, { formers }: RecordedInputs): Basis {
  return {
    kind: 'extend',
    published: parseRanges(lineage.published),
    formers,
    pending: lineage.pending.map(parseStale),
    description: lineage.definition.description,
    reached: undefined,
    restored: false,
  }
}

/** The last published cutoff, on a grid that may have been another. */
function reachedBy({ published, definition }: Lineage): bigint | undefined {
  const last = hull(parseRanges(published))?.to
  return last === undefined ? undefined : last - parseDuration(definition.every)!
}

/** So many versions are looked through for one of the same definition. */
const LOOKED_THROUGH = 1000

/** The newest version that was computed by the same definition, if its files are still there. */
async function olderVersion(table: Table, set: FeatureSet, latest: Snapshot): Promise<Snapshot | undefined> {
  for await (const { version, lineage } of table.history(LOOKED_THROUGH)) {
    if (version === latest.version || lineageOf(lineage)?.definition.fingerprint !== set.fingerprint) continue
    const snapshot = await table.snapshot({ version })
    return snapshot && (await table.isWhole(snapshot)) ? snapshot : undefined
  }
  return undefined
}

async function restoredGround(table: Table, latest: Snapshot, content: Snapshot, reached: bigint | undefined): Promise<Ground> {
  const lineage = lineageOf(content.lineage)!
  const recorded = await recordedInputs(table, lineage)
  const why = `definition as in version ${content.version}: its rows are taken up again`
  return { table, latest, content, basis: { ...extension(lineage, recorded), why, reached, restored: true }, recorded }
}

/** The inputs as they are now, and what has become of those that were recorded. */
export interface FoundInputs {
  inputs: PinnedInputs
  changes: InputChanges
}

/** @param options `anew`: what an option of the source lets go unseen is looked at as well, as whoever builds on nothing does anyway */
export async function findInputs(
  set: FeatureSet,
  parts: Parts,
  ground: Ground,
  { until, anew = false, signal }: { until: Instant; anew?: boolean; signal: AbortSignal },
): Promise<FoundInputs> {
  const isExtension = ground.basis.kind === 'extend'
  const recorded = ground.recorded.batches.flatMap(({ files }) => files)
  const options = { anew: anew || !isExtension, signal }
  const known = await pinInputs(set, parts, recorded, options)
  const changes = changesOf(set, ground, known, until)
  if (isExtension || set.source.kind !== 'kafka' || recorded.length === 0) return { inputs: known, changes }
  // Landings that were recorded apart lie in one file by now: whoever reads all reads each file once.
  const inputs = await pinInputs(set, parts, [], options)
  return { inputs, changes: { ...changes, fresh: inputs.files.filter(isDueAt(set, until)) } }
}

/** What has become of the inputs since. Files are left for later whose events, as far as it is known, no cutoff can need yet. */
function changesOf(set: FeatureSet, { basis, recorded }: Ground, now: PinnedInputs, until: Instant): InputChanges {
  const changes = compareInputs(recorded.batches, now)
  const isDue = isDueAt(set, until)
  if (basis.kind === 'extend') return { ...changes, fresh: changes.fresh.filter(isDue) }
  return { batches: [], fresh: now.files.filter(isDue), changed: [], gone: changes.gone }
}

function isDueAt(set: FeatureSet, until: Instant): (file: PinnedFile) => boolean {
  // A row may replace any other that has its row key.
  const due = set.source.rowKey ? undefined : dueCutoff(set, until)
  return ({ events }) => due === undefined || events === undefined || readInstant(events.first) < due
}
