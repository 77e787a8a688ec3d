/** Commits to tables in a bucket, over a line on which answers get lost, come late, twice or stale. */
import { afterAll, describe, expect, it } from 'vitest'
import { claim } from '../src/delta/claim.ts'
import { TransientError } from '../src/domain/errors.ts'
import type { ObjectStore } from '../src/domain/objectStore.ts'
import type { Table } from '../src/domain/tableStore.ts'
import type { Fault, FaultProxy, ProxyRequest } from './kit/faultProxy.ts'
import { ANSWERS } from './kit/faultProxy.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import type { Random } from './kit/random.ts'
import { seeded } from './kit/random.ts'
import type { FaultOf, Place } from './kit/s3Lines.ts'
import { changeOf, committedIds, first, idsIn, isCommit, isLogListing, lineTo, storeOver, tableIn } from './kit/s3Lines.ts'
import { cases } from './kit/scratch.ts'

const found = await gatewayBinary()

describe.skipIf('missing' in found)(
  `commits to a bucket ${'missing' in found ? `(skipped: ${found.missing})` : ''}`,
  async () => {
    if ('missing' in found) return
    const gateway = await startGateway()
    afterAll(() => gateway.stop())
    const bucket = await gateway.makeBucket()
    let places = 0
    const place = (): Place => ({ bucket, prefix: `place-${places++}/` })

    interface Seen {
      /** Over the line with faults, and without. */
      table: Table
      plain: Table
      objects: ObjectStore
      proxy: FaultProxy
      commits: () => (number | undefined)[]
    }
    async function over(faultOf: FaultOf): Promise<Seen> {
      const at = place()
      const proxy = await lineTo(gateway, faultOf)
      const objects = storeOver(gateway, proxy, at)
      const commits = (): (number | undefined)[] => proxy.requests.filter(isCommit).map(({ status }) => status)
      return { table: tableIn(objects), plain: tableIn(storeOver(gateway, gateway, at)), objects, proxy, commits }
    }

    describe.concurrent('whose outcome is not told', () => {
      const lost: [string, Fault][] = [
        ['the answer of which gets lost', { kind: 'lostAnswer' }],
        ['the answer of which is cut', { kind: 'cutBody' }],
        ['that are carried out and answered by 500', { kind: 'statusAfter', ...ANSWERS.internalError }],
        ['that are carried out and answered by 503', { kind: 'statusAfter', ...ANSWERS.slowDown }],
        ['that are carried out and answered by 409', { kind: 'statusAfter', ...ANSWERS.conflict }],
      ]
      for (const [words, fault] of lost) {
        it(`are one's own where one was first: ${words}`, async () => {
          const { table, plain, commits } = await over(first(1, fault, isCommit))
          expect(await table.commit(await changeOf(table, 1n))).toEqual({ outcome: 'committed', version: 0 })
          expect(await table.commit(await changeOf(table, 2n))).toEqual({ outcome: 'committed', version: 1 })
          // The second attempt met the success of the first.
          expect(commits().slice(1)).toEqual([412, 200])
          expect(await committedIds(plain)).toEqual([1n, 2n])
          expect(await idsIn(plain)).toEqual([1n, 2n])
        })

        it(`are another's where he was first: ${words}`, async () => {
          const { table, plain, commits } = await over(first(1, fault, isCommit))
          const own = await changeOf(plain, 1n)
          await plain.commit(await changeOf(plain, 2n))
          expect(await table.commit(own)).toMatchObject({ outcome: 'conflict', latest: 0 })
          expect(commits().at(-1)).toBe(412)
          expect(await committedIds(plain)).toEqual([2n])
        })
      }

      it('are won once and lost once, also where no attempt is ever answered', async () => {
        const { objects, proxy } = await over(({ method }) => (method === 'PUT' ? { kind: 'lostAnswer' } : undefined))
        const [one, other] = ['one', 'other'].map(text => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array]
        expect(await claim(objects, 'key', one)).toBe('won')
        expect(await claim(objects, 'key', other)).toBe('lost')
        expect(await claim(objects, 'key', one)).toBe('won')
        expect(new TextDecoder().decode(await objects.get('key'))).toBe('one')
        expect(proxy.requests.filter(({ method }) => method === 'PUT').every(({ status }) => status === undefined)).toBe(true)
      })

      it('are sent again where they met another that came to nothing (409)', async () => {
        const { table, plain, commits } = await over(first(4, { kind: 'status', ...ANSWERS.conflict }, isCommit))
        expect(await table.commit(await changeOf(table, 1n))).toEqual({ outcome: 'committed', version: 0 })
        expect(commits()).toEqual([409, 409, 409, 409, 200])
        expect(await committedIds(plain)).toEqual([1n])
      })

      it('are another time where they meet others for ever (409), and nothing is there', async () => {
        const { table, plain } = await over(r => (isCommit(r) ? { kind: 'status', ...ANSWERS.conflict } : undefined))
        const error = await table.commit(await changeOf(table, 1n)).catch(error => error)
        expect(error).toBeInstanceOf(TransientError)
        expect(error).toMatchObject({ exitCode: 75, code: 'transient.store' })
        expect(error.message).toMatch(/_delta_log\/0{20}\.json cannot be written just now: .* answers 409/)
        expect(await plain.snapshot('latest')).toBeUndefined()
        expect(await plain.commit(await changeOf(plain, 2n))).toEqual({ outcome: 'committed', version: 0 })
      })

      it('are whole where they arrive after all', async () => {
        const { table, plain, proxy } = await over(r => (isCommit(r) ? { kind: 'tardy', ms: 700 } : undefined))
        const outcome = await table.commit(await changeOf(table, 7n)).catch(error => error)
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(TransientError)
        else expect(outcome).toEqual({ outcome: 'committed', version: 0 })
        await proxy.settled()
        expect(await committedIds(plain)).toEqual([7n])
      })

      it('let a tag be moved once', async () => {
        const isMove = ({ method, key }: ProxyRequest): boolean => method === 'PUT' && /_quern\/tags\//.test(key)
        const { table, plain } = await over(first(1, { kind: 'lostAnswer' }, isMove))
        for (let id = 0n; id < 2n; id++) await plain.commit(await changeOf(plain, id))
        expect(await table.moveTag('best', 1, undefined)).toBe('written')
        expect(await plain.moveTag('best', 0, undefined)).toBe('moved')
        expect(await plain.tags()).toEqual(new Map([['best', 1]]))
      })
    })

    describe('on top of a listing that is behind', () => {
      /** Four versions, of which the line tells three, as often as that. */
      async function behind(times: number): Promise<Seen> {
        const seen = await over(first(times, { kind: 'behind' }, isLogListing))
        for (let id = 0n; id < 4n; id++) await seen.plain.commit(await changeOf(seen.plain, id))
        return seen
      }

      it('show a whole older version', async () => {
        const { table } = await behind(1)
        expect((await table.snapshot('latest'))?.version).toBe(2)
        expect((await table.snapshot('latest'))?.version).toBe(3)
        expect(await idsIn(table)).toEqual([0n, 1n, 2n, 3n])
      })

      it('conflict, and overwrite nothing', async () => {
        const { table, plain, commits } = await behind(Number.POSITIVE_INFINITY)
        expect(await table.commit(await changeOf(table, 9n))).toMatchObject({ outcome: 'conflict' })
        expect(commits()).toEqual([412])
        expect(await committedIds(plain)).toEqual([0n, 1n, 2n, 3n])
      })

      it('append once the listing has caught up', async () => {
        const { table, plain } = await behind(3)
        const change = await changeOf(table, 9n, { isolation: 'append' })
        expect(await table.commit(change)).toEqual({ outcome: 'committed', version: 4 })
        expect(await committedIds(plain)).toEqual([0n, 1n, 2n, 3n, 9n])
      })
    })

    describe('by several writers in a storm', () => {
      const WRITERS = 4

      it('are each there once, with no gap, and tags move once', async () => {
        const random = seeded()
        const at = place()
        const plain = tableIn(storeOver(gateway, gateway, at))
        await plain.commit(await changeOf(plain, 0n))
        const lines = await Promise.all(Array.from({ length: WRITERS }, () => lineTo(gateway, request => storm(random, request))))
        const tables = lines.map(line => tableIn(storeOver(gateway, line, at)))

        const told = new Map<bigint, number>()
        const undecided = new Set<bigint>()
        const append = async (table: Table, writer: number): Promise<void> => {
          for (let n = 1; n <= cases(4, 5); n++) {
            const id = BigInt(writer * 1000 + n)
            try {
              const outcome = await table.commit(await changeOf(table, id, { isolation: 'append' }))
              if (outcome.outcome === 'committed') told.set(id, outcome.version)
            } catch (error) {
              if (!(error instanceof TransientError)) throw error
              undecided.add(id)
            }
          }
        }
        await Promise.all(tables.map((table, n) => append(table, n + 1)))
        await Promise.all(lines.map(line => line.settled()))
        const ids = await committedIds(plain)
        expect(ids.length).toBe((await plain.snapshot('latest'))!.version + 1)
        expect(new Set(ids).size).toBe(ids.length)
        for (const [id, version] of told) expect(ids[version]).toBe(id)
        expect(ids.filter(id => id !== 0n && !told.has(id) && !undecided.has(id))).toEqual([])
        expect(await idsIn(plain)).toEqual([...ids].sort((a, b) => Number(a - b)))
        expect(told.size).toBeGreaterThan(WRITERS)

        // A tag that counts: each move from a number to the next is one writer's.
        const moves: number[] = []
        const count = async (table: Table): Promise<void> => {
          for (let n = 0; n < 3; n++) {
            try {
              const from = (await table.tags()).get('counts')
              const to = (from ?? -1) + 1
              if ((await table.moveTag('counts', to, from)) === 'written') moves.push(to)
            } catch (error) {
              if (!(error instanceof TransientError)) throw error
            }
          }
        }
        await Promise.all(tables.map(count))
        await Promise.all(lines.map(line => line.settled()))
        expect(new Set(moves).size).toBe(moves.length)
        expect((await plain.tags()).get('counts')).toBeGreaterThanOrEqual(Math.max(...moves))

        const faults = lines.flatMap(line => line.requests.map(({ fault }) => fault?.kind))
        expect(new Set(faults).size).toBeGreaterThan(6)
      })
    })
  },
)

/** What befalls a fifth of the requests. */
function storm(random: Random, request: ProxyRequest): Fault | undefined {
  if (!random.chance(0.2)) return undefined
  const isWrite = request.method === 'PUT'
  return random.pick<Fault>([
    { kind: 'latency', ms: random.whole(1, 100) },
    { kind: 'refused' },
    { kind: 'lostAnswer' },
    { kind: 'cutBody' },
    { kind: 'status', ...ANSWERS.internalError },
    { kind: 'statusAfter', ...ANSWERS.internalError },
    ...(isWrite
      ? [
          { kind: 'tardy' as const, ms: random.whole(1, 300) },
          { kind: 'status' as const, ...ANSWERS.conflict },
        ]
      : [{ kind: 'truncated' as const }, { kind: isLogListing(request) ? ('behind' as const) : ('latency' as const), ms: 20 }]),
  ])
}
