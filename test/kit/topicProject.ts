/** A project whose feature set reads a topic of a broker, and its store read in this process. */
import { join } from 'node:path'
import { archivedRows, type FoundRow, refusedRows } from './archives.ts'
import type { Outcome, RunOptions } from './cli.ts'
import { quern } from './cli.ts'
import { inProcess } from './inProcess.ts'
import { type Files, project } from './project.ts'

export interface TopicProject {
  cwd: string
  store: string
  quern: (args: readonly string[], options?: Partial<RunOptions>) => Promise<Outcome>
  archived: () => Promise<FoundRow[]>
  /** `[input, row, code, raw]`. */
  refused: () => Promise<unknown[][]>
}

interface Options {
  brokers: string
  topic: string
  /** The zod object's members. */
  schema?: string
  /** More of the source's options. */
  source?: string
  set?: string
  features?: string
  env?: Record<string, string>
  files?: Files
}

/** The source is `payments`, the feature set `spend`. */
export function topicProject({
  brokers,
  topic,
  schema = 'id: z.string(), customer: z.string(), at: z.iso.datetime(), amount: z.int().nonnegative()',
  source = '',
  set = '',
  features = "n: count().over('1d'), amount: sum(f.amount).over('1d')",
  env = {},
  files = {},
}: Options): TopicProject {
  const transform = `import { count, defineFeatureSet, kafka, last, sum } from 'quern'
import { z } from 'zod'
export const schema = z.object({ ${schema} })
const source = kafka({ name: 'payments', topic: '${topic}', schema, eventTime: 'at', ${source} })
export const used = { count, last, sum }
export default defineFeatureSet({
  name: 'spend', source, entity: ['customer'], every: '1d', ${set}
  features: f => ({ ${features} }),
})
`
  const cwd = project({ 'transforms/spend.ts': transform, ...files })
  const store = join(cwd, '.quern')
  const reading = async <T>(work: (parts: ReturnType<typeof inProcess>) => Promise<T>): Promise<T> => {
    const parts = inProcess(cwd, { worker: '-reading', folder: '.quern' })
    return work(parts).finally(() => parts.close())
  }
  return {
    cwd,
    store,
    quern: (args, options = {}) => quern(args, { ...options, cwd, env: { KAFKA_BROKERS: brokers, ...env, ...options.env } }),
    archived: () => reading(parts => archivedRows(parts, { name: 'payments' })),
    refused: () => reading(parts => refusedRows(parts, { name: 'payments' })),
  }
}
