/** Refused rows, kept once for each content of an input, row and schema, whatever becomes of the run. */
import { createHash } from 'node:crypto'
import type { Engine, RejectedRow, RowWriter } from '../domain/engine.ts'
import { TransientError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { PinnedInputs } from '../domain/source.ts'
import type { Snapshot, StagedFile, Table, TableColumn } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import type { Parts } from './parts.ts'
import { markKey, marksOf, replayedTable } from './replayedTable.ts'

const text = (name: string, comment: string): TableColumn => ({ name, type: { kind: 'string' }, nullable: true, comment })

export const REJECTED_COLUMNS: TableColumn[] = [
  text('input', "SHA-256 of the file's bytes"),
  text('path', 'the file as it was called then'),
  { name: 'row', type: { kind: 'int64' }, nullable: true, comment: 'counted from 1' },
  text('raw', 'the row as it was read'),
  text('issues', 'JSON: path, code and message of every issue'),
  text('code', "the first issue's code"),
  text('reason', 'the first issue in words'),
  text('schema_fingerprint', 'of the schema that refused it'),
  text('feature_set', 'the set whose key refused it; null where the schema did'),
  text('run_id', 'the run that found it'),
  { name: 'rejected_at', type: { kind: 'timestamp' }, nullable: true },
  {
    name: 'replays',
    type: { kind: 'int64' },
    nullable: true,
    comment: 'replays that had marked rows of the file when it was read',
  },
]

const ATTEMPTS = 10

/** Rows of one input under one schema, or refused by one key: published together, and once. */
interface Group {
  appId: string
  /** Of equal files the first stands for all. */
  path: string
  /** Rows that a run has published that read the same bytes in another way (another dialect, zone or event time). */
  published: ReadonlySet<bigint>
}

const NONE: ReadonlySet<bigint> = new Set()

/** The run that finds rows, and what it reads. */
interface RunOfRows {
  id: string
  startedAt: Instant
  inputs: PinnedInputs
}

/**
 * Gathers one run's refused rows and publishes those that no run has published before. A row that a replay found accepted is not
 * published any more: refused again, it is published again.
 */
export class RejectedRows {
  readonly #table: Table
  readonly #replayed: Table
  readonly #engine: Engine
  readonly #set: FeatureSet
  readonly #run: RunOfRows
  readonly #groups = new Map<string, Group | undefined>()
  readonly #counts = new Map<string, number>()
  /** By content: how many replays have marked rows of it. */
  readonly #replays: ReadonlyMap<string, number>
  readonly #before = new Map<string, ReadonlySet<bigint>>()
  #writer: RowWriter | undefined
  #base: Snapshot | undefined
  #again = 0

  constructor(set: FeatureSet, { store, engine }: Pick<Parts, 'store' | 'engine'>, run: RunOfRows) {
    this.#table = store.table(`rejected/${set.source.name}`)
    this.#replayed = replayedTable(store, set.source.name)
    this.#engine = engine
    this.#set = set
    this.#run = run
    this.#replays = new Map(run.inputs.files.flatMap(({ hash, replays }) => (replays === undefined ? [] : [[hash, replays]])))
  }

  /** How many of the rows had been refused before a replay of their file: whoever read it then has let them pass. */
  get again(): number {
    return this.#again
  }

  /** The commonest issue of this run and how many rows had it. */
  get commonest(): { reason: string; rows: number } | undefined {
    const [first] = [...this.#counts].sort((a, b) => b[1] - a[1])
    return first && { reason: first[0], rows: first[1] }
  }

  async add(rows: readonly RejectedRow[]): Promise<void> {
    const kept: RejectedRow[] = []
    for (const row of rows) {
      const reason = reasonOf(row)
      this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
      if ((await this.#refusedBefore(row)).has(row.row)) this.#again++
      const group = await this.#groupOf(row)
      if (group && row.path === group.path && !group.published.has(row.row)) kept.push(row)
    }
    if (kept.length === 0) return
    this.#writer ??= await this.#engine.writeRows(REJECTED_COLUMNS)
    await this.#writer.write({ rows: kept.length, columns: this.#columns(kept) })
  }

  /** Publishes what was added in one commit; of two runs that found the same rows one does. */
  async publish(): Promise<void> {
    let staged = (await this.#writer?.finish()) ?? []
    const groups = new Map([...this.#groups].flatMap(([key, group]) => (group ? [[key, group]] : [])))
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const base = await this.#table.snapshot('latest')
      const others = [...groups].flatMap(([key, { appId }]) => (base?.transactions.has(appId) ? [key] : []))
      for (const key of others) groups.delete(key)
      if (others.length > 0) staged = await this.#without(staged, others)
      if (staged.length === 0) return
      const outcome = await this.#table.commit({
        base,
        operation: 'append',
        ...(base && hasColumns(base) ? {} : { schema: { columns: REJECTED_COLUMNS } }),
        add: staged,
        remove: [],
        transactions: Object.fromEntries([...groups.values()].map(({ appId }) => [appId, 1n])),
        lineage: { runId: this.#run.id },
        isolation: 'append',
      })
      if (outcome.outcome === 'committed') return
      staged = outcome.files
    }
    throw new TransientError('transient.conflict', `${this.#table.uri}: rejected rows kept meeting other writers`)
  }

  /** The staged rows but those that another run has published meanwhile. */
  async #without(staged: readonly StagedFile[], keys: readonly string[]): Promise<StagedFile[]> {
    if (staged.length === 0) return []
    const where = `input || coalesce('/' || feature_set, '') NOT IN (${keys.map(key => `'${key}'`).join(', ')})`
    const paths = staged.map(({ localPath }) => localPath)
    const rest = await this.#engine.stageQuery({ paths, columns: REJECTED_COLUMNS, where })
    return rest.rows > 0 ? [rest] : []
  }

  /** Undefined where what is to be known of the row's input is published already. */
  async #groupOf(row: RejectedRow): Promise<Group | undefined> {
    const key = row.refusedByKey ? `${row.input}/${this.#set.name}` : row.input
    if (!this.#groups.has(key)) this.#groups.set(key, await this.#newGroup(row))
    return this.#groups.get(key)
  }

  async #newGroup(row: RejectedRow): Promise<Group | undefined> {
    this.#base ??= await this.#table.snapshot('latest')
    const { source, entity, name } = this.#set
    const schema = `quern/${source.name}/rejected/${row.input}/${source.schema.fingerprint}/`
    const owner = row.refusedByKey ? `${schema}${name}/` : schema
    const replays = this.#replaysOf(row)
    const appId = `${owner}${readingOf(this.#set, row.refusedByKey ? entity : [])}${replays === 0 ? '' : `/${replays}`}`
    const known = [...(this.#base?.transactions.keys() ?? [])]
    if (known.includes(appId)) return undefined
    const wasReadOtherwise = known.some(other => other.startsWith(owner))
    return { appId, path: row.path, published: wasReadOtherwise ? await this.#published(row) : NONE }
  }

  /** The rows of its input that are published, but for those that a replay has marked since. */
  async #published(row: RejectedRow): Promise<ReadonlySet<bigint>> {
    const owner = row.refusedByKey ? this.#set.name : null
    const ofOwner = owner === null ? 'feature_set IS NULL' : `feature_set = '${owner}'`
    const where = `input = '${row.input}' AND schema_fingerprint = '${this.#set.source.schema.fingerprint}' AND ${ofOwner}`
    const marks = this.#replaysOf(row) === 0 ? new Map<string, number>() : await this.#marks(row.input)
    return this.#rows(where, (at, replays) => replays >= (marks.get(markKey(row.input, at, owner)) ?? 0))
  }

  /** Where its file is read again after a replay: the rows of it that had been refused before, whatever the schema was. */
  async #refusedBefore(row: RejectedRow): Promise<ReadonlySet<bigint>> {
    const replays = this.#replaysOf(row)
    if (replays === 0) return NONE
    const owner = row.refusedByKey ? `feature_set = '${this.#set.name}'` : 'feature_set IS NULL'
    const key = `${row.input}/${owner}`
    const before = this.#before.get(key) ?? (await this.#rows(`input = '${row.input}' AND ${owner}`, (_, at) => at < replays))
    this.#before.set(key, before)
    return before
  }

  async #rows(where: string, isWanted: (row: bigint, replays: number) => boolean): Promise<ReadonlySet<bigint>> {
    this.#base ??= await this.#table.snapshot('latest')
    const rows = new Set<bigint>()
    if (!this.#base) return rows
    const paths = await this.#table.localPaths(this.#base.files)
    const query = { paths, columns: REJECTED_COLUMNS, select: ['row', 'replays'], where }
    for await (const batch of this.#engine.query(query)) {
      for (let at = 0; at < batch.rows; at++) {
        const row = batch.columns[0]![at] as bigint
        if (isWanted(row, Number(batch.columns[1]![at] ?? 0))) rows.add(row)
      }
    }
    return rows
  }

  async #marks(input: string): Promise<ReadonlyMap<string, number>> {
    const snapshot = await this.#replayed.snapshot('latest')
    return snapshot ? marksOf(this.#engine, { table: this.#replayed, snapshot }, input) : new Map()
  }

  #replaysOf({ input }: RejectedRow): number {
    return this.#replays.get(input) ?? 0
  }

  #columns(rows: readonly RejectedRow[]): (string | bigint | null)[][] {
    const { source, name } = this.#set
    const column = (value: (row: RejectedRow) => string | bigint | null): (string | bigint | null)[] => rows.map(value)
    return [
      column(row => row.input),
      column(row => row.path),
      column(row => row.row),
      column(row => row.raw),
      column(row => JSON.stringify(row.issues)),
      column(row => row.issues[0]!.code),
      column(reasonOf),
      column(() => source.schema.fingerprint),
      column(row => (row.refusedByKey ? name : null)),
      column(() => this.#run.id),
      column(() => this.#run.startedAt),
      column(row => BigInt(this.#replaysOf(row))),
    ]
  }
}

/** All but the schema that decides which rows of an input are refused. */
function readingOf({ source }: FeatureSet, key: FeatureSet['entity']): string {
  const { eventTime, knownTime, zone, csv } = source
  const meaning = JSON.stringify([eventTime, knownTime ?? null, zone ?? null, csv, key.map(({ name }) => name)])
  return createHash('sha256').update(meaning).digest('hex').slice(0, 16)
}

/** A table of an older release lacks the last of them. */
const hasColumns = ({ columns }: Snapshot): boolean => columns.length === REJECTED_COLUMNS.length

export function reasonOf({ issues }: RejectedRow): string {
  const { path, message } = issues[0]!
  return path === '' ? message : `${path}: ${message}`
}
