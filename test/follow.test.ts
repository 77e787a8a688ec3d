/** Following, by a clock of the test's own: what comes in topics lands in batches, and what reads them is computed after each. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { TransientError } from '../src/domain/errors.ts'
import type { FeatureSet } from '../src/domain/featureSet.ts'
import type { KafkaSource } from '../src/domain/source.ts'
import type { Instant } from '../src/domain/time.ts'
import { count, defineFeatureSet, kafka, sum } from '../src/index.ts'
import { Backlog } from '../src/run/backlog.ts'
import type { Followed, FollowFailure, FollowOptions } from '../src/run/follow.ts'
import { follow } from '../src/run/follow.ts'
import type { FollowedBatch, FollowedRun } from '../src/run/followWatcher.ts'
import type { Parts } from '../src/run/parts.ts'
import { archivedRows, plainDecoder, refusedRows } from './kit/archives.ts'
import { type InProcess, inProcess } from './kit/inProcess.ts'
import { resolved } from './kit/kafkaSets.ts'
import { MemoryLog } from './kit/memoryLog.ts'
import { seeded } from './kit/random.ts'
import { cases, scratch } from './kit/scratch.ts'

const SECOND: Instant = 1_000_000n
const START = BigInt(Date.UTC(2026, 0, 5, 12)) * 1000n

const schema = z.object({ id: z.string(), customer: z.string(), at: z.iso.datetime(), amount: z.int().nonnegative() })

const declared = (name: string): Followed & { set: FeatureSet } => {
  const { set, source } = resolved(
    defineFeatureSet({
      name: `${name}_spend`,
      source: kafka({ name, topic: `shop.${name}`, schema, eventTime: 'at' }),
      entity: ['customer'],
      every: '1h',
      features: f => ({ n: count().over('1h', '1d'), amount: sum(f.amount).over('1d') }),
    }),
  )
  return { set, source, sets: [set] }
}

type Told =
  | { what: 'landed'; at: number; source: string; batch: FollowedBatch }
  | { what: 'computed'; at: number; set: string; run: FollowedRun }
  | { what: 'failed'; at: number; name: string; isNew: boolean; retryIn: number }
  | { what: 'recovered'; at: number; seconds: number }

/** A shop's topics and a clock that moves where somebody pauses, and nowhere else. */
class Shop {
  readonly log = new MemoryLog(2)
  readonly others = new Map<string, MemoryLog>()
  readonly folder = scratch('follow')
  readonly told: Told[] = []
  /** Seconds since the start -> what happens then. */
  readonly script: [at: number, what: () => void][] = []
  readonly ending = new AbortController()
  clock = START
  looks = 0
  /** Where they are set, looks or runs fail. */
  away: (() => Error) | undefined
  broken: (() => Error) | undefined
  #made = 0

  get seconds(): number {
    return Number(this.clock - START) / 1e6
  }

  /** @param more of the row and of the message's own timestamp, in seconds since the start; default now */
  put({ at = this.clock, partition = 0, amount = 1, written = this.clock, log = this.log } = {}): string {
    const id = `p${this.#made++}`
    const row = { id, customer: `c${this.#made % 3}`, at: new Date(Number(at / 1000n)).toISOString(), amount }
    log.put(partition, JSON.stringify(row), { timestamp: written / 1000n })
    return id
  }

  worker(name = ''): InProcess & Parts {
    const parts = inProcess(this.folder, {
      worker: name,
      topicOf: ({ name: source }) => {
        const log = this.others.get(source) ?? this.log
        const topic = async (): ReturnType<MemoryLog['topic']> => {
          this.looks++
          if (this.away) throw this.away()
          return log.topic()
        }
        const readRange: MemoryLog['readRange'] = range => log.readRange(range)
        const heldUpTo: MemoryLog['heldUpTo'] = (...of) => log.heldUpTo(...of)
        return { log: { topic, readRange, heldUpTo, close: async () => {} }, decoder: plainDecoder }
      },
    })
    const sourceOf: Parts['sourceOf'] = set => {
      if (this.broken) throw this.broken()
      return parts.sourceOf(set)
    }
    return { ...parts, now: () => this.clock, sourceOf }
  }

  at(seconds: number, what: () => void): void {
    this.script.push([seconds, what])
    this.script.sort(([a], [b]) => a - b)
  }

  async follow(followed: Followed[], parts: Parts, more: Partial<FollowOptions> = {}): Promise<FollowFailure[]> {
    return follow(followed, parts, {
      acceptLoss: false,
      maxRejected: undefined,
      batch: { time: 10n * SECOND, messages: 1000 },
      watchers: [this.watcher()],
      ending: this.ending.signal,
      pause: async milliseconds => {
        this.clock += BigInt(milliseconds) * 1000n
        while (this.script[0] && this.script[0][0] <= this.seconds) this.script.shift()![1]()
        if (this.seconds > 100_000) throw new Error('the script does not end')
        // Others that follow pause by the same clock.
        await new Promise(resolve => setImmediate(resolve))
      },
      ...more,
    })
  }

  watcher(): FollowOptions['watchers'][number] {
    return {
      looked: () => {},
      landed: ({ name }, batch) => this.told.push({ what: 'landed', at: this.seconds, source: name, batch }),
      computed: ({ name }, run) => this.told.push({ what: 'computed', at: this.seconds, set: name, run }),
      progress: () => {},
      note: () => {},
      failed: ({ name }, how) => this.told.push({ what: 'failed', at: this.seconds, name, ...how }),
      recovered: (_, seconds) => this.told.push({ what: 'recovered', at: this.seconds, seconds }),
    }
  }

  of<W extends Told['what']>(what: W): Extract<Told, { what: W }>[] {
    return this.told.filter((one): one is Extract<Told, { what: W }> => one.what === what)
  }
}

const idsOf = async (parts: Parts, source: KafkaSource): Promise<unknown[]> =>
  (await archivedRows(parts, source)).map(({ id }) => id).sort()

const versions = async (parts: Parts, table: string): Promise<number> =>
  ((await parts.store.table(table).snapshot('latest'))?.version ?? -1) + 1

describe('a batch', () => {
  it('is due when its first message has waited for the time that was given, and is one commit', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    for (const at of [20, 23.5, 26, 60, 61]) shop.at(at, () => shop.put({ partition: at % 2 < 1 ? 0 : 1 }))
    shop.at(120, () => shop.ending.abort())
    expect(await shop.follow([payments], parts)).toEqual([])
    const landed = shop.of('landed')
    expect(landed.map(({ batch }) => batch.rows)).toEqual([3, 2])
    // A look later than it came, and never later than the time itself.
    expect(landed[0]!.at).toBeGreaterThan(28)
    expect(landed[0]!.at).toBeLessThanOrEqual(30)
    expect(landed[1]!.at).toBeGreaterThan(68)
    expect(landed[1]!.at).toBeLessThanOrEqual(70)
    expect(await versions(parts, 'archive/payments')).toBe(2)
    await parts.close()
  })

  it('is due at once when so many messages wait, and no larger than that', async () => {
    const shop = new Shop()
    shop.log.perBatch = 5
    const payments = declared('payments')
    const parts = shop.worker()
    shop.at(20, () => {
      for (let n = 0; n < 100; n++) shop.put({ partition: n % 2 })
    })
    shop.at(30, () => shop.ending.abort())
    await shop.follow([payments], parts, { batch: { time: 3600n * SECOND, messages: 40 } })
    const landed = shop.of('landed')
    expect(landed.map(({ batch }) => batch.rows)).toEqual([40, 40, 20])
    expect(landed.map(({ batch }) => batch.lag.messages)).toEqual([60, 20, 0])
    expect(new Set(landed.map(({ at }) => at))).toEqual(new Set([20]))
    await parts.close()
  })

  it('is due when a cutoff is: what came before counts there', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    shop.at(3599, () => shop.put({ amount: 7 }))
    shop.at(3610, () => shop.ending.abort())
    await shop.follow([payments], parts, { batch: { time: 7200n * SECOND, messages: 1000 } })
    expect(shop.of('landed').map(({ at }) => at)).toEqual([3600])
    const [row] = await parts.rows(payments.set)
    expect(row).toMatchObject({ cutoff: START + 3600n * SECOND, values: [1n, 1n, 7n] })
    await parts.close()
  })

  it('tells how far the landing is behind, and how fresh what it brought is', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    shop.at(20, () => shop.put({ at: shop.clock - 5n * SECOND }))
    shop.at(24, () => shop.put())
    // A clock that goes wrong says nothing of how fresh anything is.
    shop.at(25, () => shop.put({ written: START + 10n ** 15n, at: START + 10n ** 12n }))
    shop.at(40, () => shop.ending.abort())
    await shop.follow([payments], parts)
    const [{ at, batch }] = shop.of('landed') as [Extract<Told, { what: 'landed' }>]
    expect(batch).toMatchObject({ rows: 3, lag: { messages: 0, seconds: 0 } })
    expect(batch.freshness.newest).toBeCloseTo(at - 24)
    expect(batch.freshness.oldest).toBeCloseTo(at - 20)
    expect(batch.freshness.event).toBeCloseTo(at - 24)
    await parts.close()
  })
})

describe('an idle topic', () => {
  it('costs a look now and then: nothing is committed, and nothing computed but what is due', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    shop.put()
    shop.at(1000, () => shop.ending.abort())
    await shop.follow([payments], parts)
    expect(shop.of('landed')).toHaveLength(1)
    expect(shop.of('computed')).toHaveLength(1)
    expect(await versions(parts, 'archive/payments')).toBe(1)
    expect(shop.looks).toBeLessThan(1010)
    await parts.close()
  })

  it('has its feature sets computed at each cutoff', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    shop.put()
    shop.at(3 * 3600 + 10, () => shop.ending.abort())
    await shop.follow([payments], parts)
    expect(shop.of('computed').map(({ at }) => Math.floor(at / 60))).toEqual([0, 60, 120, 180])
    expect(shop.of('computed')[1]!.run.freshness).toBeLessThan(3602)
    expect(await versions(parts, 'archive/payments')).toBe(1)
    await parts.close()
  })
})

describe('feature sets', () => {
  it('are after each batch what a run over everything would make of it, late rows included', async () => {
    const random = seeded()
    for (let round = 0; round < cases(1, 5); round++) {
      const shop = new Shop()
      const payments = declared('payments')
      const parts = shop.worker()
      for (let n = 0; n < 40; n++) {
        const late = BigInt(random.whole(0, 6 * 3600))
        const partition = random.whole(0, 1)
        shop.at(random.whole(0, 4 * 3600), () => shop.put({ at: shop.clock - late * SECOND, partition }))
      }
      shop.at(4 * 3600 + 60, () => shop.ending.abort())
      await shop.follow([payments], parts, { batch: { time: BigInt(random.whole(1, 1800)) * SECOND, messages: 20 } })
      const followed = await parts.rows(payments.set)
      expect(followed.length).toBeGreaterThan(0)
      await parts.run(payments.set, { until: shop.clock, full: true })
      expect(await parts.rows(payments.set)).toEqual(followed)
      await parts.close()
    }
  })
})

describe('an end that is asked for', () => {
  it('lands what waits, and computes it', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    shop.at(20, () => shop.put({ at: START - 3600n * SECOND }))
    shop.at(22, () => shop.ending.abort())
    expect(await shop.follow([payments], parts)).toEqual([])
    expect(shop.of('landed').map(({ at, batch }) => [at, batch.rows])).toEqual([[22, 1]])
    expect(shop.of('computed').at(-1)).toMatchObject({ at: 22, run: { result: { outcome: 'committed' } } })
    await parts.close()
  })

  it('finishes the commit that is under way, begins none, and computes nothing of half of a backlog', async () => {
    const shop = new Shop()
    shop.log.perBatch = 5
    const payments = declared('payments')
    const parts = shop.worker()
    for (let n = 0; n < 100; n++) shop.put({ at: START - 3600n * SECOND })
    const watcher = shop.watcher()
    const landed: typeof watcher.landed = (source, batch) => {
      watcher.landed(source, batch)
      // More comes all the time.
      shop.put()
      if (shop.of('landed').length === 2) shop.ending.abort()
    }
    const batch = { time: 0n, messages: 10 }
    expect(await shop.follow([payments], parts, { batch, watchers: [{ ...watcher, landed }] })).toEqual([])
    expect(shop.of('landed').map(({ batch }) => batch.rows)).toEqual([10, 10])
    // What has not landed yet would come late for what is published now.
    expect(shop.of('computed')).toEqual([])
    await parts.close()
  })

  it('is nothing to wait for where a fault is', async () => {
    const shop = new Shop()
    const parts = shop.worker()
    shop.away = () => new TransientError('transient.kafka', 'away')
    shop.at(500, () => shop.ending.abort())
    expect(await shop.follow([declared('payments')], parts)).toEqual([])
    expect(shop.of('failed').length).toBeGreaterThan(5)
    await parts.close()
  })
})

describe('a passing fault', () => {
  it('is told once, and tried again with longer and longer pauses until it is over', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    shop.at(20, () => {
      shop.away = () => new TransientError('transient.kafka', 'away')
      shop.put()
    })
    shop.at(300, () => {
      shop.away = () => new TransientError('transient.other', 'away')
    })
    shop.at(400, () => {
      shop.away = undefined
    })
    // Once more, and nothing has come.
    shop.at(450, () => {
      shop.away = () => new TransientError('transient.kafka', 'away')
    })
    shop.at(460, () => {
      shop.away = undefined
    })
    shop.at(500, () => shop.ending.abort())
    expect(await shop.follow([payments], parts)).toEqual([])
    const failed = shop.of('failed')
    expect(failed.slice(0, 7).map(({ retryIn }) => retryIn)).toEqual([1, 2, 4, 8, 16, 30, 30])
    const told = failed.filter(({ isNew }) => isNew)
    expect(told).toHaveLength(3)
    expect(told[1]!.at).toBeGreaterThanOrEqual(300)
    expect(told[2]).toMatchObject({ retryIn: 1 })
    expect(shop.of('recovered')).toHaveLength(2)
    expect(shop.of('computed')).toHaveLength(2)
    expect(shop.of('landed').map(({ batch }) => batch.rows)).toEqual([1])
    await parts.close()
  })

  it('of a feature set has it computed again, and nothing lands twice', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    shop.put({ at: START - 3600n * SECOND })
    shop.broken = () => new TransientError('transient.store', 'slow')
    shop.at(60, () => {
      shop.broken = undefined
    })
    shop.at(200, () => shop.ending.abort())
    expect(await shop.follow([payments], parts)).toEqual([])
    expect(shop.of('failed').every(({ name }) => name === 'payments_spend')).toBe(true)
    expect(shop.of('computed')).toMatchObject([{ run: { result: { outcome: 'committed' } } }])
    expect(shop.of('landed')).toHaveLength(1)
    await parts.close()
  })

  it('where a landing fails, nothing is computed: what has not landed would come late', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    shop.put({ at: START - 3600n * SECOND })
    shop.at(3590, () => {
      shop.put({ amount: 7 })
      shop.away = () => new TransientError('transient.kafka', 'away')
    })
    shop.at(3700, () => {
      shop.away = undefined
    })
    shop.at(3800, () => shop.ending.abort())
    await shop.follow([payments], parts)
    expect(shop.of('computed').map(({ at }) => at > 3700)).toEqual([false, true])
    expect((await parts.rows(payments.set)).map(({ values }) => values[2])).toContain(7n)
    await parts.close()
  })
})

describe('a lasting fault', () => {
  it('of one topic ends all, each after the batch that it is at', async () => {
    const shop = new Shop()
    const [payments, clicks] = [declared('payments'), declared('clicks')]
    shop.others.set('clicks', new MemoryLog(1))
    const parts = shop.worker()
    shop.put()
    shop.at(20, () => {
      shop.put({ log: shop.others.get('clicks')! })
      for (let n = 0; n < 3; n++) shop.put()
      shop.log.removeBefore(0, 3n)
    })
    const failures = await shop.follow([payments, clicks], parts)
    expect(failures).toMatchObject([{ name: 'payments', error: { code: 'data.offsets-gone', exitCode: 3 } }])
    expect(await archivedRows(parts, clicks.source)).toHaveLength(1)
    expect(await archivedRows(parts, payments.source)).toHaveLength(1)
    await parts.close()
  })

  it('of a topic that has lost what had landed, and has grown again, ends by that', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    for (let n = 0; n < 5; n++) shop.put()
    shop.at(100, () => {
      shop.log.truncate(0, 2n)
      for (let n = 0; n < 7; n++) shop.put()
    })
    shop.at(1000, () => shop.ending.abort())
    const failures = await shop.follow([payments], parts)
    expect(failures).toMatchObject([{ error: { code: 'data.offsets-ahead', values: { position: '5', held: '2' } } }])
    expect(await idsOf(parts, payments.source)).toHaveLength(5)
    await parts.close()
  })

  it('of one feature set ends all once the others are computed', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const broken = {
      ...payments.set,
      name: 'broken',
      source: { ...payments.source, name: 'payments', projectDir: '/nowhere' },
    }
    const parts = shop.worker()
    const sourceOf: Parts['sourceOf'] = set => {
      if (set.name === 'broken') throw Object.assign(new Error('a defect'))
      return parts.sourceOf(set)
    }
    shop.put({ at: START - 3600n * SECOND })
    const failures = await shop.follow([{ ...payments, sets: [broken, payments.set] }], { ...parts, sourceOf })
    expect(failures).toMatchObject([{ name: 'broken', error: { message: 'a defect' } }])
    expect(shop.of('computed')).toMatchObject([{ set: 'payments_spend', run: { result: { outcome: 'committed' } } }])
    await parts.close()
  })
})

describe('an interrupt', () => {
  it('ends at once, with nothing half-done', async () => {
    const shop = new Shop()
    const payments = declared('payments')
    const parts = shop.worker()
    const interrupted = new AbortController()
    shop.at(20, () => shop.put())
    shop.at(25, () => interrupted.abort(new Error('interrupted')))
    await expect(shop.follow([payments], { ...parts, signal: interrupted.signal })).rejects.toThrow('interrupted')
    expect(await archivedRows(parts, payments.source)).toEqual([])
    await parts.close()
  })
})

describe('several that follow at once', () => {
  it('and end and begin anew at any time, land every message once', async () => {
    const random = seeded()
    for (let round = 0; round < cases(1, 6); round++) {
      const shop = new Shop()
      shop.log.perBatch = random.whole(1, 20)
      const payments = declared('payments')
      const workers = ['a', 'b'].map(name => shop.worker(name))
      const produced: string[] = []
      const refused: bigint[] = []
      for (let n = random.whole(20, 80); n > 0; n--) {
        const partition = random.whole(0, 1)
        const what = random.pick(['row', 'row', 'row', 'row', 'row', 'poison', 'nothing'] as const)
        shop.at(random.whole(0, 300), () => {
          if (what === 'row') produced.push(shop.put({ partition }))
          else if (what === 'poison') refused.push(shop.log.put(partition, 'no json'))
          else shop.log.skip(partition, 2)
        })
      }
      const ends = [new AbortController(), new AbortController()]
      for (const end of ends) shop.at(random.whole(50, 250), () => end.abort())
      shop.at(400, () => shop.ending.abort())
      const batch = { time: BigInt(random.whole(0, 20)) * SECOND, messages: random.whole(1, 50) }
      await Promise.all(
        workers.map(async (parts, at) => {
          expect(await shop.follow([payments], parts, { batch, ending: ends[at]!.signal })).toEqual([])
          expect(await shop.follow([payments], parts, { batch })).toEqual([])
        }),
      )
      expect(await idsOf(workers[0]!, payments.source)).toEqual(produced.sort())
      expect((await refusedRows(workers[0]!, payments.source)).map(([, row]) => row).sort()).toEqual(refused.sort())
      for (const parts of workers) await parts.close()
    }
  })
})

describe('the lag', () => {
  const state = (...ends: number[]) => ({
    topicId: 'x',
    partitions: ends.map((end, partition) => ({ partition, first: 0n, end: BigInt(end) })),
  })
  const begun = (...froms: number[]): Backlog => {
    const backlog = new Backlog()
    backlog.begin(
      state(),
      froms.map((from, partition) => ({ partition, from: BigInt(from) })),
    )
    return backlog
  }

  it('in seconds is counted from the last look that found nothing', () => {
    const backlog = begun(5, 7)
    backlog.look(state(5, 7), 10n * SECOND)
    backlog.look(state(9, 7), 13n * SECOND)
    expect(backlog.lag(15n * SECOND)).toEqual({ messages: 4, seconds: 5, partitions: new Map([[0, 4], [1, 0]]) }) // biome-ignore format: pairs
  })

  it('in seconds is unknown before anything of a partition was read, and then from its newest message on', () => {
    const backlog = begun(0)
    backlog.look(state(100), 10n * SECOND)
    expect(backlog.lag(15n * SECOND)).toMatchObject({ messages: 100, seconds: undefined })
    backlog.landed({ next: new Map([[0, 60n]]), times: { newest: new Map([[0, 3n * SECOND]]) } })
    expect(backlog.lag(15n * SECOND)).toMatchObject({ messages: 40, seconds: 12 })
    backlog.landedAll()
    expect(backlog.waits).toBe(false)
    expect(backlog.lag(15n * SECOND)).toMatchObject({ messages: 0, seconds: 0 })
  })

  it('of a topic that was made anew, or has got a partition, has to be asked for', () => {
    const backlog = begun(5)
    expect(backlog.knows(state(9))).toBe(true)
    expect(backlog.knows(state(9, 9))).toBe(false)
    expect(backlog.knows({ ...state(9), topicId: 'y' })).toBe(false)
  })
})
