/** What lands in an archive and what is refused, read as anybody may. */
import { ARCHIVE_COLUMNS as A } from '../../src/domain/kafkaSource.ts'
import type { MessageDecoder } from '../../src/domain/messageDecoder.ts'
import { REJECTED_COLUMNS } from '../../src/domain/rejectedRows.ts'
import type { KafkaSource } from '../../src/domain/source.ts'
import type { Parts } from '../../src/run/parts.ts'

type Reading = Pick<Parts, 'store' | 'engine'>
export type FoundRow = Record<string, unknown>

/** Rows by partition and offset, each with the date of its file. */
export async function archivedRows({ store, engine }: Reading, { name }: Pick<KafkaSource, 'name'>): Promise<FoundRow[]> {
  const table = store.table(`archive/${name}`)
  const snapshot = await table.snapshot('latest')
  const found: FoundRow[] = []
  for (const file of snapshot?.files ?? []) {
    const columns = snapshot!.columns.filter(column => column.name !== A.date)
    for await (const batch of engine.query({ paths: await table.localPaths([file]), columns }))
      for (let at = 0; at < batch.rows; at++)
        found.push({ ...Object.fromEntries(columns.map((column, i) => [column.name, batch.columns[i]![at]])), ...file.partition })
  }
  const place = (row: FoundRow): number => Number(row[A.partition]) * 1e9 + Number(row[A.offset])
  return found.sort((a, b) => place(a) - place(b))
}

/** `[input, row, code, raw]` of refused rows, by input and row. */
export async function refusedRows({ store, engine }: Reading, { name }: Pick<KafkaSource, 'name'>): Promise<unknown[][]> {
  const table = store.table(`rejected/${name}`)
  const snapshot = await table.snapshot('latest')
  const query = {
    paths: await table.localPaths(snapshot?.files ?? []),
    columns: REJECTED_COLUMNS,
    select: ['input', 'row', 'code', 'raw'],
    orderBy: ['input', 'row'],
  }
  const found: unknown[][] = []
  for await (const { rows, columns } of engine.query(query))
    for (let at = 0; at < rows; at++) found.push(columns.map(column => column[at]))
  return found
}

/** Values are rows of JSON; a tombstone is refused. */
export const plainDecoder: MessageDecoder = {
  prepare: async () => {},
  decode: ({ value }) =>
    value === null || value.length === 0
      ? { kind: 'refused', raw: '', issue: { path: '', code: 'tombstone', message: 'No value' } }
      : { kind: 'row', json: value, retracts: false },
}
