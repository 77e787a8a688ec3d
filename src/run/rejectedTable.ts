/** Refused rows, kept once for each content of an input, row and schema, whatever becomes of the run. */
import type { RejectedRow, RowWriter } from '../domain/engine.ts'
import { TransientError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { PinnedFile } from '../domain/source.ts'
import type { Snapshot, StagedFile, Table } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import type { Parts } from './parts.ts'
import { PublishedRows } from './publishedRows.ts'
import { REJECTED_COLUMNS } from './rejectedColumns.ts'

const ATTEMPTS = 10

/** Rows of one input under one schema, or refused by one key: published together, and once. */
interface Group {
  appId: string
  /** Of equal files the first stands for all. */
  path: string
}

/**
 * Gathers one run's refused rows and publishes those that no run has published before. A row that a replay found accepted is not
 * published any more: refused again, it is published again.
 */
export class RejectedRows {
  readonly #table: Table
  readonly #parts: Pick<Parts, 'store' | 'engine'>
  readonly #set: FeatureSet
  readonly #run: { id: string; startedAt: Instant }
  readonly #groups = new Map<string, Group | undefined>()
  readonly #counts = new Map<string, number>()
  #known: PublishedRows | undefined
  #writer: RowWriter | undefined
  #again = 0

  constructor(set: FeatureSet, parts: Pick<Parts, 'store' | 'engine'>, run: { id: string; startedAt: Instant }) {
    this.#table = parts.store.table(`rejected/${set.source.name}`)
    this.#parts = parts
    this.#set = set
    this.#run = run
  }

  /** Before any row of them is added: looks up what is known of the files that are to be read. */
  async expect(files: readonly PinnedFile[]): Promise<void> {
    this.#known = await PublishedRows.of(this.#set, this.#parts, files)
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
      if (this.#known!.wasRefused(row)) this.#again++
      const group = this.#groupOf(row)
      if (group && row.path === group.path && !this.#known!.isPublished(row)) kept.push(row)
    }
    if (kept.length === 0) return
    this.#writer ??= await this.#parts.engine.writeRows(REJECTED_COLUMNS)
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
    const rest = await this.#parts.engine.stageQuery({ paths, columns: REJECTED_COLUMNS, where })
    return rest.rows > 0 ? [rest] : []
  }

  /** Undefined where what is to be known of the row's input is published already. */
  #groupOf(row: RejectedRow): Group | undefined {
    const key = row.refusedByKey ? `${row.input}/${this.#set.name}` : row.input
    if (!this.#groups.has(key)) {
      const appId = this.#known!.transactionOf(row)
      this.#groups.set(key, appId === undefined ? undefined : { appId, path: row.path })
    }
    return this.#groups.get(key)
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
      column(row => BigInt(this.#known!.replaysOf(row))),
    ]
  }
}

/** A table of an older release lacks the last of them. */
const hasColumns = ({ columns }: Snapshot): boolean => columns.length === REJECTED_COLUMNS.length

export function reasonOf({ issues }: RejectedRow): string {
  const { path, message } = issues[0]!
  return path === '' ? message : `${path}: ${message}`
}
