import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { flight } from '../schemas/flight.ts'
import { toRe2 } from '../src/validation/pattern.ts'
import { readSchema } from '../src/validation/readSchema.ts'

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
    expect(delay?.checks).toEqual([
      { kind: 'min', value: -1500, inclusive: true },
      { kind: 'max', value: 3000, inclusive: true },
    ])
  })

  it('names every construct that is not supported, with its column', () => {
    const read = readSchema(
      z.object({ a: z.array(z.string()), b: z.string().trim(), c: z.string().refine(() => true), d: z.int() }),
    )
    expect('faults' in read && read.faults.map(({ column, message }) => `${column}: ${message}`)).toEqual([
      'a: `z.array()` is not supported',
      'b: the check `overwrite` is not supported',
      'c: the check `custom` is not supported',
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

  it("gives zod's own words for a rejected row", () => {
    const read = readSchema(z.object({ a: z.int().max(3) }))
    expect('schema' in read && read.schema.validate({ a: 4 })).toEqual({
      ok: false,
      issues: [{ path: 'a', code: 'too_big', message: 'Too big: expected number to be <=3' }],
    })
  })
})

describe('toRe2', () => {
  it.each([/^[A-Z]{3}-\d+$/, /^(?:a|b)*c?$/, /^x{2,3}/])('keeps %s as it is', pattern => {
    expect(toRe2(pattern)).toMatch(/./)
  })
  it.each([/(?=a)/, /(a)\1/, /\bx/, /x/i, /\p{L}/u, /^.$/, /é/, /[^a]/])('refuses %s', pattern => {
    expect(toRe2(pattern)).toBeUndefined()
  })
})
