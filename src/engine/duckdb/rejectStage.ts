/** Where a reading's refused rows gather until they are staged: narrow tables, in which equal issues stand once. */

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { RejectedGroup, RejectedRow, RejectingRun, StagedRejects } from '../../domain/rejectedRows.ts'
import { REJECTED_COLUMNS, reasonOf } from '../../domain/rejectedRows.ts'
import type { Issue } from '../../domain/schema.ts'
import type { PinnedFile } from '../../domain/source.ts'
import type { StagedFile } from '../../domain/tableStore.ts'
import { RejectLines } from './rejectLines.ts'
import { tableAppender } from './rowWriter.ts'
import { literal } from './sql.ts'
import { writeParquet } from './stagedFile.ts'

/** So many rows of queries are held before a file is written. */
const ROWS_PER_FILE = 200_000
/** So many different issues are held before they go to a table: messages may hold the values that they are about. */
const MOST_ISSUES = 50_000

const INT64 = { type: { kind: 'int64' as const } }
const TEXT = { type: { kind: 'string' as const } }

interface Context {
  connection: DuckDBConnection
  /** Of the schema that refuses. */
  fingerprint: string
  /** Whose key may refuse. */
  setName: string
  run: RejectingRun
  files: readonly PinnedFile[]
  scratchDir: string
}

interface HeldIssue {
  id: number
  issues: Issue[]
  byKey: boolean
}

export class RejectStage {
  readonly #context: Context
  readonly #files = new Map<string, { id: number; input: string; replays: number }>()
  /** Those that are held, by all that they say. One that is forgotten and found again gets another number. */
  readonly #issues = new Map<string, HeldIssue>()
  /** As many have been numbered. */
  #numbered = 0
  /** The table of issues has those with a lower number. */
  #written = 0
  /** Rows by file and issue, of those that are held. */
  readonly #counts = new Map<string, number>()
  readonly #groups = new Map<string, RejectedGroup>()
  readonly #reasons = new Map<string, number>()
  readonly #staged: StagedFile[] = []
  #lines: RejectLines | undefined
  #held = 0

  constructor(context: Context) {
    this.#context = context
  }

  /** Rows that JavaScript has read. No result of the connection may be open. */
  async add(rows: readonly RejectedRow[]): Promise<void> {
    if (rows.length === 0) return
    this.#lines ??= await RejectLines.create(join(this.#context.scratchDir, `lines-${randomUUID()}.parquet`))
    for (const { path, input, row, raw, issues, refusedByKey } of rows) {
      const file = this.fileId({ path, hash: input })
      const issue = this.issueId(issues, refusedByKey === true)
      this.count(file, issue, 1)
      this.#lines.put(file, row, raw, issue)
    }
    await this.#lines.flush()
    await this.makeRoom()
  }

  /** So many rows of a SELECT of `file`, `row`, `raw` and `issue`, which the caller has told to `count`. */
  async addQuery(sql: string, rows: number): Promise<void> {
    const { connection } = this.#context
    if (rows > ROWS_PER_FILE / 4) await this.#stage(sql)
    else {
      await connection.run('CREATE TEMP TABLE IF NOT EXISTS rejects (file BIGINT, row BIGINT, raw VARCHAR, issue BIGINT)')
      await connection.run(`INSERT INTO rejects BY NAME (${sql})`)
      this.#held += rows
    }
    if (this.#held >= ROWS_PER_FILE) await this.#flush()
  }

  /** Forgets issues where there are many; their numbers keep their meaning. No result of the connection may be open. */
  async makeRoom(): Promise<void> {
    if (this.#issues.size <= MOST_ISSUES) return
    await this.#writeIssues()
    this.#sumUp()
    this.#issues.clear()
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
    const key = issues.reduce((text, { path, code, message }) => `${text}\0${path}\0${code}\0${message}`, String(byKey))
    const known = this.#issues.get(key)
    if (known) return known.id
    // Numbered first: whoever asks may be cut short, and a number that nobody has does no harm.
    const id = this.#numbered++
    this.#issues.set(key, { id, issues: [...issues], byKey })
    return id
  }

  async finish(): Promise<StagedRejects> {
    await this.#flush()
    const [first] = [...this.#reasons].sort((a, b) => b[1] - a[1])
    return {
      files: this.#staged,
      groups: [...this.#groups.values()],
      commonest: first && { reason: first[0], rows: first[1] },
    }
  }

  /** Removes what is held. */
  async abandon(): Promise<void> {
    await this.#lines?.abandon()
    this.#lines = undefined
  }

  /** Writes all that is held, and forgets the issues. */
  async #flush(): Promise<void> {
    const lines = this.#lines
    this.#lines = undefined
    await lines?.finish(sql => this.#stage(sql))
    if (this.#held > 0) {
      await this.#stage('SELECT file, row, raw, issue FROM rejects')
      await this.#context.connection.run('DELETE FROM rejects')
      this.#held = 0
    }
    this.#sumUp()
    this.#issues.clear()
    await this.#context.connection.run('DROP TABLE IF EXISTS reject_issues')
    this.#written = this.#numbered
  }

  #sumUp(): void {
    const files = [...this.#files]
    const issues = new Map([...this.#issues.values()].map(issue => [issue.id, issue]))
    for (const [key, rows] of this.#counts) {
      const [file, issue] = key.split(' ').map(Number)
      const [path, { input }] = files[file!]!
      const { issues: found, byKey } = issues.get(issue!)!
      const group = this.#groups.get(`${file} ${byKey}`) ?? { input, path, byKey, rows: 0 }
      this.#groups.set(`${file} ${byKey}`, { ...group, rows: group.rows + rows })
      const reason = reasonOf(found)
      this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + rows)
    }
    this.#counts.clear()
    // What is rare is not the commonest.
    if (this.#reasons.size > MOST_ISSUES) for (const [reason, rows] of this.#reasons) if (rows === 1) this.#reasons.delete(reason)
  }

  async #stage(rows: string): Promise<void> {
    const { connection, fingerprint, setName, run, scratchDir } = this.#context
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
    await this.#writeIssues()
    const query = `SELECT input, path, row, raw, issues, code, reason, ${literal(fingerprint)} AS schema_fingerprint,
        CASE WHEN key THEN ${literal(setName)} END AS feature_set, ${literal(run.id)} AS run_id,
        make_timestamptz((${run.startedAt})::BIGINT) AS rejected_at, replays
      FROM (${rows}) JOIN reject_files USING (file) JOIN reject_issues USING (issue)`
    const path = join(scratchDir, `rejects-${randomUUID()}.parquet`)
    const file = await writeParquet(connection, query, REJECTED_COLUMNS, path)
    if (file.rows > 0) this.#staged.push(file)
  }

  /** Adds those to the table of issues that are not in it. */
  async #writeIssues(): Promise<void> {
    const { connection } = this.#context
    await connection.run(
      'CREATE TEMP TABLE IF NOT EXISTS reject_issues (issue BIGINT, issues VARCHAR, code VARCHAR, reason VARCHAR, key BOOLEAN)',
    )
    const found = [...this.#issues.values()].filter(({ id }) => id >= this.#written)
    const appender = await tableAppender(connection, 'reject_issues', [INT64, TEXT, TEXT, TEXT, { type: { kind: 'boolean' } }])
    appender.append({
      rows: found.length,
      columns: [
        found.map(({ id }) => BigInt(id)),
        found.map(({ issues }) => JSON.stringify(issues)),
        found.map(({ issues }) => issues[0]!.code),
        found.map(({ issues }) => reasonOf(issues)),
        found.map(({ byKey }) => byKey),
      ],
    })
    appender.close()
    this.#written = this.#numbered
  }
}
