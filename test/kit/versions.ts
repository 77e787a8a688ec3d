/** The versions of a table as their readers see them, remembered so that no later event can change one unnoticed. */
import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { ExpectedRow } from '../oracle/naive.ts'
import type { ComputedRow } from './computing.ts'
import { differences } from './computing.ts'
import type { OrderProject } from './orderDays.ts'

export class Versions {
  readonly #project: OrderProject
  readonly #set: FeatureSet
  /** Of each version's rows. */
  readonly #digests: string[] = []

  constructor(project: OrderProject) {
    this.#project = project
    this.#set = project.set
  }

  get count(): number {
    return this.#digests.length
  }

  /** Versions that nobody has seen yet hold what is expected of them; all earlier ones are whole. Answers how many are new. */
  async meet(expectedOf: (version: number) => ExpectedRow[] | Promise<ExpectedRow[]>): Promise<number> {
    const { table, parts } = this.#project
    const latest = (await table.snapshot('latest'))?.version ?? -1
    const before = this.count
    for (let version = 0; version < before; version++) {
      expect(await table.isWhole((await table.snapshot({ version }))!), `version ${version} is whole`).toBe(true)
    }
    for (let version = before; version <= latest; version++) {
      const rows = await parts.rows(this.#set, version)
      expect(differences(this.#set, rows, await expectedOf(version)), `version ${version}`).toEqual([])
      this.#digests.push(digest(rows))
    }
    return this.count - before
  }

  /** The rows of these versions are those that they had when they were met. */
  async recall(versions: readonly number[] = [...this.#digests.keys()]): Promise<void> {
    for (const version of versions) {
      expect(digest(await this.#project.parts.rows(this.#set, version)), `version ${version}`).toBe(this.#digests[version])
    }
  }
}

function digest(rows: readonly ComputedRow[]): string {
  const text = JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
  return createHash('sha256').update(text).digest('hex')
}
