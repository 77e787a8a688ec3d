/** An archive's columns follow its schema: a new one is added, and none is taken away or made another. */
import { typeName } from '../domain/columnType.ts'
import { DefinitionError } from '../domain/errors.ts'
import { ARCHIVE_COLUMNS as A } from '../domain/kafkaSource.ts'
import { archiveColumns } from '../domain/landing.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Snapshot, TableChange, TableColumn } from '../domain/tableStore.ts'

/** What a commit says of the columns; undefined where they stay. A column of another type than it has is a DefinitionError. */
export function archiveSchema(source: KafkaSource, archive: Snapshot | undefined): TableChange['schema'] {
  const wanted = archiveColumns(source)
  if (!archive) return { columns: wanted, partitionBy: [A.date], description: `Events of the topic ${source.landing.topic}` }
  const known = new Map(archive.columns.map(column => [column.name, column]))
  const other = wanted.find(({ name, type }) => known.has(name) && typeName(known.get(name)!.type) !== typeName(type))
  if (other) throw otherType(source, known.get(other.name)!, other)
  const added = wanted.filter(({ name }) => !known.has(name))
  if (added.length === 0) return undefined
  const { description } = archive
  return { columns: [...archive.columns, ...added], ...(description === undefined ? {} : { description }) }
}

function otherType({ name }: KafkaSource, { name: column, type }: TableColumn, wanted: TableColumn): DefinitionError {
  return new DefinitionError(
    'definition.archive',
    `source \`${name}\`: column \`${column}\` of archive/${name} is ${typeName(type)}, and the schema makes it ${typeName(wanted.type)}`,
    {
      hint: 'What has landed keeps its type. Give the column another name, or the source: then the topic lands anew from its beginning.',
      values: { source: name, column, is: typeName(type), wanted: typeName(wanted.type) },
    },
  )
}
