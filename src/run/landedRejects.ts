/** Refused messages, published before the landing that passes over them is committed: once each, whatever dies in between. */
import type { Engine } from '../domain/engine.ts'
import type { StagedRejects } from '../domain/rejectedRows.ts'
import { REJECTED_COLUMNS } from '../domain/rejectedRows.ts'
import type { Snapshot, StagedFile, Table } from '../domain/tableStore.ts'
import { positionId } from './landedPositions.ts'
import type { Parts } from './parts.ts'
import { rejectedSchema } from './rejectedTable.ts'

interface ReadRange {
  partition: number
  from: bigint
  next: bigint
}

/**
 * Answers false where another run has published meanwhile: what is to be done is then to be looked at anew.
 *
 * @param ranges what was read of each partition
 */
export async function publishRejects(
  { store, engine }: Pick<Parts, 'store' | 'engine'>,
  {
    source,
    topicId,
    inputOf,
    runId,
    rejects,
    ranges,
  }: {
    source: string
    topicId: string
    inputOf: (partition: number) => string
    runId: string
    rejects: StagedRejects
    ranges: readonly ReadRange[]
  },
): Promise<boolean> {
  if (rejects.files.length === 0) return true
  const table = store.table(`rejected/${source}`)
  const base = await table.snapshot('latest')
  const id = (partition: number): string => positionId(source, topicId, partition)
  // A run that died after this has left them behind, as another schema or registry may have judged them then.
  const before = ranges.filter(({ partition, from }) => (base?.transactions.get(id(partition)) ?? 0n) > from)
  const published =
    base && before.length > 0 ? await publishedIn(engine, { table, base }, { inputOf, ranges: before }) : new Set<string>()
  const files = published.size === 0 ? rejects.files : await withoutPublished(engine, rejects.files, published)
  if (files.length === 0) return true
  const positions = ranges.map(({ partition, next }): [string, bigint] => {
    const position = base?.transactions.get(id(partition)) ?? 0n
    return [id(partition), position > next ? position : next]
  })
  const { outcome } = await table.commit({
    base,
    operation: 'append',
    ...rejectedSchema(base),
    add: files,
    remove: [],
    transactions: Object.fromEntries(positions),
    lineage: { runId },
    isolation: 'append',
  })
  return outcome === 'committed'
}

const placeOf = (input: unknown, row: unknown): string => `${input} ${row}`

async function publishedIn(
  engine: Engine,
  { table, base }: { table: Table; base: Snapshot },
  { inputOf, ranges }: { inputOf: (partition: number) => string; ranges: readonly ReadRange[] },
): Promise<Set<string>> {
  const where = ranges.map(({ partition, from }) => `(input = '${inputOf(partition)}' AND row >= ${from})`).join(' OR ')
  const query = { paths: await table.localPaths(base.files), columns: REJECTED_COLUMNS, select: ['input', 'row'], where }
  const found = new Set<string>()
  for await (const { rows, columns } of engine.query(query))
    for (let at = 0; at < rows; at++) found.add(placeOf(columns[0]![at], columns[1]![at]))
  return found
}

async function withoutPublished(
  engine: Engine,
  files: readonly StagedFile[],
  published: ReadonlySet<string>,
): Promise<StagedFile[]> {
  const names = REJECTED_COLUMNS.map(({ name }) => name)
  const [input, row] = [names.indexOf('input'), names.indexOf('row')]
  const writer = await engine.writeRows(REJECTED_COLUMNS)
  try {
    for await (const batch of engine.query({ paths: files.map(({ localPath }) => localPath), columns: REJECTED_COLUMNS })) {
      const kept = Array.from({ length: batch.rows }, (_, at) => at).filter(
        at => !published.has(placeOf(batch.columns[input]![at], batch.columns[row]![at])),
      )
      await writer.write({ rows: kept.length, columns: batch.columns.map(column => kept.map(at => column[at]!)) })
    }
    return await writer.finish()
  } catch (error) {
    await writer.abandon()
    throw error
  }
}
