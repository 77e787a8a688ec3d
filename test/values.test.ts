/** What values are, at the edges of what they can be: equal to the bit, within rounding, past the range of doubles. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DuckDBSession } from '../src/engine/duckdb/session.ts'
import { csv, Living } from './kit/living.ts'
import { duckdb } from './kit/parquet.ts'
import { scratch } from './kit/scratch.ts'

const NUMBERS = 'time: z.date(), customer: z.string(), amount: z.number(), currency: z.string()'
const EXACT = ['max', 'min', 'first', 'last', 'lastRow']
const each = (names: readonly string[]): string =>
  names.map(name => `${name.toLowerCase()}: ${name}(f.amount).over('2d')`).join(', ')

/** Replaces a stored value behind quern's back. */
async function tamper(project: Living, set: string, where: string): Promise<void> {
  const connection = await duckdb()
  for (const name of project.files) {
    const path = join(project.table, name)
    await connection.run(`CREATE OR REPLACE TEMP TABLE kept AS SELECT * FROM read_parquet('${path}')`)
    await connection.run(`UPDATE kept SET ${set} WHERE ${where}`)
    await connection.run(`COPY kept TO '${path}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v1)`)
  }
}

describe('a float that was read', () => {
  it('is restated and shown to its last digit', async () => {
    const project = new Living({ a: csv('01-05 ada 100') }, { schema: NUMBERS, features: each(EXACT) })
    await project.until('01-08')
    const late = '2026-01-05T13:00:00Z,ada,100.00000000000001,EUR\n'
    project.put('b', `time,customer,amount,currency\n${late}`)
    expect(await project.until('01-08')).toMatchObject({ rowsWritten: 2 })
    expect(await project.rows()).toEqual(await project.truth('--until', '2026-01-08T00:00:00Z'))
    expect((await project.rows())[0]).toMatchObject({ max_2d: 100.00000000000001, min_2d: 100, last_2d: 100.00000000000001 })

    const diff = await project.quern('diff', 'orders_daily@0', 'orders_daily@1')
    expect(diff.stdout).toContain('2 with other values')
    expect(diff.stdout).toContain('max_2d 100 -> 100.00000000000001, last_2d 100 -> 100.00000000000001')
  })

  it('is verified to its last digit', async () => {
    const project = new Living({ a: csv('01-05 ada 100') }, { schema: NUMBERS, features: each(EXACT) })
    await project.until('01-08')
    await tamper(project, 'max_2d = 100.00000000000001', 'max_2d IS NOT NULL')
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('max_2d: 2 rows, by at most 1.42109e-14'),
    })
  })

  it('is never a negative zero', async () => {
    const project = new Living({ a: csv('01-05 ada -0') }, { schema: NUMBERS, features: each(EXACT) })
    await project.until('01-06')
    const files = project.files.map(name => `'${join(project.table, name)}'`)
    const [row] = (
      await (
        await duckdb()
      ).runAndReadAll(`SELECT ${EXACT.map(name => `${name.toLowerCase()}_2d`)} FROM read_parquet([${files}])`)
    ).getRows()
    expect(row).toEqual(EXACT.map(() => 0))
  })
})

describe('floats that were added up', () => {
  const SUMS = ['sum', 'mean', 'variance', 'stddev']

  /** Numbers of 1e12 that nearly cancel, all of one day, in four files with a run after each. */
  async function cancelling(seed: number): Promise<Living> {
    const project = new Living({}, { schema: NUMBERS, features: each(SUMS).replaceAll('2d', '5d') })
    let state = seed
    const random = (): number => {
      state = (state * 1103515245 + 12345) % 2147483648
      return state / 2147483648
    }
    const values = Array.from({ length: 40 }, () => (random() - 0.5) * 1e12)
    values.push(random() - values.reduce((a, b) => a + b, 0))
    const order = values.map(value => ({ value, at: random() })).sort((a, b) => a.at - b.at)
    for (let file = 0; file < 4; file++) {
      const some = order.filter((_, at) => at % 4 === file)
      project.put(`d${file}`, csv(...some.map(({ value }) => `01-01 ada ${value}`)))
      await project.until('01-03')
    }
    return project
  }

  it('verify where they cancel', async () => {
    for (const seed of [7, 8, 9, 10]) {
      const project = await cancelling(seed)
      expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 0, stdout: 'orders_daily@3: equal, 2 rows\n' })
    }
  })

  it.each([
    // About 40 numbers of 2.5e11 went in.
    ['sum', 40],
    ['mean', 1],
    ['variance', 1e12],
    ['stddev', 4],
  ])('verify as unequal where %s is off by more than rounding', async (name, by) => {
    const project = await cancelling(7)
    await tamper(project, `${name}_5d = ${name}_5d + ${by}`, `cutoff = '2026-01-03T00:00:00Z'`)
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(new RegExp(`\\n  ${name}_5d: 1 row, by at most .*\n`)),
    })
  })
})

describe('a result past the range of doubles', () => {
  it.each([
    ['variance', '1e200', '1'],
    ['stddev', '1e200', '1'],
    ['sum', '1e308', '1e308'],
    ['mean', '1e308', '1e308'],
  ])('stops the run and names feature and entity: %s of %s and %s', async (name, a, b) => {
    const project = new Living({ a: csv(`01-05 ada ${a}`, `01-05 ada ${b}`) }, { schema: NUMBERS, features: each([name]) })
    for (const until of ['01-06', '01-08']) {
      expect(await project.quern('run', '--until', `2026-${until}T00:00:00Z`)).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(
          new RegExp(
            `feature \`${name}_2d\`: the ${name} of entity customer=ada leaves the range of doubles.*\n.*z.number\\(\\)\\.max`,
          ),
        ),
      })
    }
  })

  it('stops nothing while the result itself is in range', async () => {
    const project = new Living(
      { a: csv('01-05 ada 1e200', '01-05 ada 1e200') },
      { schema: NUMBERS, features: each(['variance']) },
    )
    await project.until('01-08')
    expect((await project.rows())[0]).toMatchObject({ variance_2d: 0 })
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 0 })
  })

  it('is told apart from an integer expression that leaves int64', async () => {
    const schema = NUMBERS.replace('z.number()', 'z.int64()')
    const project = new Living(
      { a: csv('01-05 ada 9223372036854775807') },
      { schema, features: "x: max(f.amount.plus(1)).over('1d')" },
    )
    const { code, stderr } = await project.quern('run')
    expect(code).toBe(3)
    expect(stderr).toContain('an integer expression of a feature leaves int64: Overflow in addition of INT64')
  })
})

it('whatever else the engine finds out of range is called by its name', async () => {
  const session = new DuckDBSession({ memory: 2 ** 28, threads: 1, scratchDir: join(scratch('session'), 'engine') })
  const raised = session.use(connection => connection.run(`SELECT var_pop(x) FROM (VALUES (1e200::DOUBLE), (1)) t(x)`))
  await expect(raised).rejects.toMatchObject({
    code: 'data.overflow',
    message: 'a value leaves the range of its type: VARPOP is out of range!',
  })
  await session.close()
})

describe('a key column', () => {
  it.each(["cust'omer", 'filename', 'file_row_number', 'file_index'])('may be called %s', async name => {
    const project = new Living({})
    const key = JSON.stringify(name)
    // A sum of integers and a quotient: both would name the entity in a message.
    project.define({ features: each(['sum', 'mean']) }, text =>
      text.replace('customer: z.string()', `${key}: z.string()`).replace("entity: ['customer']", `entity: [${key}]`),
    )
    const rows = (...lines: string[]): string => csv(...lines).replace('customer', name)
    project.put('a', rows('01-05 ada 7'))
    await project.until('01-06')
    project.put('b', rows('01-05 ada 8'))
    await project.until('01-06')
    expect(await project.rows()).toEqual([{ [name]: 'ada', cutoff: '2026-01-06T00:00:00.000000Z', sum_2d: 15, mean_2d: 7.5 }])
  })
})
