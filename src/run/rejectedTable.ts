/** Refused rows, kept once for each content of an input, row and schema, whatever becomes of the run. */
import { createHash } from 'node:crypto'
import type { Engine } from '../domain/engine.ts'
import { TransientError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { RejectedGroup, RejectingRun, StagedRejects } from '../domain/rejectedRows.ts'
import { REJECTED_COLUMNS } from '../domain/rejectedRows.ts'
import type { PinnedInputs } from '../domain/source.ts'
import type { Snapshot, StagedFile, Table, TableChange } from '../domain/tableStore.ts'
import type { Parts } from './parts.ts'
import { markKey, marksOf, replayedTable } from './replayedTable.ts'

const ATTEMPTS = 10

/** The run that finds rows, and what it reads. */
interface RunOfRows extends RejectingRun {
  inputs: PinnedInputs
}

/**
 * Publishes a run's refused rows: those that no run has published before. A row that a replay found accepted is not published any
 * more: refused again, it is published again.
 */
export class RejectedRows {
  readonly run: RejectingRun
  readonly #table: Table
  readonly #replayed: Table
  readonly #engine: Engine
  readonly #set: FeatureSet
  /** By content: how many replays have marked rows of it. */
  readonly #replays: ReadonlyMap<string, number>
  #staged: StagedRejects | undefined
  #again = 0
  #commonestNew: StagedRejects['commonest']

  constructor(set: FeatureSet, { store, engine }: Pick<Parts, 'store' | 'engine'>, { inputs, ...run }: RunOfRows) {
    this.#table = store.table(`rejected/${set.source.name}`)
    this.#replayed = replayedTable(store, set.source.name)
    this.#engine = engine
    this.#set = set
    this.run = run
    this.#replays = new Map(inputs.files.flatMap(({ hash, replays }) => (replays === undefined ? [] : [[hash, replays]])))
  }

  /** How many of the rows had been refused before a replay of their file: whoever read it then has let them pass. */
  get again(): number {
    return this.#again
  }

  /** The commonest issue of the rows that no replay had seen, and how many have it. */
  get commonest(): { reason: string; rows: number } | undefined {
    return this.#again === 0 ? this.#staged?.commonest : this.#commonestNew
  }

  async add(staged: StagedRejects | undefined): Promise<void> {
    this.#staged = staged
    if (this.#replays.size === 0) return
    const reasons = new Map<string, number>()
    for (const group of staged?.groups ?? []) this.#again += await this.#refusedAgain(group, reasons)
    const [first] = [...reasons].sort((a, b) => b[1] - a[1])
    this.#commonestNew = first && { reason: first[0], rows: first[1] }
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
        ...rejectedSchema(base),
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
      conditions.push(`(path = ${quoted(group.path)} AND ${this.#ofGroup(group)}${rest})`)
    }
    if (isWhole) return files
    const paths = files.map(({ localPath }) => localPath)
    const rest = await this.#engine.stageQuery({ paths, columns: REJECTED_COLUMNS, where: conditions.join(' OR ') })
    return rest.rows > 0 ? [rest] : []
  }

  /** What all runs agree on that find these rows under the same definition. */
  #appId(group: RejectedGroup): string {
    const replays = this.#replaysOf(group)
    const reading = readingOf(this.#set, group.byKey ? this.#set.entity : [])
    return `${this.#owner(group)}${reading}${replays === 0 ? '' : `/${replays}`}`
  }

  #owner({ input, byKey }: RejectedGroup): string {
    const { source, name } = this.#set
    const schema = `quern/${source.name}/rejected/${input}/${source.schema.fingerprint}/`
    return byKey ? `${schema}${name}/` : schema
  }

  /**
   * Rows that a run has published that read the same bytes in another way (another dialect, zone or event time), but for those that a
   * replay has marked since.
   */
  async #published(base: Snapshot | undefined, group: RejectedGroup): Promise<bigint[]> {
    const owner = this.#owner(group)
    if (!base || ![...base.transactions.keys()].some(known => known.startsWith(owner))) return []
    const where = `schema_fingerprint = '${this.#set.source.schema.fingerprint}' AND ${this.#ofGroup(group)}`
    const marks = this.#replaysOf(group) === 0 ? new Map<string, number>() : await this.#marks(group.input)
    const by = group.byKey ? this.#set.name : null
    return this.#rows(base, where, (row, replays) => replays >= (marks.get(markKey(group.input, row, by)) ?? 0))
  }

  /**
   * Of a file that is read again after a replay: how many of its rows had been refused before, whatever the schema was. The others
   * are counted by their reason.
   */
  async #refusedAgain(group: RejectedGroup, reasons: Map<string, number>): Promise<number> {
    const replays = this.#replaysOf(group)
    const base = replays === 0 ? undefined : await this.#table.snapshot('latest')
    const before = new Set(base ? await this.#rows(base, this.#ofGroup(group), (_, at) => at < replays) : [])
    const query = {
      paths: this.#staged!.files.map(({ localPath }) => localPath),
      columns: REJECTED_COLUMNS,
      select: ['row', 'reason'],
      where: `path = ${quoted(group.path)} AND ${this.#ofGroup(group)}`,
    }
    let again = 0
    for await (const { rows, columns } of this.#engine.query(query)) {
      for (let at = 0; at < rows; at++) {
        const reason = String(columns[1]![at])
        if (before.has(columns[0]![at] as bigint)) again++
        else reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      }
    }
    return again
  }

  async #rows(base: Snapshot, where: string, isWanted: (row: bigint, replays: number) => boolean): Promise<bigint[]> {
    const rows: bigint[] = []
    const paths = await this.#table.localPaths(base.files)
    for await (const batch of this.#engine.query({ paths, columns: REJECTED_COLUMNS, select: ['row', 'replays'], where })) {
      for (let at = 0; at < batch.rows; at++) {
        const row = batch.columns[0]![at] as bigint
        if (isWanted(row, Number(batch.columns[1]![at] ?? 0))) rows.push(row)
      }
    }
    return rows
  }

  async #marks(input: string): Promise<ReadonlyMap<string, number>> {
    const snapshot = await this.#replayed.snapshot('latest')
    return snapshot ? marksOf(this.#engine, { table: this.#replayed, snapshot }, input) : new Map()
  }

  #replaysOf({ input }: RejectedGroup): number {
    return this.#replays.get(input) ?? 0
  }

  #ofGroup({ input, byKey }: RejectedGroup): string {
    return `input = ${quoted(input)} AND feature_set ${byKey ? `= ${quoted(this.#set.name)}` : 'IS NULL'}`
  }
}

/** Of equal files the first stands for all. */
function firstOfEach(groups: readonly RejectedGroup[]): RejectedGroup[] {
  return groups.filter(({ input, byKey }, at) => groups.findIndex(other => other.input === input && other.byKey === byKey) === at)
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** All but the schema that decides which rows of an input are refused. */
function readingOf({ source }: FeatureSet, key: FeatureSet['entity']): string {
  const { eventTime, knownTime, zone, csv, rowKey, position, retracts } = source
  // Of a row that takes back others only these are judged.
  const waived = retracts === undefined ? [] : [[retracts, rowKey, position ?? null]]
  const meaning = JSON.stringify([eventTime, knownTime ?? null, zone ?? null, csv, key.map(({ name }) => name), ...waived])
  return createHash('sha256').update(meaning).digest('hex').slice(0, 16)
}

/** What a commit says of the table's columns. One of an older release lacks the last of them. */
export const rejectedSchema = (base: Snapshot | undefined): Pick<TableChange, 'schema'> =>
  base?.columns.length === REJECTED_COLUMNS.length ? {} : { schema: { columns: REJECTED_COLUMNS } }
