/** Chains of runs between which refused rows come to pass, and replays whose store fails them. */
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FeatureSet } from '../src/domain/featureSet.ts'
import type { ObjectStore } from '../src/domain/objectStore.ts'
import { REJECTED_COLUMNS } from '../src/domain/rejectedRows.ts'
import { parseInstant } from '../src/domain/time.ts'
import { loadDefinitions } from '../src/registry.ts'
import type { Replay } from '../src/run/replayRejected.ts'
import { replayRejected } from '../src/run/replayRejected.ts'
import type { InProcess } from './kit/inProcess.ts'
import { inProcess, QUIET } from './kit/inProcess.ts'
import { csv, dayOf } from './kit/living.ts'
import { orders, project, writeFiles } from './kit/project.ts'
import { cases, scratch } from './kit/scratch.ts'
import type { Mishap } from './kit/unreliableStore.ts'
import { unreliableStore } from './kit/unreliableStore.ts'

const SCHEMA = 'time: z.date(), customer: z.string(), amount: z.int().refine(accepts), currency: z.string()'
const FEATURES =
  "orders: count().over('2d'), spend: sum(f.amount).over('2d', '5d'), who: countDistinct(f.amount).over('3d'), most: last(f.amount).over('4d')"
const midnight = (day: number): bigint => parseInstant(`2026-${dayOf(day)}T00:00:00Z`)!

/** Amounts from `least` on are accepted, which no fingerprint tells. */
async function setsAt(cwd: string, least: number): Promise<FeatureSet[]> {
  writeFiles(cwd, { [`helper${least}.ts`]: `export const body = (v: number) => v >= ${least}\n` })
  const sets = await Promise.all(
    [
      { name: 'plain', set: '' },
      { name: 'keyed', set: '', source: "zone: 'UTC', rowKey: ['customer', 'amount']," },
    ].map(async options => {
      const folder = join(cwd, `${options.name}${least}`)
      const text = orders({ schema: SCHEMA, features: FEATURES, uri: join(cwd, 'data/*.csv'), ...options })
      writeFiles(folder, {
        'transforms/it.ts': `import { body } from '../../helper${least}.ts'\nconst accepts = (v: number) => body(v)\n${text}`,
      })
      return (await loadDefinitions(folder))[0]!
    }),
  )
  return sets
}

type Step =
  | { kind: 'file'; name: string; rows: { day: number; customer: string; amount: number }[] }
  | { kind: 'replay'; by: number }
  | { kind: 'run'; days: number }

const row = fc.record({
  day: fc.integer({ min: 1, max: 12 }),
  customer: fc.constantFrom('ada', 'bob'),
  amount: fc.integer({ min: -6, max: 3 }),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('file' as const),
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      rows: fc.array(row, { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('replay' as const), by: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('run' as const), days: fc.integer({ min: 0, max: 4 }) }) },
)

describe('a chain of runs and replays', () => {
  it('ends with the rows of one run of everything', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 9 }), fc.constantFrom(0, 1), async (steps, which) => {
        const cwd = project({ 'data/0.csv': csv('01-01 ada 1', '01-02 ada -2', '01-03 bob -4', '01-03 bob 2') })
        const parts = inProcess(scratch('chain'))
        let [least, day] = [1, 4]
        let set = (await setsAt(cwd, least))[which]!
        await parts.run(set, { until: midnight(day) })
        for (const one of steps) {
          if (one.kind === 'file')
            writeFiles(cwd, {
              [`data/${one.name}.csv`]: csv(
                ...one.rows.map(({ day: on, customer, amount }) => `${dayOf(on)} ${customer} ${amount}`),
              ),
            })
          else if (one.kind === 'run') {
            day += one.days
            await parts.run(set, { until: midnight(day) })
          } else {
            least -= one.by
            set = (await setsAt(cwd, least))[which]!
            await replayRejected([set], parts, QUIET)
          }
        }
        await replayRejected([set], parts, QUIET)
        day += 20
        await parts.run(set, { until: midnight(day) })
        // Refused before any version had read its file, and accepted by the first that did, by a function that had changed meanwhile:
        // of such a row nobody knows. It may be marked once for nothing, and its file read again.
        await replayRejected([set], parts, QUIET)
        await parts.run(set, { until: midnight(day) })
        expect((await replayRejected([set], parts, QUIET)).files).toEqual([])
        expect(await parts.run(set, { until: midnight(day) })).toMatchObject({ outcome: 'unchanged' })
        const anew = inProcess(scratch('anew'))
        await anew.run(set, { until: midnight(day) })
        expect(await parts.rows(set)).toEqual(await anew.rows(set))
        for (const one of [parts, anew]) await one.close()
      }),
      { numRuns: cases(5, 30) },
    )
  })
})

it('adds its column to the refused rows of an older release', async () => {
  const cwd = project({ 'data/a.csv': csv('01-01 ada 1', '01-02 ada -2') })
  const parts = inProcess(scratch('older'))
  const columns = REJECTED_COLUMNS.slice(0, -1)
  const writer = await parts.engine.writeRows(columns)
  await writer.write({ rows: 1, columns: columns.map(({ type }) => [type.kind === 'string' ? 'old' : 7n]) })
  const table = parts.store.table('rejected/orders')
  const change = { operation: 'append', remove: [], lineage: {}, isolation: 'append' as const }
  await table.commit({ ...change, base: undefined, schema: { columns }, add: await writer.finish() })
  const [set] = await setsAt(cwd, 1)
  await parts.run(set!, { until: midnight(20) })
  const snapshot = (await table.snapshot('latest'))!
  expect(snapshot.columns).toEqual(REJECTED_COLUMNS)
  const query = {
    paths: await table.localPaths(snapshot.files),
    columns: snapshot.columns,
    select: ['row', 'replays'],
    orderBy: ['row'],
  }
  const batches = []
  for await (const batch of parts.engine.query(query)) batches.push(batch.columns)
  expect(batches).toEqual([
    [
      [2n, 7n],
      [0n, null],
    ],
  ])
  expect((await replayRejected([(await setsAt(cwd, -5))[0]!], parts, QUIET)).groups).toMatchObject([
    { reason: 'amount: Invalid input', marked: 1 },
    { reason: 'old', unseen: [{ path: 'old', why: 'gone' }] },
  ])
  await parts.close()
})

describe('a replay whose store fails it', () => {
  const marks = async (parts: InProcess): Promise<number> => {
    const snapshot = await parts.store.table('replayed/orders').snapshot('latest')
    return (snapshot?.files ?? []).reduce((sum, { rows }) => sum + rows, 0)
  }

  it.each<Mishap>(['refused', 'lost', 'twice', 'tardy'])('marks every row once in the end: %s', async mishap => {
    const cwd = project({ 'data/a.csv': csv('01-01 ada 1', '01-02 ada -2'), 'data/b.csv': csv('01-03 bob -1') })
    const folder = scratch('failing')
    const parts = inProcess(folder)
    const [before] = await setsAt(cwd, 1)
    await parts.run(before!, { until: midnight(20) })
    const [set] = await setsAt(cwd, -5)
    // Each write of the replay fails once, in one replay after the other.
    for (let failing = 1, isDone = false; !isDone; failing++) {
      let writes = 0
      const wrapped = { store: undefined as ReturnType<typeof unreliableStore> | undefined }
      const objects = (store: ObjectStore): ObjectStore => {
        wrapped.store = unreliableStore(store, ({ writes: isWrite }) => (isWrite && ++writes === failing ? mishap : undefined))
        return wrapped.store
      }
      const worker = inProcess(folder, { worker: String(failing), objects })
      const outcome: Replay | Error = await replayRejected([set!], worker, QUIET).catch((error: Error) => error)
      await wrapped.store!.settled()
      await worker.close()
      isDone = writes < failing
      if (isDone) expect(outcome).not.toBeInstanceOf(Error)
      expect([0, 2]).toContain(await marks(parts))
    }
    expect(await marks(parts)).toBe(2)
    expect(await parts.run(set!, { until: midnight(20) })).toMatchObject({ outcome: 'committed', rowsRead: 3 })
    expect(await parts.run(set!, { until: midnight(20) })).toMatchObject({ outcome: 'unchanged' })
    await parts.close()
  })
})
