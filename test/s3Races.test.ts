/** Any number of writers of tables in a bucket, killed whenever: every version is there exactly once. */
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { formatInstant } from '../src/domain/time.ts'
import { describeRaces, TIMEOUT } from './conformance/races.ts'
import type { Line } from './kit/buckets.ts'
import { envOf, storeAt } from './kit/buckets.ts'
import { documents } from './kit/cli.ts'
import { differences } from './kit/computing.ts'
import type { Fault } from './kit/faultProxy.ts'
import { ANSWERS, startProxy } from './kit/faultProxy.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import type { Course } from './kit/killing.ts'
import { killed, measured } from './kit/killing.ts'
import { midnight, OrderDays, orderProject } from './kit/orderDays.ts'
import { seeded } from './kit/random.ts'
import { cases } from './kit/scratch.ts'
import { Versions } from './kit/versions.ts'

const found = await gatewayBinary()

describe.skipIf('missing' in found)(`a bucket ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway()
  afterAll(() => gateway.stop())
  const bucket = await gateway.makeBucket()
  const line: Line = { endpoint: gateway.endpoint, account: gateway }
  const { committer, holdsAll } = describeRaces(line, bucket)

  it(
    'keeps them under kill -9 at random, over a line that loses, delays and repeats',
    async () => {
      const random = seeded()
      const FAULTS: Fault[] = [
        { kind: 'lostAnswer' },
        { kind: 'refused' },
        { kind: 'cutBody' },
        { kind: 'latency', ms: 30 },
        { kind: 'status', ...ANSWERS.slowDown },
        { kind: 'status', ...ANSWERS.conflict },
        { kind: 'statusAfter', ...ANSWERS.internalError },
      ]
      const proxy = await startProxy(gateway.endpoint, ({ method, key }) => {
        if (!random.chance(0.08)) return undefined
        const fault = random.pick(FAULTS)
        // Only of conditional writes a service says that they have met another.
        if (fault.kind === 'status' && fault.status === 409 && !(method === 'PUT' && key.endsWith('.json'))) return undefined
        return fault
      })
      const count = cases(4, 12, 100)
      const names = ['k0', 'k1', 'k2', 'k3']
      let deaths = 0
      await Promise.all(
        names.map(async name => {
          const launch = committer(name, 'killed/', count, proxy.endpoint)
          for (let kill = 0; kill < cases(2, 5, 40); kill++) {
            const { code, stderr } = await launch(400 + random.next() * 1500)
            if (code === null) deaths++
            else expect(code, stderr).toBe(0)
          }
          const { code, stderr } = await launch()
          expect(code, stderr).toBe(0)
        }),
      )
      await proxy.stop()
      expect(deaths).toBeGreaterThan(0)
      await holdsAll('killed/', names, count)
    },
    TIMEOUT,
  )

  it(
    'ends a chain of runs that are killed with what one full run computes',
    async () => {
      const random = seeded()
      const place = {
        folder: join(gateway.folder, bucket, 'chain'),
        env: { ...envOf(line), QUERN_STORE: `s3://${bucket}/chain` },
        objects: () => storeAt(line, bucket, 'chain/'),
      }
      const chain = await orderProject({ place })
      const days = new OrderDays(random, [chain.cwd])
      const versions = new Versions(chain)
      let course: Course = { milliseconds: 0, changes: 0 }
      let deaths = 0
      for (let day = 1; day <= cases(5, 8, 30); day++) {
        days.arrive(day)
        const until = midnight(day + 1)
        const run = ['run', '--json', '--until', formatInstant(until)]
        const expected = days.expected(chain.set, until)
        for (let kill = 0; kill < (day <= 2 ? 0 : cases(2, 3, 8)); kill++) {
          const outcome = await killed(random, chain.store, course, options => chain.quern(run, options))
          if (outcome.code === null) deaths++
          else expect(outcome.code, outcome.stderr).toBe(0)
        }
        const { outcome, course: whole } = await measured(chain.store, options => chain.quern(run, options))
        if (day <= 2) course = whole
        expect(outcome.code, outcome.stderr).toBe(0)
        // However often it was begun, a day's work is one version.
        expect(await versions.meet(() => expected)).toBe(1)
        expect(differences(chain.set, await chain.parts.rows(chain.set), expected)).toEqual([])
      }
      expect(deaths).toBeGreaterThan(0)
      expect(await chain.quern(['verify', 'orders_daily'])).toMatchObject({ code: 0 })
      expect(documents(await chain.quern(['rejected', 'orders', '--json']))).toHaveLength(days.refused)
      await versions.recall()
      await chain.parts.close()
    },
    TIMEOUT,
  )
})
