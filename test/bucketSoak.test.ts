/** What many objects cost, and how many can be known at once. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, expect, it } from 'vitest'
import { duckdbEngine } from '../src/engine/duckdb/duckdbEngine.ts'
import { loadDefinitions } from '../src/registry.ts'
import { accessAt, definitionOf, ROWS, sourceAt } from './kit/bucketSources.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import { manyNdjson, manyParquet, tagAll } from './kit/manyObjects.ts'
import { objectsOf } from './kit/objectsOf.ts'
import { orders, project } from './kit/project.ts'
import { cases, scratch } from './kit/scratch.ts'

const found = await gatewayBinary()

setFlagsFromString('--expose-gc')
/** Lets go of what nobody holds. */
const collect = runInNewContext('gc') as () => void

/** Milliseconds of this process's processors that some work takes. */
async function cpu<T>(work: () => Promise<T>): Promise<{ ms: number; answer: T }> {
  const before = process.cpuUsage()
  const answer = await work()
  const { user, system } = process.cpuUsage(before)
  return { ms: (user + system) / 1000, answer }
}

describe.skipIf('missing' in found)(`many objects ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway()
  afterAll(() => gateway.stop())
  const line = { endpoint: gateway.endpoint, account: gateway }
  const SCHEMA = "time: z.coerce.date(), customer: z.string(), amount: z.int().min(0), currency: z.enum(['EUR', 'USD'])"

  for (const kind of ['ndjson', 'parquet'] as const) {
    it(`of ${kind} cost little each`, async () => {
      const count = cases(300, 300, 10_000)
      const bucket = await gateway.makeBucket()
      const folder = join(gateway.folder, bucket, 'in')
      if (kind === 'ndjson') manyNdjson(folder, count)
      else await manyParquet(folder, count)
      tagAll(folder)
      const cwd = project({ 'transforms/o.ts': orders({ uri: `s3://${bucket}/in/*.${kind}`, schema: SCHEMA }) })
      const [set] = await loadDefinitions(cwd)
      const source = sourceAt(line)(objectsOf(set!))
      const engine = duckdbEngine({ memory: 2 ** 30, threads: 2, scratchDir: scratch('engine') })
      // What is paid once is paid before.
      await source.pin([])
      const pin = await cpu(() => source.pin([]))
      expect(pin.answer.files).toHaveLength(count)
      const open = await cpu(() => source.open(pin.answer, ROWS))
      const read = await cpu(() =>
        engine.read(
          { set: set!, inputs: open.answer, keep: true },
          { onProgress: () => {}, signal: ROWS.signal, maxRejected: 0 },
        ),
      )
      const release = await cpu(() => open.answer.release())
      const each = Object.fromEntries(
        Object.entries({ pin, open, read, release }).map(([name, { ms }]) => [name, Number((ms / count).toFixed(3))]),
      )
      console.log(`${count} objects of ${kind}: milliseconds each`, each)
      expect(read.answer.rowsRead).toBeGreaterThan(count)
      await engine.close()
      if (count > 5000) expect(Object.values(each).reduce((sum, ms) => sum + ms, 0)).toBeLessThan(2)
    })
  }

  it('are listed in bounded memory', async () => {
    const count = cases(2000, 2000, 1_000_000)
    const bucket = await gateway.makeBucket()
    for (let at = 0; at < count; at++) {
      const folder = join(gateway.folder, bucket, `in/2026-${String(Math.floor(at / 10_000)).padStart(4, '0')}`)
      if (at % 10_000 === 0) mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, `part-${String(at % 10_000).padStart(5, '0')}-of-10000.ndjson`), '')
    }
    tagAll(join(gateway.folder, bucket))
    const { reader } = accessAt(line, bucket)
    const held = (): number => {
      collect()
      return process.memoryUsage().heapUsed
    }
    const before = held()
    let [listed, most] = [0, 0]
    const list = await cpu(async () => {
      for await (const _ of reader.list('in/', {})) if (++listed % 20_000 === 0) most = Math.max(most, held() - before)
    })
    expect(listed).toBe(count)
    const pin = await cpu(() => sourceAt(line)(definitionOf(`s3://${bucket}/in/**/*.ndjson`)).pin([]))
    expect(pin.answer.files).toHaveLength(count)
    console.log(
      `${count} keys: listed for ${(list.ms / count).toFixed(4)} ms each with ${(most / 2 ** 20).toFixed(1)} MiB at most, pinned for ${(pin.ms / count).toFixed(4)} ms and ${((held() - before) / count).toFixed(0)} bytes each`,
    )
    expect(most).toBeLessThan(2 ** 26)
  })
})
