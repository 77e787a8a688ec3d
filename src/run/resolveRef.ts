/** `name`, `name@12`, `name@tag`, `name@2026-01-31T00:00:00Z`: which version of which table is meant. */
import { DataError, DefinitionError } from '../domain/errors.ts'
import { nearest } from '../domain/nearest.ts'
import type { Snapshot, Table, TableFile, TableStore } from '../domain/tableStore.ts'
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
  if (!isName(name)) throw await unknownName(store, name)
  const table = store.table(`features/${name}`)
  const snapshot = version === undefined ? await table.snapshot('latest') : await versionOf(table, version)
  if (!snapshot) {
    const latest = version === undefined ? undefined : await table.snapshot('latest')
    throw latest ? await noSuchVersion(name, version!, table, latest.version) : await unknownName(store, name)
  }
  await requireWhole(name, table, snapshot)
  return { name, table, snapshot }
}

/** The name of a stored feature set, without a version. */
export async function requireName(store: TableStore, text: string): Promise<string> {
  if (isName(text)) return text
  throw await unknownName(store, text)
}

/** A table that is kept in order: a feature set's, or a source's archive. */
export interface Maintained {
  folder: 'features' | 'archive'
  name: string
}

const ARCHIVE = 'archive/'

/**
 * What a name stands for, without a version: a feature set, or else a source whose topic has landed. `archive/<source>` is the archive
 * of a source that is called as some feature set is. Of a feature set's first run, unfinished, there may be objects and no version.
 */
export async function maintained(store: TableStore, text: string): Promise<Maintained> {
  const isArchive = text.startsWith(ARCHIVE)
  const name = isArchive ? text.slice(ARCHIVE.length) : text
  const archives = await store.tables('archive')
  if (!isName(name)) throw await unknownName(store, text, archives)
  if (!isArchive && (await store.table(`features/${name}`).snapshot('latest'))) return { folder: 'features', name }
  if (archives.includes(name)) return { folder: 'archive', name }
  if (!isArchive) for await (const _ of store.table(`features/${name}`).contents()) return { folder: 'features', name }
  throw await unknownName(store, text, archives)
}

/** What is no name must not become a path. */
export const isName = (text: string): boolean => /^[a-z][a-z0-9_]{0,99}$/.test(text)

/** A clean-up takes files away that no version needs which is to be kept; what such a one needs can only be lost. */
export async function requireWhole(name: string, table: Table, snapshot: Snapshot): Promise<void> {
  const gone = await table.filesGone(snapshot)
  if (gone.length === 0) return
  const kept = [await table.snapshot('latest')]
  for (const version of (await table.tags()).values()) kept.push(await table.snapshot({ version }))
  const needed = new Set(kept.flatMap(version => version?.files.map(({ path }) => path) ?? []))
  const lost = gone.find(({ path }) => needed.has(path))
  throw lost ? lostFile(name, table, snapshot.version, lost) : removedVersion(name, snapshot.version)
}

function lostFile(name: string, table: Table, version: number, { path }: TableFile): DataError {
  return new DataError('data.lost-file', `\`${name}\`: a data file of version ${version} is lost: ${table.uri}/${path}`, {
    hint: 'Restore it from a copy of the store, or compute everything anew with `quern run --full`.',
  })
}

export function removedVersion(name: string, version: number): DefinitionError {
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
  if (/^\d+$/.test(version)) {
    const begin = await table.snapshot({ version: 0 })
    return refused(
      `\`${name}\` has no version ${version}; its ${begin ? `versions are 0 to ${latest}` : `latest is ${latest}`}`,
      log,
    )
  }
  if (parseInstant(version) !== undefined) return refused(`\`${name}\` has no version as of ${version}; it is younger`, log)
  if (/^\d{4}-\d{2}-\d{2}/.test(version))
    return refused(`\`${version}\` is no instant`, 'Write one with its offset, such as 2026-01-31T00:00:00Z.')
  const tags = await table.tags()
  const tagged = tags.get(version)
  if (tagged !== undefined) return removedVersion(name, tagged)
  return refused(
    `\`${name}\` has no tag \`${version}\``,
    tags.size === 0 ? `It has no tags yet. ${log}` : nearest(version, [...tags.keys()]),
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

/** @param others names that could have been meant as well */
export async function unknownName(store: TableStore, name: string, others: readonly string[] = []): Promise<DefinitionError> {
  const names = [...(await store.tables('features')), ...others]
  const where = names.length === 0 ? `; ${store.uri} holds none yet` : ''
  const ref = name.includes('@') ? ' Name it without a version.' : ''
  return new DefinitionError('definition.unknown', `no feature set \`${name}\` is stored${where}`, {
    hint: names.length === 0 ? 'Publish one with `quern run`.' : `${nearest(name, names)}${ref}`,
  })
}
