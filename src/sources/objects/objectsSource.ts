/** Local files as a source: found by a pattern, pinned by content. */

import { resolve } from 'node:path'
import { DataError } from '../../domain/errors.ts'
import type { ObjectsSource, PinnedFile, PinnedInputs, Source } from '../../domain/source.ts'
import { contentHash, statOf } from './contentHash.ts'
import { findFiles } from './findFiles.ts'

/** Files hashed at the same time. */
const PARALLEL = 4

/** A file written this recently may be written again within the clock's resolution: its times prove nothing. */
const RACY_NANOSECONDS = 2_000_000_000n

/** @param now milliseconds since the epoch */
export function objectsSource(definition: ObjectsSource, now: () => number): Source {
  return {
    definition,
    room: undefined,

    async pin(known: readonly PinnedFile[]): Promise<PinnedInputs> {
      const found = await findFiles(definition)
      if (found.length === 0 && !definition.allowEmpty) {
        throw new DataError(
          'data.no-match',
          `source \`${definition.name}\`: ${resolve(definition.projectDir, definition.uri)} matches no file`,
          {
            hint: 'Check the path; relative ones start at the project. Declare `allowEmpty: true` where nothing is fine.',
          },
        )
      }
      const byPath = new Map(known.map(file => [file.path, file]))
      const files: PinnedFile[] = []
      for (let at = 0; at < found.length; at += PARALLEL) {
        const part = found.slice(at, at + PARALLEL).map(async file => {
          const { size, modifiedAt } = await statOf(file.path)
          const before = byPath.get(file.path)
          const trusted = before && before.size === size && before.modifiedAt === String(modifiedAt)
          const hash = trusted ? before.hash : await contentHash(file.path)
          return { ...file, hash, size, modifiedAt: isRacy(modifiedAt, now()) ? 'racy' : String(modifiedAt) }
        })
        files.push(...(await Promise.all(part)))
      }
      files.sort((a, b) => compare(a.hash, b.hash) || compare(a.path, b.path))
      return { source: definition.name, files }
    },

    // They are read where they lie.
    open: async inputs => ({ ...inputs, release: async () => undefined }),

    async changedSince(inputs: PinnedInputs): Promise<string[]> {
      const changed: string[] = []
      for (const file of inputs.files) {
        const found = await statOf(file.path).catch(() => undefined)
        const same =
          found !== undefined &&
          found.size === file.size &&
          (file.modifiedAt === 'racy'
            ? (await contentHash(file.path)) === file.hash
            : file.modifiedAt === String(found.modifiedAt))
        if (!same) changed.push(file.path)
      }
      return changed
    },
  }
}

function isRacy(modifiedAt: bigint, nowMs: number): boolean {
  return BigInt(Math.floor(nowMs)) * 1_000_000n - modifiedAt < RACY_NANOSECONDS
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
