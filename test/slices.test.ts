/** Files that have to be read a few at a time, for want of room: the table is that of all at once. */
import { describe, expect, it } from 'vitest'
import type { ObjectsSource, Source } from '../src/domain/source.ts'
import { objectsSource } from '../src/sources/objects/objectsSource.ts'
import { inProcess } from './kit/inProcess.ts'
import { midnight, OrderDays, orderProject } from './kit/orderDays.ts'
import { seeded } from './kit/random.ts'
import { cases } from './kit/scratch.ts'

const narrowly = (source: ObjectsSource): Source => ({ ...objectsSource(source, () => Date.now()), room: 1 })

describe('where there is little room', () => {
  it.each([
    ['restated', ''],
    ['within a lateness', "lateness: '2d',"],
  ])('a chain of runs makes the versions that it makes where there is much: %s', async (_, more) => {
    const random = seeded()
    const [much, little] = [await orderProject({ set: more }), await orderProject({ set: more })]
    const days = new OrderDays(random, [much.cwd, little.cwd])
    const narrow = inProcess(little.cwd, { worker: '-narrow', sourceOf: narrowly })
    const last = cases(8, 20)
    for (let day = 1; day <= last; day++) {
      // Several days at once are several files.
      days.arrive(day)
      if (day < last && random.chance(0.6)) continue
      const until = midnight(day + 1)
      const results = [
        await much.parts.run(much.set, { until, acceptLoss: true }),
        await narrow.run(little.set, { until, acceptLoss: true }),
      ]
      const [expected, found] = results.map(({ pending, ...result }) => ({
        ...result,
        pending: pending.map(({ from, to }) => ({ from, to })),
      }))
      expect(found).toEqual(expected)
      expect(await narrow.rows(little.set)).toEqual(await much.parts.rows(much.set))
    }
    const rejected = async ({ quern }: typeof much): Promise<string> => (await quern(['rejected', 'orders', '--json'])).stdout
    expect((await rejected(little)).split('\n').length).toBe((await rejected(much)).split('\n').length)
    // Of inputs that have changed since, neither can be verified.
    const verified = async ({ quern }: typeof much): Promise<number | null> => (await quern(['verify', 'orders_daily'])).code
    expect(await verified(little)).toBe(await verified(much))
    for (const { parts } of [much, little]) await parts.close()
    await narrow.close()
  })

  it('too many refused rows of all end the run, with the commonest reason of all', async () => {
    const [much, little] = [await orderProject(), await orderProject()]
    const days = new OrderDays(seeded(), [much.cwd, little.cwd])
    for (let day = 1; day <= 6; day++) days.arrive(day)
    const narrow = inProcess(little.cwd, { worker: '-narrow', sourceOf: narrowly })
    const options = { until: midnight(7), maxRejected: 0 }
    const failure = await much.parts.run(much.set, options).then(
      () => undefined,
      error => error,
    )
    expect(failure).toMatchObject({ code: 'data.rejected' })
    await expect(narrow.run(little.set, options)).rejects.toMatchObject({ code: 'data.rejected', values: failure.values })
    for (const parts of [much.parts, little.parts, narrow]) await parts.close()
  })
})
