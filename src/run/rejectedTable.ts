/** Refused rows, kept once for each content of an input, row and schema, whatever becomes of the run. */
import type { Engine, RejectedRow, RowWriter } from '../domain/engine.ts'
import { TransientError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { StagedFile, Table, TableColumn } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'

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
]

const ATTEMPTS = 10

/** Gathers one run's refused rows and publishes those that no run has published before. */
export class RejectedRows {
  readonly #table: Table
  readonly #engine: Engine
  readonly #set: FeatureSet
  readonly #run: { id: string; startedAt: Instant }
  /** One writer for each transaction, so that what is known already can be left out. */
  readonly #writers = new Map<string, RowWriter>()
  readonly #counts = new Map<string, number>()
  #known: ReadonlyMap<string, bigint> | undefined

  constructor(table: Table, engine: Engine, set: FeatureSet, run: { id: string; startedAt: Instant }) {
    this.#table = table
    this.#engine = engine
    this.#set = set
    this.#run = run
  }

  /** The commonest issue of this run and how many rows had it. */
  get commonest(): { reason: string; rows: number } | undefined {
    const [first] = [...this.#counts].sort((a, b) => b[1] - a[1])
    return first && { reason: first[0], rows: first[1] }
  }

  async add(rows: readonly RejectedRow[]): Promise<void> {
    this.#known ??= (await this.#table.snapshot('latest'))?.transactions ?? new Map()
    const groups = new Map<string, RejectedRow[]>()
    for (const row of rows) {
      const reason = reasonOf(row)
      this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
      const appId = this.#appId(row)
      if (!this.#known.has(appId)) groups.set(appId, [...(groups.get(appId) ?? []), row])
    }
    for (const [appId, group] of groups) {
      const writer = this.#writers.get(appId) ?? (await this.#engine.writeRows(REJECTED_COLUMNS))
      this.#writers.set(appId, writer)
      await writer.write({ rows: group.length, columns: this.#columns(group) })
    }
  }

  /** Publishes what was added; of two runs that found the same rows one does. */
  async publish(): Promise<void> {
    const staged = new Map<string, StagedFile[]>()
    for (const [appId, writer] of this.#writers) staged.set(appId, await writer.finish())
    for (const [appId, add] of staged) await this.#publishOne(appId, add)
  }

  async #publishOne(appId: string, add: StagedFile[]): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const base = await this.#table.snapshot('latest')
      if (base?.transactions.has(appId)) return
      const outcome = await this.#table.commit({
        base,
        operation: 'append',
        ...(base ? {} : { schema: { columns: REJECTED_COLUMNS } }),
        add,
        remove: [],
        transactions: { [appId]: 1n },
        lineage: { runId: this.#run.id },
        isolation: 'append',
      })
      if (outcome.outcome === 'committed') return
    }
    throw new TransientError('transient.conflict', `${this.#table.uri}: rejected rows kept meeting other writers`)
  }

  #appId(row: RejectedRow): string {
    const { source, name } = this.#set
    const appId = `quern/${source.name}/rejected/${row.input}/${source.schema.fingerprint}`
    return row.refusedByKey ? `${appId}/${name}` : appId
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
    ]
  }
}

function reasonOf({ issues }: RejectedRow): string {
  const { path, message } = issues[0]!
  return path === '' ? message : `${path}: ${message}`
}
