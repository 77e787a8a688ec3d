/** Marks rows that are accepted by now: each once, whoever else is at it. */
import type { RowBatch } from '../domain/engine.ts'
import { TransientError } from '../domain/errors.ts'
import type { SourceDefinition } from '../domain/source.ts'
import { gateOf } from '../domain/source.ts'
import type { Snapshot, Table } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import type { Parts } from './parts.ts'
import { markKey, marksOf, REPLAYED_COLUMNS, replayedTable, replaysId, replaysOf } from './replayedTable.ts'

export interface Mark {
  row: bigint
  code: string
  reason: string
  featureSet: string | null
}

/** Marks of one content. */
interface MarkedFile {
  input: string
  path: string
  marks: Mark[]
  /** How many replays had marked rows of it when it was found that these were not among them. */
  seen: number
}

const ATTEMPTS = 10
/** So many rows make a commit: what is marked of some files need not wait for the others. */
const ENOUGH = 50_000

export class Marker {
  readonly #parts: Parts
  readonly #table: Table
  readonly #source: SourceDefinition
  readonly #replay: { id: string; startedAt: Instant }
  #files: MarkedFile[] = []

  constructor(parts: Parts, source: SourceDefinition, replay: { id: string; startedAt: Instant }) {
    this.#parts = parts
    this.#source = source
    this.#replay = replay
    this.#table = replayedTable(parts.store, source.name)
  }

  async add(file: MarkedFile): Promise<void> {
    this.#files.push(file)
    if (marksIn(this.#files) >= ENOUGH) await this.commit()
  }

  /** Nothing is visible of what was added before; afterwards all of it is. */
  async commit(): Promise<void> {
    let files = this.#files
    this.#files = []
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const base = await this.#table.snapshot('latest')
      const left: MarkedFile[] = []
      for (const file of files) left.push(await this.#unmarked(file, base))
      files = left.filter(({ marks }) => marks.length > 0)
      if (files.length === 0 || (await this.#tryCommit(files, base))) return
    }
    throw new TransientError('transient.conflict', `${this.#table.uri}: marks of replayed rows kept meeting other writers`, {
      hint: 'Replay again when no other replay is under way.',
    })
  }

  /** The file without what another replay has marked meanwhile. */
  async #unmarked(file: MarkedFile, base: Snapshot | undefined): Promise<MarkedFile> {
    const replays = replaysOf(base, this.#source.name, file.input)
    if (!base || replays === file.seen) return file
    const others = await marksOf(this.#parts.engine, { table: this.#table, snapshot: base }, file.input)
    const marks = file.marks.filter(({ row, featureSet }) => (others.get(markKey(file.input, row, featureSet)) ?? 0) <= file.seen)
    return { ...file, marks, seen: replays }
  }

  async #tryCommit(files: readonly MarkedFile[], base: Snapshot | undefined): Promise<boolean> {
    const writer = await this.#parts.engine.writeRows(REPLAYED_COLUMNS)
    for (const file of files) await writer.write(this.#rows(file))
    const { outcome } = await this.#table.commit({
      base,
      operation: 'append',
      ...(base ? {} : { schema: { columns: REPLAYED_COLUMNS } }),
      add: await writer.finish(),
      remove: [],
      transactions: Object.fromEntries(files.map(({ input, seen }) => [replaysId(this.#source.name, input), BigInt(seen) + 1n])),
      lineage: { replayId: this.#replay.id },
      isolation: 'append',
    })
    return outcome === 'committed'
  }

  #rows({ input, path, marks, seen }: MarkedFile): RowBatch {
    const { fingerprint } = gateOf(this.#source)
    const every = (value: string | bigint): (string | bigint)[] => marks.map(() => value)
    const columns = [
      ...[every(input), every(path), marks.map(({ row }) => row)],
      ...[marks.map(({ code }) => code), marks.map(({ reason }) => reason), every(fingerprint)],
      ...[marks.map(({ featureSet }) => featureSet), every(BigInt(seen) + 1n)],
      ...[every(this.#replay.id), every(this.#replay.startedAt)],
    ]
    return { rows: marks.length, columns }
  }
}

const marksIn = (files: readonly MarkedFile[]): number => files.reduce((sum, { marks }) => sum + marks.length, 0)
