/** Orders that come a file a day, some late, corrected, moved or refused: what a chain of runs reads, and what its table must hold. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { ObjectStore } from '../../src/domain/objectStore.ts'
import type { Table } from '../../src/domain/tableStore.ts'
import { parseInstant } from '../../src/domain/time.ts'
import { loadDefinitions } from '../../src/registry.ts'
import type { ExpectedRow, Row } from '../oracle/naive.ts'
import { naiveFeatureSet } from '../oracle/naive.ts'
import type { Outcome, RunOptions } from './cli.ts'
import { quern } from './cli.ts'
import type { InProcess } from './inProcess.ts'
import { inProcess } from './inProcess.ts'
import { orders, project, writeFiles } from './project.ts'
import type { Random } from './random.ts'
import { scratch } from './scratch.ts'

const DAY = 86_400_000_000n
const START = parseInstant('2024-01-01T00:00:00Z')!

/** Midnight of a day, counted from 1. */
export const midnight = (day: number): bigint => START + BigInt(day - 1) * DAY

const FEATURES = `
  orders: count().over('1d', '3d'), spend: sum(f.amount).over('1d', '7d'), mean: mean(f.amount).over('3d'),
  least: min(f.amount).over('3d'), latest: last(f.currency).over('3d'), currencies: countDistinct(f.currency).over('3d', '7d'),
  spread: stddev(f.amount).over('7d'), euros: count().where(f.currency.eq('EUR')).over('3d'),`

const SCHEMA = "time: z.date(), customer: z.string(), amount: z.int().min(0).max(1000), currency: z.enum(['EUR', 'USD'])"

/** A project, its store, and both ways to work on it: the program, and its parts in this process. */
export interface OrderProject {
  cwd: string
  /** The folder that holds the store's tables. */
  store: string
  /** Where the program's processes keep their scratch. */
  temporary: string
  sets: FeatureSet[]
  set: FeatureSet
  table: Table
  parts: InProcess
  quern: (args: readonly string[], options?: Pick<RunOptions, 'kill'>) => Promise<Outcome>
}

export interface OrderOptions {
  names?: string[]
  set?: string
  /** Where its tables are. Default: a folder of the project. */
  place?: { folder: string; env: Record<string, string>; objects: () => ObjectStore }
}

/** A project with one feature set for each name, all over the same source. */
export async function orderProject({
  names = ['orders_daily'],
  set: more = '',
  place,
}: OrderOptions = {}): Promise<OrderProject> {
  const options = { schema: SCHEMA, set: `maxRejected: 0.9, ${more}`, features: FEATURES }
  const source = "zone: 'UTC', allowEmpty: true,"
  const files = names.map(name => [`transforms/${name}.ts`, orders({ ...options, name, source })])
  const cwd = project(Object.fromEntries(files))
  const sets = await loadDefinitions(cwd)
  const temporary = scratch('temporary')
  const store = place?.folder ?? join(cwd, 'store')
  const env = { TMPDIR: temporary, QUERN_STORE: `file:${store}`, ...place?.env }
  const parts = inProcess(cwd, place ? { objects: place.objects } : {})
  const table = parts.store.table(`features/${sets[0]!.name}`)
  return { cwd, store, temporary, sets, set: sets[0]!, table, parts, quern: (args, more) => quern(args, { cwd, env, ...more }) }
}

export class OrderDays {
  readonly #random: Random
  readonly #folders: readonly string[]
  readonly #files = new Map<string, Row[]>()
  /** A key for each row that was ever refused. */
  readonly #refused = new Set<string>()
  #moved = 0

  /** @param folders of the projects that the files are written to */
  constructor(random: Random, folders: readonly string[]) {
    this.#random = random
    this.#folders = folders
  }

  get refused(): number {
    return this.#refused.size
  }

  /** What comes on a day: its own orders, and perhaps late ones, corrections and names that change. */
  arrive(day: number): void {
    const random = this.#random
    const earlier = [...this.#files.keys()]
    this.#write(`day-${day}`, this.#orders(day, day))
    if (day > 1 && random.chance(0.4)) this.#write(`late-${day}`, this.#orders(Math.max(1, day - 9), day - 1))
    if (earlier.length === 0) return
    const name = random.pick(earlier)
    // Not both: a file of another name with other rows is one that is gone.
    if (random.chance(0.25)) {
      const kept = this.#files.get(name)!.filter(() => random.chance(0.7))
      this.#write(name, [...kept, ...this.#orders(Math.max(1, day - 5), day)])
    } else if (random.chance(0.1)) this.#move(name)
  }

  /** Orders of some earlier days, as a file of its own. */
  arriveLate(name: string, first: number, last: number): void {
    this.#write(name, this.#orders(first, last))
  }

  /** What a table of `set` holds that was computed from all that is there. */
  expected(set: FeatureSet, until: bigint): ExpectedRow[] {
    const accepted = [...this.#files.values()].flat().filter(({ amount }) => (amount as bigint) >= 0n)
    return naiveFeatureSet(set, accepted, until - set.delay)
  }

  #orders(first: number, last: number): Row[] {
    const random = this.#random
    return Array.from({ length: random.whole(3, 12) }, () => ({
      time: midnight(random.whole(first, last)) + BigInt(random.pick([0, 0, random.whole(0, 86_399_999), 86_399_999])) * 1000n,
      customer: random.pick(['ada', 'bob', 'cem', 'dan', 'eve']),
      amount: random.chance(0.05) ? -1n : BigInt(random.whole(0, 1000)),
      currency: random.pick(['EUR', 'USD']),
    }))
  }

  #write(name: string, rows: Row[]): void {
    this.#files.set(name, rows)
    const lines = rows.map(({ time, ...row }) => [timeText(time as bigint), ...Object.values(row)].join(','))
    const text = `time,customer,amount,currency\n${lines.map(line => `${line}\n`).join('')}`
    rows.forEach(({ amount }, at) => {
      if ((amount as bigint) < 0n) this.#refused.add(`${text} ${at}`)
    })
    for (const folder of this.#folders) writeFiles(folder, { [`data/${name}.csv`]: text })
  }

  #move(name: string): void {
    const rows = this.#files.get(name)!
    this.#files.delete(name)
    this.#write(`moved-${this.#moved++}`, rows)
    for (const folder of this.#folders) rmSync(join(folder, `data/${name}.csv`))
  }
}

const timeText = (time: bigint): string => new Date(Number(time / 1000n)).toISOString()
