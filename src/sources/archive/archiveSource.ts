/**
 * An archive's rows as a source. What is pinned are not the files, which compaction replaces, but the landings whose rows they hold, date by
 * date: a landing's rows of a date are the same in whatever file they lie. Rows of no landing, which another program has appended, are
 * pinned by their file.
 */
import { rm } from 'node:fs/promises'
import type { Engine } from '../../domain/engine.ts'
import { DataError } from '../../domain/errors.ts'
import { ARCHIVE_COLUMNS as A } from '../../domain/kafkaSource.ts'
import type { CutoffRanges } from '../../domain/ranges.ts'
import type { KafkaSource, LocalFile, OpenInputs, PinnedFile, PinnedInputs, Source } from '../../domain/source.ts'
import type { Table } from '../../domain/tableStore.ts'
import { archivedIn } from './archivedFiles.ts'
import { holdingOf, pinsOf } from './archivePins.ts'

/** @param rows reads the archive's files */
export function archiveSource(definition: KafkaSource, table: Table, rows: Pick<Engine, 'query' | 'stageQuery'>): Source {
  return {
    definition,
    room: undefined,

    // What is known is known by its landings, whatever files they lay in: that cannot go unseen.
    async pin(known): Promise<PinnedInputs> {
      const now = await table.snapshot('latest')
      const parts = await archivedIn(table, rows, now)
      const files = now ? pinsOf({ name: definition.name, tableId: now.tableId, parts }, known) : []
      return { source: definition.name, files: files.sort((a, b) => (a.hash < b.hash ? -1 : 1)) }
    },

    async open(inputs, { what, signal }): Promise<OpenInputs> {
      const now = await table.snapshot('latest')
      const holds = now && holdingOf({ tableId: now.tableId, parts: await archivedIn(table, rows, now) })
      const copies: string[] = []
      const opened = async (pinned: PinnedFile): Promise<LocalFile> => {
        signal.throwIfAborted()
        const holding = holds?.(pinned)
        if (!holding) throw goneError(definition, pinned)
        const paths = await table.localPaths(holding.files)
        if (paths.length === 1 && (what === 'columns' || holding.isAll)) return { ...pinned, localPath: paths[0]! }
        const copy = await rows.stageQuery({
          paths,
          columns: now!.columns.filter(({ name }) => name !== A.date),
          ...(holding.isAll ? {} : { where: holding.landings ? within(holding.landings) : `${A.landing} IS NULL` }),
          // A refused row is known by its number, which has to be the same in every copy.
          orderBy: [A.landing, A.partition, A.offset],
          // Of several files that lack one column or another a copy has them all.
          ...(what === 'columns' && !holding.isOne ? { limit: 0 } : {}),
        })
        copies.push(copy.localPath)
        return { ...pinned, localPath: copy.localPath }
      }
      const release = async (): Promise<void> => {
        for (const path of copies) await rm(path, { force: true })
      }
      const files: LocalFile[] = []
      try {
        for (const pinned of inputs.files) files.push(await opened(pinned))
      } catch (error) {
        await release()
        throw error
      }
      return { source: inputs.source, files, release }
    },

    // What has landed stays as it is.
    changedSince: async () => [],
  }
}

/** Stretches of more than so many landings are asked for by their ends; fewer one by one, in one list, which may be long. */
const LONG = 100n

function within(numbers: CutoffRanges): string {
  const long = numbers.filter(({ from, to }) => to - from > LONG)
  const others = numbers.filter(({ from, to }) => to - from <= LONG)
  const single = others.flatMap(({ from, to }) => Array.from({ length: Number(to - from) }, (_, at) => from + BigInt(at)))
  return [
    ...long.map(({ from, to }) => `(${A.landing} >= ${from} AND ${A.landing} < ${to})`),
    ...(single.length > 0 ? [`${A.landing} IN (${single.join(', ')})`] : []),
  ].join(' OR ')
}

function goneError({ name }: KafkaSource, { path }: PinnedFile): DataError {
  return new DataError('data.archive', `source \`${name}\`: ${path} is in the archive no more`, {
    hint: 'Another program has removed rows of the archive. `quern run --full` computes everything from what there is.',
  })
}
