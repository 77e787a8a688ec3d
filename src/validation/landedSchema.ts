/** The schema of rows as they land, with what an archive adds to them: for those who have both in one file. */
import type { KafkaLanding } from '../domain/kafkaSource.ts'
import { ARCHIVE_COLUMNS } from '../domain/kafkaSource.ts'
import type { Field, Issue, RowSchema, Verdict } from '../domain/schema.ts'
import { ownFields } from './storedSchema.ts'

type Row = Record<string, unknown>

/**
 * Rows are judged by the landing's schema, which sees nothing of the archive's columns. Of a row that takes back others, `times` are
 * filled with the moment it landed where it has none, and of its other columns only those are judged that it has.
 */
export function landedSchema(
  { schema: gate, eventTime }: Pick<KafkaLanding, 'schema' | 'eventTime'>,
  knownTime: string | undefined,
): RowSchema {
  const own = ownFields().filter(({ name }) => name !== ARCHIVE_COLUMNS.eventTime)
  const names = new Set(own.map(({ name }) => name))
  const without = (row: Row): Row => bare(Object.entries(row).filter(([name]) => !names.has(name)))
  const withOwn = (judged: Row, row: Row): Row =>
    bare([...Object.entries(judged), ...Object.entries(row).filter(([name]) => names.has(name))])
  const times: [Field, string | undefined][] = gate.fields.flatMap(field =>
    field.name === eventTime.column ? [[field, eventTime.unit]] : field.name === knownTime ? [[field, undefined]] : [],
  )
  return {
    ...gate,
    fields: [...gate.fields, ...own],
    output: row => {
      if (row[ARCHIVE_COLUMNS.retracts] === true) return row
      const judged = gate.output(without(row))
      return judged && withOwn(judged, row)
    },
    acceptsWhole: gate.acceptsWhole && (row => gate.acceptsWhole!(without(row as Row))),
    validate: row => {
      const verdict = row[ARCHIVE_COLUMNS.retracts] === true ? retraction(gate.fields, without(row)) : gate.validate(without(row))
      if (!verdict.ok) return verdict
      const judged = withOwn(verdict.row, row)
      if (row[ARCHIVE_COLUMNS.retracts] === true)
        for (const [field, unit] of times) judged[field.name] ??= momentOf(field, unit, row[ARCHIVE_COLUMNS.landedAt] as Date)
      return { ok: true, row: judged }
    },
  }
}

/** Nothing is inherited: a column called `constructor` would never be absent. */
const bare = (entries: [string, unknown][]): Row => Object.assign(Object.create(null), Object.fromEntries(entries))

function retraction(fields: readonly Field[], row: Row): Verdict {
  const issues: Issue[] = []
  const judged: [string, unknown][] = []
  for (const field of fields) {
    const value = row[field.name]
    if (value === undefined || value === null) continue
    const parsed = field.parse(value)
    if (parsed.ok) judged.push([field.name, parsed.output])
    else
      issues.push({
        path: field.name,
        code: 'retraction',
        message: 'No row that landed can have this value: the schema refuses it',
      })
  }
  return issues.length > 0 ? { ok: false, issues } : { ok: true, row: bare(judged) }
}

/** An instant as the schema gives one out in this column. */
function momentOf({ type, instantText, input }: Field, unit: string | undefined, moment: Date): unknown {
  if (unit === undefined) return instantText && type.kind === 'string' ? moment.toISOString() : moment
  const time = Math.floor(unit === 's' ? moment.getTime() / 1000 : unit === 'us' ? moment.getTime() * 1000 : moment.getTime())
  return input === 'bigint' ? BigInt(time) : time
}
