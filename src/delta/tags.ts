/**
 * Tags: names that people give to versions.
 *
 * Each move of a tag is an object of its own, `_quern/tags/<tag>/<number>.json`, and the greatest number counts. So the store's
 * put-if-absent is the compare-and-set: of two who move a tag from the same place one writes the next number.
 */
import { randomUUID } from 'node:crypto'
import { DataError } from '../domain/errors.ts'
import type { ObjectStore } from '../domain/objectStore.ts'
import { versionName } from './actions.ts'
import { claim } from './claim.ts'

interface Move {
  /** Null where the tag was taken away. */
  version: number | null
  /** Of this move alone. */
  id: string
}

interface Place extends Pick<Move, 'version'> {
  move: number
}

export class Tags {
  readonly #objects: ObjectStore
  readonly #folder: string

  constructor(objects: ObjectStore, path: string) {
    this.#objects = objects
    this.#folder = `${path}/_quern/tags/`
  }

  async all(): Promise<Map<string, number>> {
    const tags = new Map<string, number>()
    for (const [tag, { version }] of await this.#places()) if (version !== null) tags.set(tag, version)
    return tags
  }

  async move(tag: string, version: number | undefined, expected: number | undefined): Promise<'written' | 'moved'> {
    const place = (await this.#places(tag)).get(tag) ?? { move: -1, version: null }
    if ((place.version ?? undefined) !== expected) return 'moved'
    const bytes = new TextEncoder().encode(JSON.stringify({ version: version ?? null, id: randomUUID() } satisfies Move))
    const key = `${this.#folder}${tag}/${versionName(place.move + 1)}.json`
    return (await claim(this.#objects, key, bytes)) === 'won' ? 'written' : 'moved'
  }

  async #places(only?: string): Promise<Map<string, Place>> {
    const last = new Map<string, { move: number; key: string }>()
    for await (const { key } of this.#objects.list(only === undefined ? this.#folder : `${this.#folder}${only}/`)) {
      const match = /^([^/]+)\/(\d{20})\.json$/.exec(key.slice(this.#folder.length))
      if (match) last.set(match[1]!, { move: Number(match[2]), key })
    }
    const places = [...last].map(async ([tag, { move, key }]): Promise<[string, Place]> => {
      const bytes = await this.#objects.get(key)
      // Of one that has gone since it was listed nothing is known.
      return [tag, { move, version: bytes ? this.#versionIn(bytes, tag, key) : null }]
    })
    return new Map(await Promise.all(places))
  }

  #versionIn(bytes: Uint8Array, tag: string, key: string): number | null {
    let cause: unknown
    try {
      const { version } = JSON.parse(new TextDecoder().decode(bytes)) as Move
      if (version === null || (Number.isInteger(version) && version >= 0)) return version
    } catch (error) {
      cause = error
    }
    throw new DataError('data.corrupt-tag', `tag \`${tag}\` is damaged: ${this.#objects.uriOf(key)} names no version`, {
      hint: 'Restore the file from a copy of the store, or remove it: the tag is then where it was before.',
      cause,
    })
  }
}
