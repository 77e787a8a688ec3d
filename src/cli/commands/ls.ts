/** `quern ls`: the feature sets in the store. */

import type { App } from '../../app.ts'
import type { Engine } from '../../domain/engine.ts'
import { EXIT, worstExitCode } from '../../domain/errors.ts'
import type { Snapshot, Table } from '../../domain/tableStore.ts'
import { formatInstant } from '../../domain/time.ts'
import { keysOf } from '../../run/columns.ts'
import { requireWhole } from '../../run/resolveRef.ts'
import type { CommandContext } from '../command.ts'
import { errorText, isExpected } from '../errorText.ts'
import { note, number, printJson, printLine, tableText } from '../output.ts'

export async function ls({ app: build, flags }: CommandContext): Promise<number> {
  const app = await build()
  const { store, config } = app
  const rows: string[][] = []
  const codes: number[] = []
  for (const name of await store.tables('features')) {
    try {
      const row = await rowOf(app, name, flags.json === true)
      if (row) rows.push(row)
    } catch (error) {
      // One damaged table hides no other.
      if (!isExpected(error) || app.signal.aborted) throw error
      note(errorText(error))
      codes.push(error.exitCode)
    }
  }
  const code = worstExitCode(codes)
  if (flags.json || (rows.length === 0 && code !== EXIT.done)) return code
  const outside = config.inProject ? '' : ' (no quern.config.ts here or above)'
  if (rows.length === 0) note(`${store.uri} holds no feature sets yet${outside}; publish one with \`quern run\``)
  else printLine(tableText(['name', 'version', 'rows', 'last cutoff', 'committed', 'tags'], rows, new Set([1, 2])))
  return code
}

/** A feature set's line of the table; as JSON it is printed at once. Undefined where no run has committed a version. */
async function rowOf({ store, engine }: App, name: string, json: boolean): Promise<string[] | undefined> {
  const table = store.table(`features/${name}`)
  const snapshot = await table.snapshot('latest')
  if (!snapshot) return undefined
  const count = snapshot.files.reduce((sum, file) => sum + file.rows, 0)
  const committedAt = formatInstant(snapshot.committedAt)
  const lastCutoff = lastCutoffOf(snapshot)
  const names = [...(await table.tags()).keys()].sort()
  if (json) {
    await requireWhole(name, table, snapshot)
    printJson({
      name,
      version: snapshot.version,
      rows: count,
      entities: await entitiesOf(engine, table, snapshot),
      lastCutoff,
      committedAt,
      tags: names,
      uri: table.uri,
    })
  }
  return [
    name,
    String(snapshot.version),
    number(count),
    lastCutoff === null ? '' : `${lastCutoff.slice(0, 19)}Z`,
    `${committedAt.slice(0, 19)}Z`,
    names.join(' '),
  ]
}

function lastCutoffOf({ files }: Snapshot): string | null {
  const cutoffs = files.flatMap(({ columns }) => (columns.cutoff?.max as bigint | undefined) ?? [])
  return cutoffs.length === 0 ? null : formatInstant(cutoffs.reduce((a, b) => (a > b ? a : b)))
}

async function entitiesOf(engine: Engine, table: Table, { files, columns }: Snapshot): Promise<number> {
  const select = keysOf(columns).slice(0, -1)
  return engine.countDistinct({ paths: await table.localPaths(files), columns, select })
}
