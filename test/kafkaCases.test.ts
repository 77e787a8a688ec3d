/** Unit cases over a topic: rows are judged as messages are, and have landed one after the other. */
import { describe, expect, it } from 'vitest'
import { here } from './kit/program.ts'
import { project } from './kit/project.ts'

interface Options {
  schema?: string
  source?: string
  set?: string
  features?: string
  /** What is done with the zod object. */
  object?: string
}

const transform = ({
  schema = '',
  source = '',
  set = '',
  features,
  object = 'z.object',
}: Options): string => `import { count, defineFeatureSet, kafka, last, sum } from 'quern'
import { z } from 'zod'
const payment = ${object}({ id: z.string().trim(), at: z.coerce.date(), account: z.string(), amount: z.int().min(0).default(1), ${schema} })
export default defineFeatureSet({
  name: 'payments_daily', entity: ['account'], every: '1d', ${set}
  source: kafka({ name: 'payments', topic: 'shop.payments', schema: payment, eventTime: 'at', ${source} }),
  features: (f: any) => ({ ${features ?? "n: count().over('1d'), spent: sum(f.amount).over('1d'), latest: last(f.amount).over('1d')"} }),
})
`

async function outcomes(cases: Record<string, string>, options: Options = {}) {
  const texts = Object.entries(cases).map(([name, text]) => `  ${JSON.stringify(name)}: { ${text} },\n`)
  const fixture = `import { defineCases } from 'quern'\nimport set from '../transforms/p.ts'\n
const row = { id: 'a', at: '2026-01-01T10:00:00Z', account: 'ada', amount: 5 }
export default defineCases(set as any, {\n${texts.join('')}} as any)\n`
  const cwd = project({ 'transforms/p.ts': transform(options), 'fixtures/p.ts': fixture })
  const { lines } = await here(cwd, ['test', '--json'])
  const said = (line: Record<string, unknown>): unknown =>
    line.outcome === 'ok'
      ? []
      : line.outcome === 'error'
        ? (line.faults ?? [{ message: line.reason, hint: line.hint }])
        : line.differences
  return { differences: lines.map(said) }
}

const AT = "cutoff: '2026-01-02T00:00:00Z'"

describe('a case over a topic', () => {
  it('is judged by the schema, as JSON', async () => {
    const { differences } = await outcomes({
      'a row and its default': `rows: [row, { ...row, amount: undefined, at: new Date('2026-01-01T11:00:00Z') }], ${AT}, expect: [{ account: 'ada', n_1d: 2, spent_1d: 6, latest_1d: 1 }]`,
      'refused rows': `rejects: [{ row: { ...row, amount: -1 }, path: 'amount', code: 'too_small' }, { row: { ...row, at: 'soon' }, path: 'at' }, { row: { id: 'a' } }]`,
    })
    expect(differences).toEqual([[], []])
  })

  it('has no columns but those of the schema', async () => {
    const { differences } = await outcomes({
      'an archive column': `rows: [{ ...row, _offset: 1 }], ${AT}, expect: []`,
      'a typo': `rows: [{ ...row, ammount: 1 }], ${AT}, expect: []`,
    })
    expect(differences).toMatchObject([
      [{ message: 'there is no column `_offset`' }],
      [{ message: 'there is no column `ammount`', hint: 'Did you mean `amount`?' }],
    ])
  })

  it('hides what the archive adds from the schema', async () => {
    const refine = (object: string) => ({ object, source: "rowKey: ['id']," })
    const cases = {
      'a row': `rows: [row], ${AT}, expect: [{ account: 'ada', n_1d: 1 }]`,
      refused: `rejects: [{ row: { ...row, odd: 1 } }]`,
    }
    const seen = 'Object.keys(row).every(name => ["id", "at", "account", "amount"].includes(name))'
    for (const object of ['z.strictObject', `((shape: any) => z.looseObject(shape).refine((row: object) => ${seen}))`])
      expect((await outcomes(cases, refine(object))).differences).toEqual([[], []])
  })

  it('has its rows in the order of their messages', async () => {
    const { differences } = await outcomes({
      'of one time': `rows: [{ ...row, amount: 9 }, { ...row, amount: 1 }, { ...row, amount: 5 }], ${AT}, expect: [{ account: 'ada', latest_1d: 5, n_1d: 3 }]`,
    })
    expect(differences).toEqual([[]])
  })

  it('takes back rows by their row key', async () => {
    const { differences } = await outcomes(
      {
        'a row that is taken back': `rows: [row, { ...row, id: 'b' }, { retracts: { id: 'a' } }], ${AT}, expect: [{ account: 'ada', n_1d: 1 }]`,
        'one that comes again': `rows: [row, { retracts: row }, { ...row, amount: 7 }], ${AT}, expect: [{ account: 'ada', n_1d: 1, spent_1d: 7 }]`,
        'a correction': `rows: [row, { ...row, amount: 7 }], ${AT}, expect: [{ account: 'ada', n_1d: 1, spent_1d: 7 }]`,
        'all of them': `rows: [row, { retracts: { id: ' a ' } }], ${AT}, expect: []`,
      },
      { source: "rowKey: ['id'], envelope: 'debezium'," },
    )
    expect(differences).toEqual([[], [], [], []])
  })

  it('takes back rows whose event time is a number', async () => {
    const given = "{ ...row, at: undefined, ms: Date.parse('2026-01-01T10:00:00Z') }"
    const { differences } = await outcomes(
      {
        'a row that is taken back': `rows: [${given}, { retracts: { id: 'a' } }, { ...${given}, id: 'b' }], ${AT}, expect: [{ account: 'ada', n_1d: 1 }]`,
      },
      {
        schema: 'ms: z.int()',
        source: "rowKey: ['id'], tombstones: 'retract', message: { key: 'id' }, eventTime: { column: 'ms', unit: 'ms' },",
        object: '((shape: any) => z.object({ ...shape, at: z.any().optional() }))',
      },
    )
    expect(differences).toEqual([[]])
  })

  it('says when rows landed, where a set goes by that', async () => {
    const late = "landedAt: '2026-01-03T09:00:00Z'"
    const { differences } = await outcomes(
      {
        'in time': `rows: [row], ${AT}, expect: [{ account: 'ada', n_2d: 1 }]`,
        'too late for the first cutoff': `rows: [row, { row: { ...row, id: 'b' }, landedAt: new Date('2026-01-02T09:00:00Z') }], cutoffs: ['2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z'],
          expect: [{ account: 'ada', cutoff: '2026-01-02T00:00:00Z', n_2d: 1 }, { account: 'ada', cutoff: '2026-01-03T00:00:00Z', n_2d: 2 }]`,
        'taken back too late': `rows: [row, { retracts: { id: 'a' }, ${late} }], ${AT}, expect: [{ account: 'ada', n_2d: 1 }]`,
      },
      {
        set: "late: 'asKnown',",
        source: "rowKey: ['id'], tombstones: 'retract', message: { key: 'id' },",
        features: "n: count().over('2d')",
      },
    )
    expect(differences).toEqual([[], [], []])
  })

  it('says what is wrong with a row that takes back others', async () => {
    const cases = {
      'without its key': `rows: [{ retracts: { account: 'ada' } }], ${AT}, expect: []`,
      'with a column that is none': `rows: [{ retracts: { id: 'a', acount: 'ada' } }], ${AT}, expect: []`,
      'at no instant': `rows: [{ row, landedAt: 'soon' }], ${AT}, expect: []`,
      'at an instant that says nothing': `rows: [{ row, landedAt: '2026-01-03T09:00:00Z' }], ${AT}, expect: []`,
    }
    expect(
      (await outcomes(cases, { source: "rowKey: ['id'], tombstones: 'retract', message: { key: 'id' }," })).differences,
    ).toMatchObject([
      [{ message: 'has no `id`', hint: 'Rows are taken back by their row key: id.' }],
      [{ message: 'there is no column `acount`' }],
      [{ message: 'landedAt is `soon`, no instant' }],
      [{ message: 'landedAt has no say: the set does not count rows by when they landed' }],
    ])
    const unable = await outcomes({ unable: `rows: [{ retracts: { id: 'a' } }], ${AT}, expect: []` })
    expect(unable.differences).toMatchObject([[{ message: 'takes back a row, and no message of its source can' }]])
  })
})
