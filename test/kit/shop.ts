/** A shop's payments: their topic, what lands of it, and what is computed from that. */
import { expect } from 'vitest'
import { z } from 'zod'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { KafkaSource } from '../../src/domain/source.ts'
import { count, defineFeatureSet, kafka, last, sum } from '../../src/index.ts'
import type { LandOptions } from '../../src/run/landBatch.ts'
import { archivedRows, plainDecoder, refusedRows } from './archives.ts'
import { type InProcess, inProcess, QUIET } from './inProcess.ts'
import { resolved } from './kafkaSets.ts'
import { MemoryLog } from './memoryLog.ts'
import type { Random } from './random.ts'
import { scratch } from './scratch.ts'
import type { Mishap } from './unreliableStore.ts'
import { unreliableStore } from './unreliableStore.ts'

export const payment = z.object({ id: z.string(), customer: z.string(), at: z.iso.datetime(), amount: z.int().nonnegative() })

export const declared = (more: object = {}, name = 'payments', set = 'spend') =>
  defineFeatureSet({
    name: set,
    source: kafka({ name, topic: 'shop.payments', schema: payment, eventTime: 'at', ...more }),
    entity: ['customer'],
    every: '1d',
    features: f => ({ n: count().over('1d', '3d'), amount: sum(f.amount).over('2d'), newest: last(f.id).over('3d') }),
  })

export const LANDING: LandOptions = { acceptLoss: false, maxRejected: undefined, ...QUIET }

/** A topic of payments in memory, and workers over one store. */
export interface Shop {
  log: MemoryLog
  set: FeatureSet
  source: KafkaSource
  folder: string
  worker: (name?: string, mishapOf?: () => Mishap | undefined) => InProcess
}

export function shop(more: object = {}, partitions = 3): Shop {
  const log = new MemoryLog(partitions)
  const folder = scratch('shop')
  const { set, source } = resolved(declared(more))
  const worker = (name = '', mishapOf?: () => Mishap | undefined): InProcess =>
    inProcess(folder, {
      worker: name,
      topicOf: () => ({ log, decoder: plainDecoder }),
      ...(mishapOf ? { objects: store => unreliableStore(store, ({ writes }) => (writes ? mishapOf() : undefined)) } : {}),
    })
  return { log, set, source, folder, worker }
}

let made = 0
export const paymentOf = (random: Random, more: object = {}): string =>
  JSON.stringify({
    id: `p${made++}`,
    customer: `c${random.whole(0, 3)}`,
    at: `2026-01-${String(random.whole(1, 9)).padStart(2, '0')}T0${random.whole(0, 9)}:00:00Z`,
    amount: random.whole(0, 100),
    ...more,
  })

/** What of the topic has to be where, as it was put there. */
export interface Expected {
  accepted: { place: string; value: object }[]
  refused: string[]
}

export function produce(log: MemoryLog, random: Random, partitions: number, expected: Expected): void {
  for (let n = random.whole(0, 40); n > 0; n--) {
    const partition = random.whole(0, partitions - 1)
    if (random.chance(0.1)) log.skip(partition, random.whole(1, 5))
    else if (random.chance(0.15)) {
      const value = random.pick([null, '', 'no json', paymentOf(random, { amount: -1 })])
      expected.refused.push(`kafka:topic-1/${partition} ${log.put(partition, value)}`)
    } else {
      const value = paymentOf(random)
      expected.accepted.push({ place: `${partition} ${log.put(partition, value)}`, value: JSON.parse(value) })
    }
  }
}

const sorted = <T>(values: T[], by: (value: T) => string): T[] => values.sort((a, b) => (by(a) < by(b) ? -1 : 1))

export async function expectAll(parts: InProcess, { source }: Shop, { accepted, refused }: Expected): Promise<void> {
  const rows = (await archivedRows(parts, source)).map(row => ({
    place: `${row._partition} ${row._offset}`,
    value: { id: row.id, customer: row.customer, at: row.at, amount: Number(row.amount) },
  }))
  expect(sorted(rows, ({ place }) => place)).toEqual(sorted([...accepted], ({ place }) => place))
  const found = (await refusedRows(parts, source)).map(([input, row]) => `${input} ${row}`)
  expect(found.sort()).toEqual([...refused].sort())
}
