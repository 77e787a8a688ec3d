import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { flight } from '../schemas/flight.ts'
import { toRe2 } from '../src/validation/pattern.ts'
import { readSchema } from '../src/validation/readSchema.ts'
import { Living } from './kit/living.ts'

function fieldsOf(object: z.ZodObject) {
  const read = readSchema(object)
  if ('faults' in read) throw new Error(JSON.stringify(read.faults))
  return read.schema.fields
}

describe('readSchema', () => {
  it('takes the type of a column from the schema', () => {
    const types = fieldsOf(
      z.object({
        a: z.int(),
        b: z.int32(),
        c: z.number(),
        d: z.bigint(),
        e: z.string(),
        f: z.date(),
        g: z.boolean(),
        h: z.enum(['x']),
      }),
    ).map(field => field.type.kind)
    expect(types).toEqual(['int64', 'int32', 'double', 'int64', 'string', 'timestamp', 'boolean', 'string'])
  })

  it('keeps bounds and lengths as checks', () => {
    const delay = fieldsOf(flight).find(field => field.name === 'delay')
    expect(delay?.steps).toEqual([
      { kind: 'integer' },
      { kind: 'safe' },
      { kind: 'min', value: -1500, inclusive: true },
      { kind: 'max', value: 3000, inclusive: true },
    ])
  })

  it('shows every column to the refinement of a loose object', async () => {
    const living = new Living({ a: 'time,customer,amount,void\n2026-01-01T12:00:00Z,ada,1,\n2026-01-01T12:00:00Z,bob,1,x\n' })
    living.define({ schema: 'time: z.date(), customer: z.string(), amount: z.int() }).loose().refine(row => { return !row.void' })
    expect(await living.run('--max-rejected', '1')).toMatchObject({ rowsRead: 2, rowsRejected: 1 })
  })

  it('names what has no meaning in a table, with its column', () => {
    const read = readSchema(
      z.object({
        a: z.map(z.string(), z.string()),
        b: z.array(z.symbol()),
        c: z.string().transform(text => text.length),
        d: z.int(),
        e: z.int().min(5).max(4),
        f: z.never(),
        g: z.string().refine(async () => true),
        h: undefined as unknown as z.ZodString,
      }),
    )
    expect('faults' in read && read.faults.map(({ column, message }) => `${column}: ${message}`)).toEqual([
      'a: `z.map()` has no meaning in a table',
      'b: `z.symbol()` has no meaning in a table',
      'c: `.transform(...)` cannot be a column',
      'e: no value can satisfy it: at least 5 and at most 4',
      'f: `z.never()` has no meaning in a table',
      'g: `z.string()` has no meaning in a table',
      'h: it is no zod type',
    ])
  })

  it('changes its fingerprint with a check and not with a description', () => {
    const fingerprint = (object: z.ZodObject): string => {
      const read = readSchema(object)
      return 'schema' in read ? read.schema.fingerprint : ''
    }
    const plain = fingerprint(z.object({ a: z.int() }))
    expect(fingerprint(z.object({ a: z.int().describe('minutes') }))).toBe(plain)
    expect(fingerprint(z.object({ a: z.int().min(0) }))).not.toBe(plain)
  })

  it.each<[string, z.ZodType, z.ZodType]>([
    [
      'a check of a row that is read only',
      z.object({ a: z.int() }).readonly(),
      z
        .object({ a: z.int() })
        .readonly()
        .refine(row => row.a > 3),
    ],
    [
      'the order of the members of a default, which is that of its JSON text',
      z.object({ a: z.record(z.string(), z.int()).default({ x: 1, y: 2 }) }),
      z.object({ a: z.record(z.string(), z.int()).default({ y: 2, x: 1 }) }),
    ],
  ])('changes its fingerprint with %s', (_, one, other) => {
    const [first, second] = [one, other].map(row => readSchema(row))
    if (!('schema' in first!) || !('schema' in second!)) throw new Error('no schema')
    expect(first.schema.fingerprint).not.toBe(second.schema.fingerprint)
  })

  it('sees no contradiction between checks before and after a change of the text', () => {
    const [field] = fieldsOf(z.object({ a: z.string().min(5).trim().max(3) }))
    expect(field!.parse('  a    ')).toMatchObject({ ok: true, value: 'a' })
    expect(readSchema(z.object({ a: z.string().trim().min(5).max(3) }))).toHaveProperty('faults')
  })

  it("gives zod's own words for a rejected row", () => {
    const read = readSchema(z.object({ a: z.int().max(3) }))
    expect('schema' in read && read.schema.validate({ a: 4 })).toEqual({
      ok: false,
      issues: [{ path: 'a', code: 'too_big', message: 'Too big: expected number to be <=3' }],
    })
  })
})

describe('toRe2', () => {
  it.each([/^[A-Z]{3}-\d+$/, /^(?:a|b)*c?$/, /^x{2,3}/, /\bx/, /x/i, /^[^a]$/u])('translates %s', pattern => {
    expect(toRe2(pattern)).toMatchObject({ pattern: expect.any(String), basicPlane: false })
  })
  it.each([/^.$/, /[^a]/, /\S/])('translates %s for the basic plane', pattern => {
    expect(toRe2(pattern)).toMatchObject({ basicPlane: true })
  })
  it.each([/(?=a)/, /(a)\1/, /\p{L}/u, /é/, /^a/m, /a/y, /((a{40}){40})/])('refuses %s', pattern => {
    expect(toRe2(pattern)).toBeUndefined()
  })
})
