/** What is known, before files are read, of the rows of them that were refused. */
import { createHash } from 'node:crypto'
import type { RejectedRow } from '../domain/engine.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { PinnedFile } from '../domain/source.ts'
import type { Snapshot, Table } from '../domain/tableStore.ts'
import type { Parts } from './parts.ts'
import { REJECTED_COLUMNS } from './rejectedColumns.ts'
import { markKey, marksOf, replayedTable } from './replayedTable.ts'

const NONE: ReadonlySet<bigint> = new Set()

/** Rows of one content that the schema, or the set's key, has refused. */
interface Refused {
  /** Published under today's schema, but for those that a replay has marked since. */
  published: Set<bigint>
  /** Published before the last replay that marked rows of the content, under whatever schema. */
  before: Set<bigint>
}

/**
 * Looked up at once and before, since the engine answers no query while it reads. Of contents that no run has read otherwise, which is
 * nearly all, nothing is looked up.
 */
export class PublishedRows {
  readonly #set: FeatureSet
  readonly #replays: ReadonlyMap<string, number>
  readonly #transactions: ReadonlySet<string>
  readonly #refused = new Map<string, Refused>()

  private constructor(set: FeatureSet, files: readonly PinnedFile[], transactions: ReadonlySet<string>) {
    this.#set = set
    this.#replays = new Map(files.flatMap(({ hash, replays }) => (replays === undefined ? [] : [[hash, replays]])))
    this.#transactions = transactions
  }

  static async of(
    set: FeatureSet,
    { store, engine }: Pick<Parts, 'store' | 'engine'>,
    files: readonly PinnedFile[],
  ): Promise<PublishedRows> {
    const table = store.table(`rejected/${set.source.name}`)
    const snapshot = await table.snapshot('latest')
    const rows = new PublishedRows(set, files, new Set(snapshot?.transactions.keys()))
    const inputs = snapshot ? rows.#readOtherwise(files) : new Set<string>()
    if (inputs.size > 0) await rows.#load(inputs, { table, snapshot: snapshot!, store, engine })
    return rows
  }

  /** How many replays had marked rows of the row's content. */
  replaysOf({ input }: Pick<RejectedRow, 'input'>): number {
    return this.#replays.get(input) ?? 0
  }

  /** The transaction that publishes what is refused of the row's content; undefined where it has been. */
  transactionOf(row: RejectedRow): string | undefined {
    const id = this.#transaction(row.input, row.refusedByKey === true)
    return this.#transactions.has(id) ? undefined : id
  }

  isPublished(row: RejectedRow): boolean {
    return (this.#refused.get(keyOf(row.input, row.refusedByKey === true))?.published ?? NONE).has(row.row)
  }

  /** Whether it had been refused before a replay of its file: whoever read it then has let it pass. */
  wasRefused({ input, row }: RejectedRow): boolean {
    return [false, true].some(byKey => (this.#refused.get(keyOf(input, byKey))?.before ?? NONE).has(row))
  }

  #transaction(input: string, byKey: boolean): string {
    const { source, entity, name } = this.#set
    const schema = `quern/${source.name}/rejected/${input}/${source.schema.fingerprint}`
    const replays = this.#replays.get(input)
    const reading = `${readingOf(this.#set, byKey ? entity : [])}${replays === undefined ? '' : `/${replays}`}`
    return `${schema}/${byKey ? `${name}/` : ''}${reading}`
  }

  /** The contents whose rows have been published otherwise: read with another dialect, zone or event time, or before a replay. */
  #readOtherwise(files: readonly PinnedFile[]): Set<string> {
    const { source, name } = this.#set
    const published = new Set<string>()
    for (const id of this.#transactions) {
      const [, , , input, schema, ...rest] = id.split('/')
      if (schema !== source.schema.fingerprint && !this.#replays.has(input!)) continue
      const owner = /^\d*$/.test(rest[1] ?? '') ? null : rest[0]!
      if (owner === null || owner === name) published.add(keyOf(input!, owner !== null))
    }
    const isOtherwise = (input: string, byKey: boolean): boolean =>
      published.has(keyOf(input, byKey)) && !this.#transactions.has(this.#transaction(input, byKey))
    return new Set(
      files.flatMap(({ hash }) => (this.#replays.has(hash) || isOtherwise(hash, false) || isOtherwise(hash, true) ? [hash] : [])),
    )
  }

  async #load(
    inputs: ReadonlySet<string>,
    { table, snapshot, store, engine }: Pick<Parts, 'store' | 'engine'> & { table: Table; snapshot: Snapshot },
  ): Promise<void> {
    const { source, name } = this.#set
    const replayed = replayedTable(store, source.name)
    const marked = await replayed.snapshot('latest')
    const marks = marked ? await marksOf(engine, { table: replayed, snapshot: marked }) : new Map<string, number>()
    const query = {
      paths: await table.localPaths(snapshot.files),
      columns: REJECTED_COLUMNS,
      select: ['input', 'row', 'feature_set', 'schema_fingerprint', 'replays'],
      where: `feature_set IS NULL OR feature_set = '${name}'`,
    }
    for await (const { rows, columns } of engine.query(query)) {
      for (let at = 0; at < rows; at++) {
        const [input, row, owner, schema, replays] = columns.map(column => column[at]!)
        if (!inputs.has(String(input))) continue
        const key = keyOf(String(input), owner !== null)
        const refused = this.#refused.get(key) ?? { published: new Set(), before: new Set() }
        this.#refused.set(key, refused)
        const mark = marks.get(markKey(String(input), row as bigint, owner as string | null)) ?? 0
        if (schema === source.schema.fingerprint && Number(replays ?? 0) >= mark) refused.published.add(row as bigint)
        if (Number(replays ?? 0) < this.replaysOf({ input: String(input) })) refused.before.add(row as bigint)
      }
    }
  }
}

const keyOf = (input: string, byKey: boolean): string => (byKey ? `${input}/key` : input)

/** All but the schema that decides which rows of an input are refused. */
function readingOf({ source }: FeatureSet, key: FeatureSet['entity']): string {
  const { eventTime, knownTime, zone, csv } = source
  const meaning = JSON.stringify([eventTime, knownTime ?? null, zone ?? null, csv, key.map(({ name }) => name)])
  return createHash('sha256').update(meaning).digest('hex').slice(0, 16)
}
