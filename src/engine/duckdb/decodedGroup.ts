/** A group of files with all that is needed to decode and judge its rows in SQL. */
import type { Field } from '../../domain/schema.ts'
import type { LocalFile } from '../../domain/source.ts'
import type { Decoder } from './decode.ts'
import type { FieldSql, Judged } from './fieldSql.ts'
import { absentSql, fieldSql } from './fieldSql.ts'
import type { FileGroup } from './fileGroups.ts'

export interface DecodedGroup {
  group: FileGroup
  decoders: Map<Field, Decoder>
  /** Columns that the schema does not name and has something to say of. */
  extras: Map<Field, Decoder>
  /** Tables of what zod said of values that SQL cannot judge, by column. */
  judged: Map<Field, JudgedTable>
  /** For FROM: the rows, by `file` and `position`, that only the schema as a whole refuses; undefined where there is none. */
  refused: string | undefined
}

export interface JudgedTable extends Judged {
  table: string
  /** The column of raw values. */
  raw: string
}

export function decoderIn({ decoders, extras }: DecodedGroup, field: Field): Decoder | undefined {
  return decoders.get(field) ?? extras.get(field)
}

/** For FROM: the rows of the group, or of one of its files with their positions, beside what zod said of their values. */
export function fromSql(decoded: DecodedGroup, only?: LocalFile): string {
  const joins = [...decoded.judged].map(
    ([field, { table, raw }]) => ` LEFT JOIN ${table} ON ${decoderIn(decoded, field)!.raw} = ${raw}`,
  )
  return `${decoded.group.from(only)}${joins.join('')}`
}

/** SQL that sends a raw value to JavaScript: a byte order mark at a text's very beginning would be lost on the way. */
export const sentSql = ({ isText }: Decoder, raw: string): string => (isText ? `'.' || ${raw}` : raw)

/** What zod sees of a raw value that `sentSql` has sent. */
export function seenOf({ isText, seen }: Decoder, sent: unknown): unknown {
  return seen(isText ? String(sent).slice(1) : sent)
}

export function fieldOf(decoded: DecodedGroup, field: Field): FieldSql {
  const decoder = decoderIn(decoded, field)
  return decoder ? fieldSql(field, decoder, decoded.judged.get(field)) : absentSql(field)
}
