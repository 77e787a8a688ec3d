/** `name`, `name@12`, `name@tag`, `name@2026-01-31T00:00:00Z`: which version of which table is meant. */
import { DefinitionError } from '../domain/errors.ts'
import type { Snapshot, Table, TableStore } from '../domain/tableStore.ts'
import { parseInstant } from '../domain/time.ts'

export interface Resolved {
  name: string
  table: Table
  snapshot: Snapshot
}

export async function resolveRef(store: TableStore, ref: string): Promise<Resolved> {
  const at = ref.indexOf('@')
  const name = at < 0 ? ref : ref.slice(0, at)
  const version = at < 0 ? undefined : ref.slice(at + 1)
  const table = store.table(`features/${name}`)
  const latest = await table.snapshot('latest')
  if (!latest) throw await unknownName(store, name)
  if (version === undefined) return { name, table, snapshot: latest }
  const snapshot = await versionOf(table, version)
  if (snapshot && snapshot.version !== latest.version && !(await table.isWhole(snapshot))) {
    throw new DefinitionError(
      'definition.version',
      `version ${snapshot.version} of \`${name}\` was removed by \`quern vacuum\``,
      {
        hint: `See \`quern log ${name}\` for those that are there; a tag keeps a version.`,
      },
    )
  }
  if (snapshot) return { name, table, snapshot }
  const instant = parseInstant(version)
  const what = /^\d+$/.test(version)
    ? `no version ${version}`
    : instant !== undefined
      ? `no version as of ${version}`
      : `no tag \`${version}\``
  throw new DefinitionError('definition.version', `\`${name}\` has ${what}; its versions are 0 to ${latest.version}`, {
    hint: `See \`quern log ${name}\`.`,
  })
}

async function versionOf(table: Table, text: string): Promise<Snapshot | undefined> {
  if (/^\d{1,15}$/.test(text)) return table.snapshot({ version: Number(text) })
  const instant = parseInstant(text)
  if (instant !== undefined) return table.snapshot({ asOf: instant })
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) {
    throw new DefinitionError('definition.instant', `\`${text}\` is a bare date`, {
      hint: `Write an instant: ${text}T00:00:00Z.`,
    })
  }
  const tagged = (await table.tags()).get(text)
  return tagged === undefined ? undefined : table.snapshot({ version: tagged })
}

/** The tags that name `version`. */
export function namesOf(tags: ReadonlyMap<string, number>, version: number): string[] {
  return [...tags].flatMap(([tag, tagged]) => (tagged === version ? [tag] : [])).sort()
}

export async function unknownName(store: TableStore, name: string): Promise<DefinitionError> {
  const names = await store.tables('features')
  const known = names.length === 0 ? `${store.uri} holds none yet` : `there is ${names.map(each => `\`${each}\``).join(', ')}`
  return new DefinitionError('definition.unknown', `no feature set \`${name}\` is stored; ${known}`, {
    hint: names.length === 0 ? 'Publish one with `quern run`.' : 'See `quern ls`.',
  })
}
