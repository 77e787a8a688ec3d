/** The files that a version was computed from, as its lineage refers to them, and their records for a new one. */
import { createHash } from 'node:crypto'
import type { Batch, FormerFile, ReadFile } from '../domain/batch.ts'
import { DataError } from '../domain/errors.ts'
import type { BatchRecord, FormerRecord, Lineage } from '../domain/lineage.ts'
import { isEmpty, parseRanges, rangesText } from '../domain/ranges.ts'
import type { PinnedFile } from '../domain/source.ts'
import type { Table } from '../domain/tableStore.ts'
import { formatInstant, readInstant } from '../domain/time.ts'

interface FileText extends PinnedFile {
  span: { first: string; last: string } | null
}

export interface RecordedInputs {
  batches: Batch[]
  formers: FormerFile[]
}

export async function recordedInputs(table: Table, { inputs }: Lineage): Promise<RecordedInputs> {
  const batches = inputs.batches.map(
    async ({ list, tiles, weight, except }): Promise<Batch> => ({
      files: await readList(table, list),
      tiles: tiles ?? undefined,
      weight,
      except: parseRanges(except ?? []),
    }),
  )
  const formers = inputs.formers.map(async ({ list, only, lost }): Promise<FormerFile[]> => {
    const files = await readList(table, list)
    return files.map(file => ({ file, isLost: lost ?? false, only: parseRanges(only) }))
  })
  return { batches: await Promise.all(batches), formers: (await Promise.all(formers)).flat() }
}

/** The files alone, of all batches. */
export async function recordedFiles(table: Table, { inputs }: Lineage): Promise<PinnedFile[]> {
  return (await Promise.all(inputs.batches.map(({ list }) => readTexts(table, list)))).flat()
}

async function readList(table: Table, name: string): Promise<ReadFile[]> {
  return (await readTexts(table, name)).map(({ span, ...file }) => ({
    ...file,
    span: span && { first: readInstant(span.first), last: readInstant(span.last) },
  }))
}

async function readTexts(table: Table, name: string): Promise<FileText[]> {
  const bytes = await table.getObject(name)
  const refused = (what: string, cause?: unknown): DataError =>
    new DataError('data.lineage', `${table.uri}: the list of input files \`_quern/${name}\` is ${what}`, {
      hint: 'Restore it from a copy of the store, or compute everything anew with `quern run --full`.',
      cause,
    })
  if (!bytes) throw refused('missing')
  try {
    const list: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (Array.isArray(list)) return list as FileText[]
  } catch (error) {
    throw refused('damaged: it is no JSON', error)
  }
  throw refused('damaged: it is no list')
}

/** Writes the lists that are not there yet. */
export async function recordInputs(
  table: Table,
  source: string,
  { batches, formers }: RecordedInputs,
): Promise<Lineage['inputs']> {
  const files = batches.flatMap(batch => batch.files)
  return {
    source,
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    batches: await Promise.all(batches.map(batch => recordBatch(table, batch))),
    formers: await Promise.all(
      formers.map(
        async ({ file, isLost, only }): Promise<FormerRecord> => ({
          list: await writeList(table, [file]),
          only: rangesText(only),
          ...(isLost ? { lost: true } : {}),
        }),
      ),
    ),
  }
}

async function recordBatch(table: Table, { files, tiles, weight, except }: Batch): Promise<BatchRecord> {
  return {
    list: await writeList(table, files),
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    tiles: tiles ?? null,
    weight,
    ...(isEmpty(except) ? {} : { except: rangesText(except) }),
  }
}

async function writeList(table: Table, files: readonly ReadFile[]): Promise<string> {
  const texts = files.map(
    ({ span, ...file }): FileText => ({
      ...file,
      span: span && { first: formatInstant(span.first), last: formatInstant(span.last) },
    }),
  )
  const json = JSON.stringify(texts)
  const name = `inputs/${createHash('sha256').update(json).digest('hex')}.json`
  await table.putObject(name, new TextEncoder().encode(json))
  return name
}
