/** What a version's schema said, beside its table, and what has become of it since. */
import { createHash } from 'node:crypto'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { Lineage } from '../domain/lineage.ts'
import type { RowSchema, SchemaRecord } from '../domain/schema.ts'
import { schemaWords, unusedChange } from '../domain/schemaChanges.ts'
import type { PinnedFile } from '../domain/source.ts'
import { contentOf } from '../domain/source.ts'
import type { Table } from '../domain/tableStore.ts'
import { withColumns } from './openInputs.ts'
import type { Parts } from './parts.ts'

/** Writes the record where it is not there yet; answers its name. */
export async function recordSchema(table: Table, { record }: RowSchema): Promise<string> {
  const json = JSON.stringify(record)
  const name = `schemas/${createHash('sha256').update(json).digest('hex')}.json`
  await table.putObject(name, new TextEncoder().encode(json))
  return name
}

/** Undefined where there is none that can be read: it tells what has changed, and nothing rests on it but words and a rebuild saved. */
export async function recordedSchema(table: Table, { schema }: Lineage): Promise<SchemaRecord | undefined> {
  const bytes = schema.record === undefined ? undefined : await table.getObject(schema.record)
  try {
    return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as SchemaRecord)
  } catch {
    return undefined
  }
}

interface SchemaSince {
  /** What has changed, column by column; undefined where it is not known. */
  words: string[] | undefined
  /** All that has changed are columns that no file has and the set does not use: every row and value is what it was. */
  isAlike: boolean
}

/** The schema now beside the one of a version that was computed from the files that `files` answers. */
export async function schemaSince(
  set: FeatureSet,
  parts: Parts,
  { table, lineage, files }: { table: Table; lineage: Lineage; files: () => Promise<readonly PinnedFile[]> },
): Promise<SchemaSince> {
  const before = await recordedSchema(table, lineage)
  if (!before) return { words: undefined, isAlike: false }
  const { record: after } = set.source.schema
  const unused = lineage.definition.apart === set.apart ? unusedChange(set, before, after) : undefined
  return {
    words: schemaWords(before, after),
    isAlike: unused !== undefined && (await areAbsent(unused, set, parts, await files())),
  }
}

/** Whether no file has a column of these names, in whatever case. What cannot be looked at may have one. */
async function areAbsent(
  names: readonly string[],
  { source, ...set }: FeatureSet,
  parts: Parts,
  files: readonly PinnedFile[],
): Promise<boolean> {
  // The columns of JSON are those of its rows, which would have to be read.
  if (files.some(({ format }) => format === 'ndjson')) return false
  const of = parts.sourceOf({ source, ...set })
  const now = await of.pin(files, { anew: true, signal: parts.signal })
  const present = new Set(now.files.map(contentOf))
  if (!files.every(file => present.has(contentOf(file)))) return false
  const recorded = new Set(files.map(contentOf))
  const still = now.files.filter(file => recorded.has(contentOf(file)))
  // No field is asked for, so that no column can be of the wrong type.
  const bare = { ...source, schema: { ...source.schema, fields: [] } }
  const inspected = await withColumns(of, { source: source.name, files: still }, parts, local =>
    parts.engine.inspect(bare, local),
  )
  const lower = new Set(names.map(name => name.toLowerCase()))
  return !inspected.some(({ columns }) => columns.some(({ name }) => lower.has(name.toLowerCase())))
}
