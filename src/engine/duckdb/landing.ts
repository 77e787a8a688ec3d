/** Rows of messages, judged as they come, to staged files of an archive. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Landed, Landing, LandingMark, LandingRequest, LandingRow } from '../../domain/landing.ts'
import { partitionPath } from '../../domain/landing.ts'
import type { RejectedRow } from '../../domain/rejectedRows.ts'
import type { LocalFile, ObjectsSource } from '../../domain/source.ts'
import { floorDiv } from '../../domain/time.ts'
import { BooleanColumn, Int32Column, Int64Column } from '../../rows/columnBuilder.ts'
import { isRowGroup, ParquetFile } from '../../rows/parquetFile.ts'
import type { RefusedLine } from '../../rows/rowReader.ts'
import { RowReader } from '../../rows/rowReader.ts'
import { lineJudge, UNIT } from './judgeLine.ts'
import { RejectStage } from './rejectStage.ts'
import { retractionReader } from './retractionRow.ts'
import type { ScanRequest } from './scanRequest.ts'
import { DAY, stageArchive } from './stageArchive.ts'

const LF = 0x0a

export class DuckDBLanding implements Landing {
  readonly counts = { accepted: 0, dates: 0, refused: 0, bytes: 0 }
  readonly #request: LandingRequest
  readonly #connection: DuckDBConnection
  readonly #scratchDir: string
  readonly #stage: RejectStage
  readonly #reader: RowReader
  readonly #retraction: ReturnType<typeof retractionReader>
  readonly #places = { partition: new Int32Column(), offset: new Int64Column(), retracts: new BooleanColumn() }
  readonly #path: string
  /** Of the accepted rows, counted from 1970. */
  readonly #days = new Set<bigint>()
  /** The day of the row before: from then, and before then. */
  #day: [bigint, bigint] = [0n, 0n]
  #parquet: ParquetFile | undefined
  /** Until they are part of a table. */
  readonly #staged: string[] = []
  #lines: Buffer = Buffer.allocUnsafe(2 ** 16)

  /** @param connection this landing's own: it is closed with it */
  constructor(request: LandingRequest, connection: DuckDBConnection, scratchDir: string) {
    this.#request = request
    this.#connection = connection
    this.#scratchDir = scratchDir
    this.#path = join(scratchDir, `landing-${randomUUID()}.parquet`)
    const { source, run } = request
    const { schema, eventTime } = source.landing
    this.#stage = new RejectStage({ connection, fingerprint: schema.fingerprint, setName: '', run, files: [], scratchDir })
    const scan = scanOf(request, scratchDir)
    const time = { column: eventTime.column, unit: eventTime.unit && UNIT[eventTime.unit] }
    this.#reader = new RowReader(schema, { zone: scan.source.zone, eventTime: time, knownTime: undefined, keys: [] })
    this.#reader.open(new Map(), lineJudge(scan, NO_FILE))
    this.#retraction = retractionReader(source)
  }

  async add(partition: number, rows: readonly LandingRow[]): Promise<void> {
    this.#request.signal.throwIfAborted()
    const gone = rows.filter(({ retracts }) => retracts)
    await this.#addRows(partition, gone.length === 0 ? rows : rows.filter(({ retracts }) => !retracts))
    for (const row of gone) await this.#retract(partition, row)
    if (isRowGroup(this.#reader.columns)) await this.#flush()
  }

  async #addRows(partition: number, rows: readonly LandingRow[]): Promise<void> {
    if (rows.length === 0) return
    const { columns } = this.#reader
    const before = columns.rows
    const { refused } = this.#reader.read(this.#joined(rows))
    // A blank line is nothing in a file; a message is something.
    if (columns.rows - before + refused.length < rows.length) refused.push(...blankLines(rows))
    const lines = new Set(refused.map(({ line }) => line))
    for (let line = 0; line < rows.length; line++) if (!lines.has(line)) this.#place(partition, rows[line]!.offset, false)
    this.counts.accepted += columns.rows - before
    this.#countDates(before)
    if (refused.length > 0)
      await this.refuse(
        refused.map(({ line, raw, issues }) => ({ ...this.#placeOf(partition, rows[line]!.offset), raw, issues })),
      )
  }

  /** One line for each row: none has a line feed of its own. */
  #joined(rows: readonly LandingRow[]): Buffer {
    let size = 0
    for (const { json } of rows) size += json.length + 1
    if (size > this.#lines.length) this.#lines = Buffer.allocUnsafe(2 * size)
    let at = 0
    for (const { json } of rows) {
      this.#lines.set(json, at)
      at += json.length
      this.#lines[at++] = LF
    }
    this.counts.bytes += size
    return this.#lines.subarray(0, size)
  }

  async #retract(partition: number, { offset, timestamp, json }: LandingRow): Promise<void> {
    const { columns } = this.#reader
    const read = this.#retraction(json, timestamp < 0n ? this.#request.run.startedAt : timestamp * 1000n)
    if ('issues' in read) return this.refuse([{ ...this.#placeOf(partition, offset), ...read }])
    columns.append(read.values, read.time, null)
    this.#countDates(columns.rows - 1)
    this.#place(partition, offset, true)
    this.counts.accepted++
  }

  /** Of the rows from one on. Most are of the day of the one before. */
  #countDates(from: number): void {
    const { time } = this.#reader.columns
    const bytes = time.plain()
    const times = new BigInt64Array(bytes.buffer, bytes.byteOffset, time.rows)
    for (let at = from; at < times.length; at++) {
      const t = times[at]!
      if (t >= this.#day[0] && t < this.#day[1]) continue
      const day = floorDiv(t, DAY)
      this.#days.add(day)
      this.#day = [day * DAY, (day + 1n) * DAY]
    }
    this.counts.dates = this.#days.size
  }

  #place(partition: number, offset: bigint, retracts: boolean): void {
    this.#places.partition.put(partition)
    this.#places.offset.append(offset)
    this.#places.retracts.append(retracts)
  }

  #placeOf(partition: number, offset: bigint): Pick<RejectedRow, 'input' | 'path' | 'row'> {
    const { inputOf, source } = this.#request
    return { input: inputOf(partition), path: partitionPath(source.landing.topic, partition), row: offset }
  }

  async refuse(rows: readonly RejectedRow[]): Promise<void> {
    this.counts.refused += rows.length
    await this.#stage.add(rows)
  }

  async #flush(): Promise<void> {
    const { columns } = this.#reader
    if (columns.rows === 0) return
    this.#parquet ??= await this.#create()
    await this.#parquet.writeRows()
    columns.clear()
    for (const column of Object.values(this.#places)) column.clear()
  }

  #create(): Promise<ParquetFile> {
    const { fields, time } = this.#reader.columns
    const { partition, offset, retracts } = this.#places
    return ParquetFile.create(this.#path, [
      ...this.#request.source.landing.schema.fields.map(({ type }, at) => ({ name: `c${at}`, type, builder: fields[at]! })),
      { name: '__t', type: { kind: 'int64' }, builder: time },
      { name: '__partition', type: { kind: 'int32' }, builder: partition },
      { name: '__offset', type: { kind: 'int64' }, builder: offset },
      { name: '__retracts', type: { kind: 'boolean' }, builder: retracts },
    ])
  }

  async finish(as: LandingMark, archived: Parameters<Landing['finish']>[1]): Promise<Landed> {
    await this.#flush()
    const rejects = await this.#stage.finish()
    this.#staged.push(...rejects.files.map(({ localPath }) => localPath))
    if (!this.#parquet) return { files: [], rows: 0, repeats: 0, rejects }
    await this.#parquet.finish()
    const { source, topicId, topicNumber, signal } = this.#request
    const staged = await stageArchive(this.#connection, {
      source,
      topicId,
      topicNumber,
      as,
      path: this.#path,
      days: this.#days,
      archived,
      scratchDir: this.#scratchDir,
      signal,
    })
    this.#staged.push(...staged.files.map(({ localPath }) => localPath))
    return { ...staged, repeats: this.counts.accepted - staged.rows, rejects }
  }

  async abandon(): Promise<void> {
    await this.#parquet?.close().catch(() => undefined)
    await this.#stage.abandon()
    for (const path of [this.#path, ...this.#staged]) await rm(path, { force: true })
    this.#connection.closeSync()
  }
}

function blankLines(rows: readonly LandingRow[]): RefusedLine[] {
  return rows.flatMap(({ json }, line) => {
    const raw = Buffer.from(json.buffer, json.byteOffset, json.length).toString()
    return raw.trim() === '' ? [{ line, raw, issues: [{ path: '', code: 'malformed', message: 'Blank' }] }] : []
  })
}

/** Rows of messages are judged as those of a file without folders. */
const NO_FILE: LocalFile = {
  path: '',
  hash: '',
  size: 0,
  modifiedAt: '0',
  format: 'ndjson',
  compression: 'none',
  partition: {},
}

function scanOf({ source, signal }: LandingRequest, scratchDir: string): ScanRequest {
  const { schema, eventTime, zone } = source.landing
  const { name, projectDir, csv } = source
  const judged: ObjectsSource = {
    kind: 'objects',
    name,
    projectDir,
    uri: '',
    schema,
    eventTime,
    ...(zone === undefined ? {} : { zone }),
    allowEmpty: true,
    csv,
  }
  return {
    source: judged,
    inputs: { source: name, files: [] },
    keys: [],
    setName: '',
    scratchDir,
    onRejected: async () => {},
    onProgress: () => {},
    signal,
  }
}
