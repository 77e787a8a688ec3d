/** Schemas that change: what a run makes of it, and how it says so. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { describeColumn } from '../src/validation/describeColumn.ts'
import type { ZodLike } from '../src/validation/zodLike.ts'
import { csv, Living } from './kit/living.ts'
import { ORDER_SCHEMA } from './kit/project.ts'

const DATA = { a: csv('01-01 ada 1', '01-02 ada 2', '01-02 bob 3') }

const NOTE = `${ORDER_SCHEMA}, note: z.string().max(3).optional()`
const CURRENCY = ", currency: z.enum(['EUR', 'USD'])"

describe('a schema that changed', () => {
  it.each([
    ['a bound', ORDER_SCHEMA.replace('min(0)', 'min(1)'), 'column `amount`: min 0 -> 1'],
    ['a type', ORDER_SCHEMA.replace('z.int()', 'z.number()'), 'column `amount`: no longer format "safeint", as int64 -> double'],
    ['a choice', ORDER_SCHEMA.replace("'USD'", "'GBP'"), 'column `currency`: oneOf "EUR", "USD" -> "EUR", "GBP"'],
    ['null', ORDER_SCHEMA.replace('min(0)', 'min(0).nullable()'), 'column `amount`: now nullable'],
    [
      'a refinement',
      ORDER_SCHEMA.replace('min(0)', 'min(0).refine(Number.isInteger)'),
      /^column `amount`: now refine "function isInteger/,
    ],
    ['a column that is gone', ORDER_SCHEMA.replace(CURRENCY, ''), 'column `currency` is gone'],
    ['the row', `${ORDER_SCHEMA} }).refine(row => { return row !== null`, /^the row as a whole: now refine "\(?row\)? =>/],
    [
      'the order',
      `currency: z.enum(['EUR', 'USD']), ${ORDER_SCHEMA.replace(CURRENCY, '')}`,
      'the columns stand in another order',
    ],
  ])('rebuilds, and says what: %s', async (_, schema, words) => {
    const living = new Living(DATA)
    await living.run()
    living.define({ schema })
    const { outcome, reason } = await living.line('plan')
    expect(outcome).toBe('run')
    const [, said] = /^schema changed: rebuild \((.*)\)$/s.exec(String(reason)) ?? []
    if (typeof words === 'string') expect(said).toBe(words)
    else expect(said).toMatch(words)
    expect(await living.run()).toMatchObject({ outcome: 'committed', version: 1, reason })
    expect(await living.rows()).toEqual(await living.truth())
    expect((await living.quern('diff', 'orders_daily@0', 'orders_daily')).stdout).toContain(`  ${said}\n`)
    expect(await living.line('diff', 'orders_daily@0', 'orders_daily')).toMatchObject({
      causes: ['schema', 'definition'],
      schema: [said],
    })
  })

  it('shows where two long refinements part', async () => {
    const living = new Living(DATA)
    const refined = (least: number): string =>
      ORDER_SCHEMA.replace(
        'min(0)',
        `min(0).refine(amount => [amount, amount, amount, amount, amount, amount].every(one => one > ${least}))`,
      )
    living.define({ schema: refined(0) })
    await living.run()
    living.define({ schema: refined(-1) })
    expect((await living.line('plan')).reason).toMatch(/: refine \.\.\.\S+ => one > 0\)" -> \.\.\.\S+ => one > -1\)"\)$/)
  })

  it('is unchanged by a description, and by an optional column that no file has', async () => {
    const living = new Living(DATA)
    await living.run()
    living.define({ schema: ORDER_SCHEMA.replace('.min(0)', ".min(0).describe('cents')") })
    expect(await living.run()).toMatchObject({ outcome: 'unchanged', version: 0 })
    living.define({ schema: NOTE })
    const reason =
      'the schema changed where no file has a column and no feature needs one (column `note` is new (string, maxLength 3, optional, as string)): unchanged'
    expect(await living.line('plan')).toMatchObject({ outcome: 'unchanged', reason })
    expect(await living.run()).toMatchObject({ outcome: 'unchanged', version: 0, reason })
    expect(await living.line('verify', 'orders_daily')).toMatchObject({ outcome: 'equal' })
    expect(
      await living.line('backfill', 'orders_daily', '--from', '2026-01-02T00:00:00Z', '--to', '2026-01-04T00:00:00Z'),
    ).toMatchObject({ outcome: 'unchanged' })
    // What comes now is read with the new schema, and adds to what was read with the old one.
    living.put(
      'b',
      'time,customer,amount,currency,note\n2026-01-03T12:00:00Z,ada,5,EUR,abc\n2026-01-03T13:00:00Z,ada,5,EUR,long\n',
    )
    expect(await living.run('--max-rejected', '1')).toMatchObject({
      outcome: 'committed',
      version: 1,
      rowsRead: 2,
      rowsRejected: 1,
    })
    expect(await living.rows()).toEqual(await living.truth('--max-rejected', '1'))
    expect(await living.line('verify', 'orders_daily')).toMatchObject({ outcome: 'equal' })
    expect(await living.run()).toMatchObject({
      outcome: 'unchanged',
      version: 1,
      reason: expect.stringContaining('same definition'),
    })
    // Taken away and added again while a file has it: its rows are others.
    living.define({ schema: ORDER_SCHEMA.replace('min(0)', 'min(-1)') })
    await living.run()
    living.define({ schema: NOTE.replace('min(0)', 'min(-1)') })
    expect(await living.run('--max-rejected', '1')).toMatchObject({
      version: 3,
      reason: expect.stringMatching(/^schema changed: rebuild \(column `note` is new/),
    })
    expect(await living.rows()).toEqual(await living.truth('--max-rejected', '1'))
  })

  const HEADER = 'time,customer,amount,currency,'
  it.each<[string, Record<string, string>, string, string | undefined]>([
    ['is in a file', { b: `${HEADER}note\n2026-01-03T12:00:00Z,ada,5,EUR,long\n` }, NOTE, undefined],
    ['is in a file in another case', { b: `${HEADER}NOTE\n2026-01-03T12:00:00Z,ada,5,EUR,long\n` }, NOTE, undefined],
    ['has a place in the order of rows', {}, NOTE, "latest: last(f.amount).over('1d')"],
    ['moves others', {}, NOTE.replace(/^(time: z.date\(\)), (customer: z.string\(\))/, '$2, $1'), undefined],
    ['stands before a refinement of the row', {}, `${NOTE} }).refine(row => { return row !== null`, undefined],
  ])('rebuilds where the optional column %s', async (_, more, schema, features) => {
    const living = new Living({ ...DATA, ...more }, features === undefined ? {} : { features })
    await living.run()
    living.define({ schema, ...(features === undefined ? {} : { features }) })
    expect(await living.line('plan')).toMatchObject({ outcome: 'run', reason: expect.stringMatching(/^schema changed: rebuild/) })
  })

  it('reads a version as it was written, and one with a new feature with it', async () => {
    const living = new Living(DATA)
    await living.run()
    living.define({
      features: "orders: count().over('1d'), spend: sum(f.amount).over('1d', '7d'), most: max(f.amount).over('1d')",
    })
    expect(await living.run()).toMatchObject({ version: 1, reason: 'definition changed: rebuild' })
    expect(Object.keys((await living.rows('orders_daily@0'))[0]!)).not.toContain('most_1d')
    expect((await living.rows())[0]).toMatchObject({ most_1d: 1 })
    expect(await living.line('diff', 'orders_daily@0', 'orders_daily')).toMatchObject({
      columns: { added: ['most_1d'] },
      causes: ['definition'],
      schema: [],
    })
  })

  it('is told without words where the record of the one before is gone', async () => {
    const living = new Living(DATA)
    await living.run()
    const { record } = (await living.lineage()).schema as { record: string }
    writeFileSync(join(living.table, '_quern', record), 'no JSON')
    living.define({ schema: `${ORDER_SCHEMA}, note: z.string().optional()` })
    expect(await living.run()).toMatchObject({ version: 1, reason: 'schema changed: rebuild' })
  })
})

describe('what a column says', () => {
  const says = (column: z.ZodType): string[] => describeColumn(column as unknown as ZodLike)

  const step = (n: number): ((value: number) => boolean) => (n === 1 ? value => value > 1 : value => value > 2)
  it.each<[string, z.ZodType, z.ZodType]>([
    ['a bound', z.int().min(1), z.int().min(2)],
    ['an open end', z.number().min(1), z.number().gt(1)],
    ['-0 and 0', z.number().default(-0), z.number().default(0)],
    ['a number and a bigint', z.number().multipleOf(2), z.bigint().multipleOf(2n)],
    ['a bound of dates', z.date().min(new Date(0)), z.date().min(new Date(1))],
    ['the flags of an expression', z.string().regex(/a/), z.string().regex(/a/i)],
    ['the order of steps', z.string().trim().min(1), z.string().min(1).trim()],
    ['the form of a normalization', z.string().normalize('NFC'), z.string().normalize('NFKC')],
    ['trim and lower case', z.string().trim(), z.string().toLowerCase()],
    ['the body of a refinement', z.number().refine(step(1)), z.number().refine(step(2))],
    ['a check of one own', z.number().check(payload => void payload.issues), z.number().check(payload => void payload.value)],
    ['a transform', z.string().transform(text => text.length), z.string().transform(text => text.length + 1)],
    ['what is preprocessed', z.preprocess(value => value, z.string()), z.preprocess(value => String(value), z.string())],
    ['where null is accepted', z.string().nullable(), z.string()],
    ['where absence is accepted', z.string().optional(), z.string()],
    ['a default', z.boolean().default(false), z.boolean().default(true)],
    ['a default and one that is checked', z.string().default(''), z.string().prefault('')],
    ['what is caught', z.boolean().nullable().catch(null), z.boolean().nullable().catch(false)],
    ['a coercion', z.coerce.number(), z.number()],
    ['the offset of a time', z.iso.datetime(), z.iso.datetime({ offset: true })],
    ['a choice', z.enum(['a', 'b']), z.enum(['a', 'c'])],
    ['a literal of another type', z.literal('1'), z.literal(1)],
    ['the order of options', z.union([z.string(), z.coerce.string()]), z.union([z.coerce.string(), z.string()])],
    ['one of several and exactly one', z.union([z.string(), z.number()]), z.xor([z.string(), z.number()])],
    ['a nested column', z.object({ a: z.string() }), z.object({ a: z.string().optional() })],
    [
      'the order of members, in which they are written',
      z.object({ a: z.string(), b: z.string() }),
      z.object({ b: z.string(), a: z.string() }),
    ],
    ['what becomes of other members', z.object({ a: z.string() }), z.looseObject({ a: z.string() })],
    ['the item of an array', z.array(z.string()), z.array(z.number())],
    ['the rest of a tuple', z.tuple([z.string()]), z.tuple([z.string()], z.string())],
    ['the key of a record', z.record(z.string(), z.string()), z.record(z.string().min(1), z.string())],
    ['the words of true', z.stringbool(), z.stringbool({ truthy: ['y'] })],
    ['a part of a template', z.templateLiteral(['a', z.number()]), z.templateLiteral(['b', z.number()])],
    [
      'where a check is asked at all',
      z.string().refine(() => false, { when: () => true }),
      z.string().refine(() => false, { when: () => false }),
    ],
  ])('tells apart %s', (_, one, other) => {
    expect(says(one)).not.toEqual(says(other))
  })

  const tree: z.ZodType = z.lazy(() => z.object({ of: z.array(tree) }))
  const sameTree: z.ZodType = z.lazy(() => z.object({ of: z.array(sameTree) }))
  it.each<[string, z.ZodType, z.ZodType]>([
    ['descriptions', z.int().min(1), z.int().min(1).describe('minutes').meta({ unit: 'min' })],
    ['messages', z.int().min(1), z.int('no').min(1, { error: () => 'too small' })],
    ['the order of choices', z.enum(['a', 'b']), z.enum(['b', 'a'])],
    ['brands', z.string(), z.string().brand('id')],
    ['a schema that holds itself', tree, sameTree],
    ['the way back of a codec', codec(value => String(value)), codec(value => `${value}`)],
  ])('does not tell apart %s', (_, one, other) => {
    expect(says(one)).toEqual(says(other))
  })
})

function codec(encode: (value: number) => string): z.ZodType {
  return z.codec(z.string(), z.number(), { decode: text => text.length, encode })
}
