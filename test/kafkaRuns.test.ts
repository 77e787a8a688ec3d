/** Runs of the program over a real broker's topics: each message once, whatever it holds and whoever dies. */
import { expect, it } from 'vitest'
import { documents } from './kit/cli.ts'
import type { Course } from './kit/killing.ts'
import { killed, measured } from './kit/killing.ts'
import { seeded } from './kit/random.ts'
import { framed, localRegistry } from './kit/schemaRegistry.ts'
import { cases } from './kit/scratch.ts'
import { describeWithBroker, sharedBroker } from './kit/sharedBroker.ts'
import { type TopicProject, topicProject } from './kit/topicProject.ts'

const payment = (id: string, more: object = {}): string =>
  JSON.stringify({ id, customer: 'c1', at: '2026-01-05T10:00:00Z', amount: 5, ...more })

describeWithBroker('runs over topics', () => {
  const shared = sharedBroker()
  const projectOf = (topic: string, more: object = {}): TopicProject =>
    topicProject({ brokers: shared.broker.bootstrap, topic, ...more })
  const rowsOf = async ({ quern }: TopicProject, name = 'spend'): Promise<Record<string, unknown>[]> =>
    documents(await quern(['read', name, '--format', 'json']))

  it('land what is new, compute from it, and want no broker for what has landed', async () => {
    const topic = await shared.topics.make({ partitions: 2 })
    await shared.topics.produce(topic, 0, [{ value: payment('a') }, { value: payment('b', { amount: 7 }) }], 'zstd')
    await shared.topics.produce(topic, 1, [{ value: payment('c', { customer: 'c2' }) }])
    const place = projectOf(topic)
    const first = await place.quern(['run', '--json'])
    expect(first.code, first.stderr).toBe(0)
    expect(first.stderr).toContain(`payments: 3 rows of topic ${topic} landed in archive/payments, version 0`)
    expect(documents(first)).toMatchObject([
      { name: 'spend', outcome: 'committed', rowsRead: 3, landed: { commits: 1, rows: 3, rejected: 0, lost: 0, version: 0 } },
    ])
    expect(await rowsOf(place)).toEqual([
      { customer: 'c1', cutoff: '2026-01-06T00:00:00.000000Z', n_1d: 2, amount_1d: 12 },
      { customer: 'c1', cutoff: '2026-01-07T00:00:00.000000Z', n_1d: 0, amount_1d: null },
      { customer: 'c2', cutoff: '2026-01-06T00:00:00.000000Z', n_1d: 1, amount_1d: 5 },
      { customer: 'c2', cutoff: '2026-01-07T00:00:00.000000Z', n_1d: 0, amount_1d: null },
    ])
    const again = documents(await place.quern(['run', '--json']))
    expect(again).toMatchObject([{ outcome: 'unchanged', rowsRead: 0, landed: { commits: 0, version: 0 } }])

    // Late, and of another partition: only what it touches is another.
    await shared.topics.produce(topic, 0, [{ value: payment('d', { amount: 1 }) }])
    expect(documents(await place.quern(['run', '--json']))).toMatchObject([
      { outcome: 'committed', rowsRead: 1, rowsWritten: 1, landed: { rows: 1 } },
    ])
    const nobody = { env: { KAFKA_BROKERS: '127.0.0.1:1' } }
    expect(documents(await place.quern(['run', '--full', '--no-land', '--json'], nobody))).toMatchObject([
      { outcome: 'committed', rowsRead: 4 },
    ])
    expect((await rowsOf(place))[0]).toMatchObject({ n_1d: 3, amount_1d: 13 })
    expect(documents(await place.quern(['verify', 'spend', '--json'], nobody))).toMatchObject([{ outcome: 'equal' }])
  })

  it('that are killed at any instant, over transactions that commit and abort, land every committed message once', async () => {
    const random = seeded()
    const topic = await shared.topics.make({ partitions: 3 })
    const place = projectOf(topic)
    const producers = [shared.topics.transactions(), shared.topics.transactions()]
    const expected: string[] = []
    const refused: string[] = []
    let made = 0
    const sent = (): { values: string[]; kept: string[]; poison: number[] } => {
      const kept: string[] = []
      const poison: number[] = []
      const values = Array.from({ length: random.whole(1, 30) }, (_, at) => {
        const id = `p${made++}`
        if (!random.chance(0.1)) {
          kept.push(id)
          return payment(id, { customer: `c${random.whole(0, 4)}`, at: `2026-01-0${random.whole(1, 9)}T10:00:00Z` })
        }
        poison.push(at)
        return random.pick(['no json', '', payment(id, { amount: -1 }), '[]', 'null'])
      })
      return { values, kept, poison }
    }
    const produce = async (): Promise<void> => {
      for (const producer of producers) {
        await producer.begin()
        const [partition, { values, kept, poison }] = [random.whole(0, 2), sent()]
        await producer.send(
          topic,
          partition,
          values.map(value => ({ value })),
        )
        if (random.chance(0.3)) await producer.abort()
        else {
          await producer.commit()
          expected.push(...kept)
          refused.push(...poison.map(() => 'x'))
        }
      }
    }
    let course: Course = { milliseconds: 0, changes: 0 }
    const run = (options: object) => place.quern(['run', '--json'], options)
    let deaths = 0
    for (let round = 0; round < cases(12, 30, 200); round++) {
      await produce()
      if (round < 2) {
        const { outcome, course: whole } = await measured(place.store, run)
        expect(outcome.code, outcome.stderr).toBe(0)
        course = whole
      } else if ((await killed(random, place.store, course, run)).code === null) deaths++
    }
    const last = await run({})
    expect(last.code, last.stderr).toBe(0)
    expect(deaths).toBeGreaterThan(0)
    expect((await place.archived()).map(({ id }) => id).sort()).toEqual(expected.sort())
    expect(await place.refused()).toHaveLength(refused.length)
    const total = (await rowsOf(place)).reduce((sum, { n_1d }) => sum + Number(n_1d), 0)
    expect(total).toBe(expected.length)
    expect(documents(await run({}))).toMatchObject([{ outcome: 'unchanged', landed: { commits: 0 } }])
  })

  it('keep what no row can be made of, with topic, partition and offset, and land the rest', async () => {
    const topic = await shared.topics.make({ partitions: 2, configs: { 'max.message.bytes': '20000000' } })
    const huge = payment('huge', { note: 'x'.repeat(10_000_000) })
    const values: (string | Buffer | null)[] = [
      payment('a'),
      'no json',
      Buffer.from([0xff, 0xfe, 0x00]),
      null,
      '',
      payment('year 1', { at: '0001-01-01T00:00:00Z' }),
      payment('year 9999', { at: '9999-12-31T23:59:59.999999Z' }),
      payment('b', { at: '10000-01-01T00:00:00Z' }),
      huge,
      payment('c', { amount: 1.5 }),
      payment('d\nof two lines'),
      `{\n  "id": "e",\r\n  "customer": "c1", "at": "2026-01-05T10:00:00Z", "amount": 1 }\n`,
    ]
    for (const value of values) await shared.topics.produce(topic, 1, [{ value, timestamp: 253_402_300_799_999n }])
    const place = projectOf(topic)
    const outcome = await place.quern(['run', '--until', '2026-01-10T00:00:00Z', '--json'])
    expect(outcome.code, outcome.stderr).toBe(0)
    expect((await place.archived()).map(({ _partition, _offset, id }) => [_partition, _offset, id])).toEqual([
      [1, 0n, 'a'],
      [1, 5n, 'year 1'],
      [1, 6n, 'year 9999'],
      [1, 8n, 'huge'],
      [1, 10n, 'd\nof two lines'],
      [1, 11n, 'e'],
    ])
    expect((await place.refused()).map(([, row, code]) => [row, code])).toEqual([
      [1n, 'malformed'],
      [2n, 'malformed'],
      [3n, 'tombstone'],
      [4n, 'malformed'],
      [7n, 'invalid_format'],
      [9n, expect.stringMatching(/invalid_type|not_integer/)],
    ])
    const shown = await place.quern(['rejected', 'payments'])
    expect(shown.stdout).toContain(`topic ${topic}, partition 1, offset 3`)
    const limited = await place.quern(['run', '--max-rejected', '1%'])
    expect(limited.code).toBe(0)
    await shared.topics.produce(topic, 0, [{ value: 'no json' }, { value: payment('f') }])
    const refused = await place.quern(['run', '--max-rejected', '1%'])
    expect(refused.code).toBe(3)
    expect(refused.stderr).toMatch(/`payments`: 1 of 2 rows \(50%\) were rejected; the limit is 1%\. Nothing was committed/)
    expect((await place.quern(['run'])).code).toBe(0)
    expect((await place.archived()).map(({ id }) => id)).toContain('f')
    expect(await place.refused()).toHaveLength(7)
  })

  it('wait for a registry that is down, and lose nothing to one that does not know a schema', async () => {
    const registry = await localRegistry()
    const avro = { type: 'record', name: 'Payment', fields: ['id', 'customer', 'at'].map(name => ({ name, type: 'string' })) }
    const { default: avsc } = await import('avsc')
    const type = avsc.Type.forSchema({ ...avro, fields: [...avro.fields, { name: 'amount', type: 'long' }] } as never)
    const id = registry.register('payments-value', JSON.stringify(type.schema()))
    const bytes = (of: string): Buffer =>
      framed(id, type.toBuffer({ id: of, customer: 'c1', at: '2026-01-05T10:00:00Z', amount: 3 }))
    const topic = await shared.topics.make()
    const place = projectOf(topic, { source: `format: 'avro', registry: '${registry.url}'` })
    await shared.topics.produce(topic, 0, [
      { value: bytes('a') },
      { value: payment('json') },
      { value: framed(id + 99, bytes('x').subarray(5)) },
    ])
    registry.fail({ kind: 'down' })
    const down = await place.quern(['run'])
    expect(down.code, down.stderr).toBe(75)
    expect(down.stderr).toContain('registry')
    expect(await place.archived()).toEqual([])
    registry.heal()
    expect((await place.quern(['run'])).code).toBe(0)
    expect((await place.archived()).map(row => row.id)).toEqual(['a'])
    expect((await place.refused()).map(([, row, code]) => [row, code])).toEqual([
      [1n, 'wire-format'],
      [2n, 'unknown-schema'],
    ])
    await registry.close()
  })

  it('follow the changes of a database: rows, corrections, and rows that are taken back', async () => {
    const topic = await shared.topics.make()
    type Row = { id: string }
    const change = (op: string, before: Row | null, after: Row | null, at: number) => ({
      key: JSON.stringify({ id: (after ?? before)!.id }),
      value: JSON.stringify({ schema: null, payload: { before, after, op, ts_ms: at, source: { ts_ms: at } } }),
    })
    const row = (id: string, amount: number) => ({ id, customer: 'c1', at: '2026-01-05T10:00:00Z', amount })
    const place = projectOf(topic, { source: "envelope: 'debezium', key: 'json', rowKey: ['id']" })
    await shared.topics.produce(topic, 0, [
      change('r', null, row('a', 1), 1),
      change('c', null, row('b', 10), 2),
      change('c', null, row('c', 100), 3),
      change('u', row('a', 1), row('a', 2), 4),
    ])
    const run = async (): Promise<Record<string, unknown>> => {
      const outcome = await place.quern(['run', '--json'])
      expect(outcome.code, outcome.stderr).toBe(0)
      return (await rowsOf(place))[0]!
    }
    expect(await run()).toMatchObject({ n_1d: 3, amount_1d: 112 })
    await shared.topics.produce(topic, 0, [
      change('d', { id: 'b' }, null, 5),
      { key: JSON.stringify({ id: 'b' }), value: null },
      change('u', row('c', 100), row('c', 200), 6),
    ])
    expect(await run()).toMatchObject({ n_1d: 2, amount_1d: 202 })
    await shared.topics.produce(topic, 0, [change('c', null, row('b', 20), 7)])
    expect(await run()).toMatchObject({ n_1d: 3, amount_1d: 222 })
    expect(await place.refused()).toEqual([])
    expect(documents(await place.quern(['verify', 'spend', '--json']))).toMatchObject([{ outcome: 'equal' }])
  })
})
