/** The schema of rows as they land, with what an archive adds to them: for those who have both in one file. */
import { ARCHIVE_COLUMNS } from '../domain/kafkaSource.ts'
import type { RowSchema } from '../domain/schema.ts'
import { ownFields } from './storedSchema.ts'

type Row = Record<string, unknown>

/** Rows are judged by `gate`, which sees nothing of the archive's own columns. The time of the event is one of the row's. */
export function landedSchema(gate: RowSchema): RowSchema {
  const own = ownFields().filter(({ name }) => name !== ARCHIVE_COLUMNS.eventTime)
  const names = new Set(own.map(({ name }) => name))
  const without = (row: Row): Row => bare(Object.entries(row).filter(([name]) => !names.has(name)))
  const withOwn = (judged: Row, row: Row): Row =>
    bare([...Object.entries(judged), ...Object.entries(row).filter(([name]) => names.has(name))])
  return {
    ...gate,
    fields: [...gate.fields, ...own],
    output: row => {
      const judged = gate.output(without(row))
      return judged && withOwn(judged, row)
    },
    acceptsWhole: gate.acceptsWhole && (row => gate.acceptsWhole!(without(row as Row))),
    validate: row => {
      const verdict = gate.validate(without(row))
      return verdict.ok ? { ok: true, row: withOwn(verdict.row, row) } : verdict
    },
  }
}

/** Nothing is inherited: a column called `constructor` would never be absent. */
const bare = (entries: [string, unknown][]): Row => Object.assign(Object.create(null), Object.fromEntries(entries))
