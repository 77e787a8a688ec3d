/** Where a reading's refused rows gather until they are staged: narrow tables, in which equal issues stand once. */

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { FeatureSet } from '../../domain/featureSet.ts'
import type { RejectedRow, RejectingRun, StagedRejects } from '../../domain/rejectedRows.ts'
import { REJECTED_COLUMNS, reasonOf } from '../../domain/rejectedRows.ts'
import type { Issue } from '../../domain/schema.ts'
import type { PinnedFile } from '../../domain/source.ts'
import type { StagedFile } from '../../domain/tableStore.ts'
import type { TableAppender } from './rowWriter.ts'
import { tableAppender } from './rowWriter.ts'
import { literal } from './sql.ts'
import { writeParquet } from './stagedFile.ts'

/** So many rows are held before a file is written. */
const ROWS_PER_FILE = 200_000

const INT64 = { type: { kind: 'int64' as const } }
const TEXT = { type: { kind: 'string' as const } }

interface Context {
  connection: DuckDBConnection
  set: FeatureSet
  run: RejectingRun
  files: readonly PinnedFile[]
  scratchDir: string
}

export class RejectStage {
  readonly #context: Context
  readonly #files = new Map<string, { id: number; input: string; replays: number }>()
  readonly #issues = new Map<string, { id: number; reason: string; byKey: boolean }>()
  /** Rows by file and issue. */
  readonly #counts = new Map<string, number>()
  readonly #staged: StagedFile[] = []
  #appender: TableAppender | undefined
  #held = 0

  constructor(context: Context) {
    this.#context = context
  }

  /** Rows that JavaScript has read. No result of the connection may be open. */
  async add(rows: readonly RejectedRow[]): Promise<void> {
    if (rows.length === 0) return
    await this.#makeTable()
    this.#appender ??= await tableAppender(this.#context.connection, 'rejects', [INT64, INT64, TEXT, INT64])
    const files = rows.map(({ path, input }) => this.fileId({ path, hash: input }))
    const issues = rows.map(({ issues: found, refusedByKey }) => this.issueId(found, refusedByKey === true))
    for (const [at, file] of files.entries()) this.count(file, issues[at]!, 1)
    this.#appender.append({
      rows: rows.length,
      columns: [files.map(BigInt), rows.map(({ row }) => row), rows.map(({ raw }) => raw), issues.map(BigInt)],
    })
    this.#held += rows.length
    if (this.#held >= ROWS_PER_FILE) await this.#flush()
  }

  /** So many rows of a SELECT of `file`, `row`, `raw` and `issue`, which the caller has told to `count`. */
  async addQuery(sql: string, rows: number): Promise<void> {
    if (rows > ROWS_PER_FILE / 4) return this.#stage(sql)
    await this.#makeTable()
    await this.#context.connection.run(`INSERT INTO rejects BY NAME (${sql})`)
    this.#held += rows
    if (this.#held >= ROWS_PER_FILE) await this.#flush()
  }

  async #makeTable(): Promise<void> {
    await this.#context.connection.run(
      'CREATE TEMP TABLE IF NOT EXISTS rejects (file BIGINT, row BIGINT, raw VARCHAR, issue BIGINT)',
    )
  }

  count(file: number, issue: number, rows: number): void {
    const key = `${file} ${issue}`
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + rows)
  }

  fileId({ path, hash }: Pick<PinnedFile, 'path' | 'hash'>): number {
    const known = this.#files.get(path)
    if (known) return known.id
    const id = this.#files.size
    const replays = this.#context.files.find(file => file.path === path)?.replays ?? 0
    this.#files.set(path, { id, input: hash, replays })
    return id
  }

  issueId(issues: readonly Issue[], byKey: boolean): number {
    const key = `${byKey} ${JSON.stringify(issues)}`
    const known = this.#issues.get(key) ?? { id: this.#issues.size, reason: reasonOf(issues), byKey }
    this.#issues.set(key, known)
    return known.id
  }

  async finish(): Promise<StagedRejects> {
    await this.#flush()
    this.#appender?.close()
    const [files, issues] = [[...this.#files], [...this.#issues.values()]]
    const groups = new Map<string, StagedRejects['groups'][number]>()
    const reasons = new Map<string, number>()
    for (const [key, rows] of this.#counts) {
      const [file, issue] = key.split(' ').map(Number)
      const [path, { input }] = files[file!]!
      const { reason, byKey } = issues[issue!]!
      const group = groups.get(`${file} ${byKey}`) ?? { input, path, byKey, rows: 0 }
      groups.set(`${file} ${byKey}`, { ...group, rows: group.rows + rows })
      reasons.set(reason, (reasons.get(reason) ?? 0) + rows)
    }
    const [first] = [...reasons].sort((a, b) => b[1] - a[1])
    return {
      files: this.#staged,
      groups: [...groups.values()],
      commonest: first && { reason: first[0], rows: first[1] },
    }
  }

  async #flush(): Promise<void> {
    if (this.#held === 0) return
    await this.#stage('SELECT file, row, raw, issue FROM rejects')
    await this.#context.connection.run('DELETE FROM rejects')
    this.#held = 0
  }

  async #stage(rows: string): Promise<void> {
    const { connection, set, run, scratchDir } = this.#context
    await connection.run('CREATE OR REPLACE TEMP TABLE reject_files (file BIGINT, input VARCHAR, path VARCHAR, replays BIGINT)')
    const files = await tableAppender(connection, 'reject_files', [INT64, TEXT, TEXT, INT64])
    const known = [...this.#files]
    files.append({
      rows: known.length,
      columns: [
        known.map(([, { id }]) => BigInt(id)),
        known.map(([, { input }]) => input),
        known.map(([path]) => path),
        known.map(([, { replays }]) => BigInt(replays)),
      ],
    })
    files.close()
    await connection.run(
      'CREATE OR REPLACE TEMP TABLE reject_issues (issue BIGINT, issues VARCHAR, code VARCHAR, reason VARCHAR, key BOOLEAN)',
    )
    const issues = await tableAppender(connection, 'reject_issues', [INT64, TEXT, TEXT, TEXT, { type: { kind: 'boolean' } }])
    const found = [...this.#issues].map(([key, issue]) => ({ ...issue, json: key.slice(key.indexOf(' ') + 1) }))
    issues.append({
      rows: found.length,
      columns: [
        found.map(({ id }) => BigInt(id)),
        found.map(({ json }) => json),
        found.map(({ json }) => (JSON.parse(json) as Issue[])[0]!.code),
        found.map(({ reason }) => reason),
        found.map(({ byKey }) => byKey),
      ],
    })
    issues.close()
    const query = `SELECT input, path, row, raw, issues, code, reason, ${literal(set.source.schema.fingerprint)} AS schema_fingerprint,
        CASE WHEN key THEN ${literal(set.name)} END AS feature_set, ${literal(run.id)} AS run_id,
        make_timestamptz((${run.startedAt})::BIGINT) AS rejected_at, replays
      FROM (${rows}) JOIN reject_files USING (file) JOIN reject_issues USING (issue)`
    const path = join(scratchDir, `rejects-${randomUUID()}.parquet`)
    const file = await writeParquet(connection, query, REJECTED_COLUMNS, path)
    if (file.rows > 0) this.#staged.push(file)
  }
}
