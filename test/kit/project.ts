/** A project in a folder of its own, as `quern init` would make it, with given files. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { REPOSITORY } from './cli.ts'
import { scratch } from './scratch.ts'

export type Files = Record<string, string | Uint8Array>

export function project(files: Files): string {
  const folder = scratch('project')
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'))
  writeFiles(folder, { 'quern.config.ts': 'export default {}\n', ...files })
  return folder
}

export function writeFiles(folder: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
}

export interface OrdersOptions {
  name?: string
  uri?: string
  /** The zod object's members. */
  schema?: string
  /** More of the source's options. */
  source?: string
  /** More of the feature set's options. */
  set?: string
  features?: string
}

export const ORDER_SCHEMA = "time: z.date(), customer: z.string(), amount: z.int().min(0), currency: z.enum(['EUR', 'USD'])"

/** The text of a transform file: orders of customers, a day at a time. */
export function orders({
  name = 'orders_daily',
  uri = 'data/*.csv',
  schema = ORDER_SCHEMA,
  source = "zone: 'UTC',",
  set = '',
  features = "orders: count().over('1d'), spend: sum(f.amount).over('1d', '7d')",
}: OrdersOptions = {}): string {
  return `import { count, countDistinct, defineFeatureSet, first, fresherThan, last, lastRow, lateShareBelow, max, mean, min, nullShareBelow, objects, rowsBetween, share, stddev, sum, uniqueKey, variance } from 'quern'
import { z } from 'zod'

const orders = objects({ name: 'orders', uri: '${uri}', schema: z.object({ ${schema} }), eventTime: 'time', ${source} })

export default defineFeatureSet({
  name: '${name}', source: orders, entity: ['customer'], every: '1d', ${set}
  features: (f: any) => ({ ${features} }),
})
`
}

export const ORDERS_CSV = `time,customer,amount,currency
2026-01-01T09:30:00Z,ada,1250,EUR
2026-01-01T17:05:00Z,bob,300,EUR
2026-01-02T08:00:00Z,ada,4999,USD
`
