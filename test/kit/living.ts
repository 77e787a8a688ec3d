/** A project of orders whose definition and data change as a test goes on, run in this process. */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Answer } from './program.ts'
import { here } from './program.ts'
import type { OrdersOptions } from './project.ts'
import { orders, project, writeFiles } from './project.ts'
import { scratch } from './scratch.ts'

export type Line = Record<string, unknown>

/** What the clock shows unless a test says otherwise: after all cutoffs that hold rows. */
export const NOW = '2026-03-01T00:00:00Z'

/** `csv('01-05 ada 7')`: that day of 2026 at noon. */
export function csv(...lines: string[]): string {
  const rows = lines.map(line => {
    const [day, customer, amount] = line.split(' ')
    return `2026-${day}T12:00:00Z,${customer},${amount},EUR\n`
  })
  return `time,customer,amount,currency\n${rows.join('')}`
}

/** The day of 2026 that many days after the year began. */
export const dayOf = (n: number): string => new Date(Date.UTC(2026, 0, n)).toISOString().slice(5, 10)

/** An order of each customer on each of the year's first days; its amount is the day's number. */
export function daily(days: number, ...customers: string[]): string {
  const lines = Array.from({ length: days }, (_, at) => customers.map(name => `${dayOf(at + 1)} ${name} ${at + 1}`))
  return csv(...lines.flat())
}

/** Rows from each order on for two days, and a closing row. */
export const TWO_DAYS: OrdersOptions = { features: "orders: count().over('2d'), spend: sum(f.amount).over('2d')" }

export const midnight = (day: string): string => `2026-${day}T00:00:00Z`

export class Living {
  readonly cwd = project({})
  now = NOW
  #definitions = 0

  constructor(data: Record<string, string>, options: OrdersOptions = {}) {
    this.define(options)
    for (const [name, text] of Object.entries(data)) this.put(name, text)
  }

  /** The definition is another from now on; a process loads each file once, so it is another file too. */
  define(options: OrdersOptions, mend = (text: string) => text): void {
    rmSync(join(this.cwd, 'transforms'), { recursive: true, force: true })
    writeFiles(this.cwd, { [`transforms/orders${this.#definitions++}.ts`]: mend(orders(options)) })
  }

  put(name: string, text: string): void {
    writeFiles(this.cwd, { [`data/${name}.csv`]: text })
  }

  take(name: string): void {
    rmSync(join(this.cwd, `data/${name}.csv`))
  }

  quern(...args: string[]): Promise<Answer> {
    return here(this.cwd, args, { now: this.now })
  }

  /** The one line of a command that must succeed. */
  async line(...args: string[]): Promise<Line> {
    const answer = await this.quern(...args, '--json')
    expect(answer).toMatchObject({ code: 0, stderr: expect.not.stringContaining(' at ') })
    return answer.lines[0]!
  }

  run(...args: string[]): Promise<Line> {
    return this.line('run', ...args)
  }

  until(day: string, ...args: string[]): Promise<Line> {
    return this.run('--until', midnight(day), ...args)
  }

  async rows(ref = 'orders_daily', ...args: string[]): Promise<Line[]> {
    return (await this.quern('read', ref, '--format', 'json', '--json', ...args)).lines
  }

  /** What one run of everything publishes, from the definition and the data as they are now. */
  async truth(...args: string[]): Promise<Line[]> {
    const store = ['--store', `file:${scratch('truth')}`]
    await this.run(...args, ...store)
    return this.rows('orders_daily', ...store)
  }

  async lineage(ref = 'orders_daily'): Promise<Line> {
    return (await this.line('show', ref)).lineage as Line
  }

  /** The actions of a version's commit. */
  commit(version: number): Record<string, Line>[] {
    const text = readFileSync(this.commitPath(version), 'utf8')
    return text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, Line>)
  }

  commitPath(version: number): string {
    return join(this.table, '_delta_log', `${String(version).padStart(20, '0')}.json`)
  }

  get table(): string {
    return join(this.cwd, '.quern/features/orders_daily')
  }

  /** The data files that lie in the table's folder, of whatever version. */
  get files(): string[] {
    return readdirSync(this.table).filter(name => name.endsWith('.parquet'))
  }
}

/** Rows by customer and cutoff: `ada 01-05`, each with its other values. */
export function byKey(rows: readonly Line[]): Record<string, Line> {
  return Object.fromEntries(rows.map(({ customer, cutoff, ...values }) => [`${customer} ${String(cutoff).slice(5, 10)}`, values]))
}

/** The keys of rows that only one side has, or that have other values. */
export function changedKeys(before: readonly Line[], after: readonly Line[]): string[] {
  const [a, b] = [byKey(before), byKey(after)]
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].filter(key => JSON.stringify(a[key]) !== JSON.stringify(b[key])).sort()
}
