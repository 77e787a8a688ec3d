/** Refused rows, kept once for each content of an input, row and schema, whatever becomes of the run. */
import { createHash } from 'node:crypto'
import type { Engine } from '../domain/engine.ts'
import { TransientError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { RejectedGroup, RejectingRun, StagedRejects } from '../domain/rejectedRows.ts'
import { REJECTED_COLUMNS } from '../domain/rejectedRows.ts'
import type { Snapshot, StagedFile, Table } from '../domain/tableStore.ts'

const ATTEMPTS = 10

/** Publishes a run's refused rows: those that no run has published before. */
export class RejectedRows {
  readonly run: RejectingRun
  readonly #table: Table
  readonly #engine: Engine
  readonly #set: FeatureSet
  #staged: StagedRejects | undefined

  constructor(table: Table, engine: Engine, set: FeatureSet, run: RejectingRun) {
    this.#table = table
    this.#engine = engine
    this.#set = set
    this.run = run
  }

  /** The commonest issue of this run and how many rows had it. */
  get commonest(): { reason: string; rows: number } | undefined {
    return this.#staged?.commonest
  }

  add(staged: StagedRejects | undefined): void {
    this.#staged = staged
  }

  /** Publishes what was added in one commit; of two runs that found the same rows one does. */
  async publish(): Promise<void> {
    const groups = firstOfEach(this.#staged?.groups ?? [])
    if (groups.length === 0) return
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const base = await this.#table.snapshot('latest')
      const fresh = groups.filter(group => !base?.transactions.has(this.#appId(group)))
      const files = await this.#files(base, fresh)
      if (files.length === 0) return
      const outcome = await this.#table.commit({
        base,
        operation: 'append',
        ...(base ? {} : { schema: { columns: REJECTED_COLUMNS } }),
        add: files,
        remove: [],
        transactions: Object.fromEntries(fresh.map(group => [this.#appId(group), 1n])),
        lineage: { runId: this.run.id },
        isolation: 'append',
      })
      if (outcome.outcome === 'committed') return
      if (this.#staged!.files === files) this.#staged = { ...this.#staged!, files: outcome.files }
    }
    throw new TransientError('transient.conflict', `${this.#table.uri}: rejected rows kept meeting other writers`)
  }

  /** The rows of `fresh` groups but those that were published when the same bytes were read in another way. */
  async #files(base: Snapshot | undefined, fresh: readonly RejectedGroup[]): Promise<StagedFile[]> {
    if (fresh.length === 0) return []
    const { files, groups } = this.#staged!
    const conditions: string[] = []
    let isWhole = fresh.length === groups.length
    for (const group of fresh) {
      const published = await this.#published(base, group)
      if (published.length > 0) isWhole = false
      const rest = published.length > 0 ? ` AND row NOT IN (${published.join(', ')})` : ''
      conditions.push(
        `(input = ${quoted(group.input)} AND path = ${quoted(group.path)} AND ${ownerSql(this.#set, group)}${rest})`,
      )
    }
    if (isWhole) return files
    const paths = files.map(({ localPath }) => localPath)
    const rest = await this.#engine.stageQuery({ paths, columns: REJECTED_COLUMNS, where: conditions.join(' OR ') })
    return rest.rows > 0 ? [rest] : []
  }

  /** What all runs agree on that find these rows under the same definition. */
  #appId(group: RejectedGroup): string {
    return `${this.#owner(group)}${readingOf(this.#set, group.byKey ? this.#set.entity : [])}`
  }

  #owner({ input, byKey }: RejectedGroup): string {
    const { source, name } = this.#set
    const schema = `quern/${source.name}/rejected/${input}/${source.schema.fingerprint}/`
    return byKey ? `${schema}${name}/` : schema
  }

  /** Rows that a run has published that read the same bytes in another way (another dialect, zone or event time). */
  async #published(base: Snapshot | undefined, group: RejectedGroup): Promise<bigint[]> {
    const owner = this.#owner(group)
    if (!base || ![...base.transactions.keys()].some(known => known.startsWith(owner))) return []
    const query = {
      paths: await this.#table.localPaths(base.files),
      columns: REJECTED_COLUMNS,
      select: ['row'],
      where: `input = ${quoted(group.input)} AND schema_fingerprint = '${this.#set.source.schema.fingerprint}' AND ${ownerSql(this.#set, group)}`,
    }
    const rows: bigint[] = []
    for await (const { columns } of this.#engine.query(query)) for (const value of columns[0]!) rows.push(value as bigint)
    return rows
  }
}

/** Of equal files the first stands for all. */
function firstOfEach(groups: readonly RejectedGroup[]): RejectedGroup[] {
  return groups.filter(({ input, byKey }, at) => groups.findIndex(other => other.input === input && other.byKey === byKey) === at)
}

const ownerSql = ({ name }: FeatureSet, { byKey }: RejectedGroup): string =>
  byKey ? `feature_set = ${quoted(name)}` : 'feature_set IS NULL'

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** All but the schema that decides which rows of an input are refused. */
function readingOf({ source }: FeatureSet, key: FeatureSet['entity']): string {
  const { eventTime, knownTime, zone, csv } = source
  const meaning = JSON.stringify([eventTime, knownTime ?? null, zone ?? null, csv, key.map(({ name }) => name)])
  return createHash('sha256').update(meaning).digest('hex').slice(0, 16)
}
