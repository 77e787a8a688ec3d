/** `name`, `name@12`, `name@tag`, `name@2026-01-31T00:00:00Z`: which version of which table is meant. */
import { DefinitionError } from '../domain/errors.ts'
import { nearest } from '../domain/nearest.ts'
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
  const snapshot = version === undefined ? await table.snapshot('latest') : await versionOf(table, version)
  if (!snapshot) {
    const latest = version === undefined ? undefined : await table.snapshot('latest')
    throw latest ? await noSuchVersion(name, version!, table, latest.version) : await unknownName(store, name)
  }
  if (version !== undefined && !(await table.isWhole(snapshot))) throw removedVersion(name, snapshot.version)
  return { name, table, snapshot }
}

function removedVersion(name: string, version: number): DefinitionError {
  return new DefinitionError('definition.version', `version ${version} of \`${name}\` was removed by \`quern vacuum\``, {
    hint: `\`quern vacuum ${name}\` says which versions stay; a tag keeps one.`,
  })
}

async function noSuchVersion(name: string, version: string, table: Table, latest: number): Promise<DefinitionError> {
  const refused = (message: string, hint: string): DefinitionError => new DefinitionError('definition.version', message, { hint })
  const log = `See \`quern log ${name}\`.`
  if (version === '')
    return refused(`\`${name}@\` names no version`, 'Write a number, a tag or an instant behind the @, or leave it out.')
  if (/^\d+$/.test(version) && Number(version) <= latest) return removedVersion(name, Number(version))
  if (/^\d+$/.test(version)) return refused(`\`${name}\` has no version ${version}; its versions are 0 to ${latest}`, log)
  if (parseInstant(version) !== undefined) return refused(`\`${name}\` has no version as of ${version}; it is younger`, log)
  if (/^\d{4}-\d{2}-\d{2}/.test(version))
    return refused(`\`${version}\` is no instant`, 'Write one with its offset, such as 2026-01-31T00:00:00Z.')
  const tags = [...(await table.tags()).keys()]
  return refused(
    `\`${name}\` has no tag \`${version}\``,
    tags.length === 0 ? `It has no tags yet. ${log}` : nearest(version, tags),
  )
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
  const where = names.length === 0 ? `; ${store.uri} holds none yet` : ''
  const ref = name.includes('@') ? ' Name it without a version.' : ''
  return new DefinitionError('definition.unknown', `no feature set \`${name}\` is stored${where}`, {
    hint: names.length === 0 ? 'Publish one with `quern run`.' : `${nearest(name, names)}${ref}`,
  })
}
