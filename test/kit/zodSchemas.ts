/** Generated schemas of rows, each as the source text that an author would write, with rows to try them with. */
import fc from 'fast-check'
import type { z } from 'zod'
import type { Column, Shape } from './zodColumn.ts'
import { ANYTHING, coerced, schemaOf, wants } from './zodColumn.ts'
import { otherColumns } from './zodNested.ts'
import { scalarColumns } from './zodNumbers.ts'
import type { Sample } from './zodSamples.ts'
import { stringColumns } from './zodStrings.ts'

const empty = fc.constantFrom<Sample>(null, undefined)

/** What is written around a column: of null, absence and failure, and things that change nothing. */
const WRAPPERS: ((column: Column, output: string) => string)[] = [
  ({ source }) => `${source}.nullable()`,
  ({ source }) => `${source}.optional()`,
  ({ source }) => `${source}.nullish()`,
  ({ source }) => `z.exactOptional(${source})`,
  ({ source }, output) => `${source}.default(${output})`,
  ({ source }, output) => `${source}.prefault(${output})`,
  ({ source }, output) => `${source}.catch(${output})`,
  ({ source }, output) => `${source}.catch(() => ${output})`,
  ({ source }, output) => `${source}.catch(context => (context.error.issues.length > 1 ? ${output} : context.value))`,
  ({ source }, output) => `${source}.nullable().default(${output})`,
  ({ source }, output) => `${source}.default(${output}).nullable()`,
  ({ source }, output) => `${source}.optional().default(${output})`,
  ({ source }, output) => `${source}.default(${output}).optional()`,
  ({ source }, output) => `${source}.catch(${output}).optional()`,
  ({ source }, output) => `${source}.optional().catch(${output})`,
  ({ source }, output) => `${source}.nullable().catch(${output})`,
  ({ source }) => `${source}.nullable().catch(null)`,
  ({ source }) => `${source}.readonly()`,
  ({ source }) => `${source}.brand('it')`,
  ({ source }) => `${source}.describe('what it is')`,
  ({ source }) => `${source}.optional().nonoptional()`,
  ({ source }) => `${source}.nullable().refine(value => value !== null)`,
  ({ source }) => `${source}.optional().refine(value => value !== undefined)`,
  ({ source }) => `${source}.refine(value => String(value).length % 2 === 0)`,
  ({ source }) => `z.lazy(() => ${source})`,
]

const column: fc.Arbitrary<Column> = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: stringColumns },
      { weight: 6, arbitrary: scalarColumns },
      { weight: 4, arbitrary: otherColumns },
    ),
    fc.array(fc.tuple(fc.constantFrom(...WRAPPERS), fc.nat()), { maxLength: 2 }),
  )
  .map(([inner, wrappers]) => {
    const wrap = (wrapped: Column, [wrapper, which]: (typeof wrappers)[number]): Column => {
      const output = inner.outputs[which % inner.outputs.length]
      // What needs a value cannot be written around what has none to show.
      if (output === undefined && wrapper.length > 1) return wrapped
      const samples = fc.oneof({ weight: 6, arbitrary: wrapped.samples }, { weight: 1, arbitrary: empty })
      return { ...wrapped, source: wrapper(wrapped, output ?? ''), samples }
    }
    return wrappers.reduce(wrap, inner)
  })

export interface CaseColumn {
  name: string
  column: Column
  schema: z.ZodType
  /** Values to try it with. */
  pool: Sample[]
}

export interface SchemaCase {
  source: string
  schema: z.ZodObject
  columns: CaseColumn[]
  /** What the schema says of columns that it does not name; undefined where they are dropped. */
  extra: z.ZodType | undefined
  extraWants: Shape
  /** Decides the rows. */
  seed: number
}

/** Numbers the rows and is their event time. */
export const ROW = 'row'

const NAMES = ['a', 'b c', 'select', 'é', 'x.y', '"q"', 'constructor', "it's", 'toString', '__p']

/** What is said of the row as a whole; `a` is the first column's name. */
const WHOLE: ((a: string) => string)[] = [
  a => `.refine(row => row[${a}] !== undefined, { path: [${a}] })`,
  () => `.refine(row => row.${ROW} % 2 === 0, { path: ['odd'] })`,
  a =>
    `.superRefine((row, context) => { if (typeof row[${a}] === 'string') context.addIssue({ code: 'custom', path: [${a}, 0] }) })`,
  () => `.refine(row => Object.keys(row).length % 2 === 0)`,
  () => `.check(context => { if (context.value.${ROW} === 3) throw new Error('three') })`,
  () => `.refine(row => row.${ROW} !== 2, { when: ({ issues }) => issues.length === 0 })`,
]

const ways = fc.constantFrom('object', 'object', 'object', 'object', 'object', 'strictObject', 'looseObject', 'catchall')
const CATCHALLS: [source: string, wants: Shape][] = [
  ['z.number()', wants('number')],
  ['z.string().min(2)', wants('string')],
  ['z.int().nullable()', wants('number')],
  ['z.string().optional()', wants('string')],
  ['z.coerce.number()', coerced('number')],
  ['z.bigint()', wants('bigint')],
]

export const schemaCase = (pool: number): fc.Arbitrary<SchemaCase> =>
  fc
    .record({
      columns: fc.array(column, { minLength: 2, maxLength: 6 }),
      names: fc.shuffledSubarray(NAMES, { minLength: 7, maxLength: 7 }),
      way: ways,
      catchall: fc.constantFrom(...CATCHALLS),
      whole: fc.option(fc.constantFrom(...WHOLE), { freq: 6 }),
      seed: fc.nat(),
    })
    .chain(({ columns, names, way, catchall, whole, seed }) => {
      const members = columns.map((member, at) => `${JSON.stringify(names[at])}: ${member.source}`)
      const body = `{\n  ${ROW}: z.int(),\n  ${members.join(',\n  ')},\n}`
      const object = way === 'catchall' ? `z.object(${body}).catchall(${catchall[0]})` : `z.${way}(${body})`
      const source = `${object}${whole?.(JSON.stringify(names[0])) ?? ''}`
      const extra = way === 'catchall' ? catchall[0] : way === 'strictObject' ? 'z.never()' : undefined
      return fc.tuple(...columns.map(({ samples }) => fc.array(samples, { minLength: pool, maxLength: pool }))).map(pools => ({
        source,
        schema: schemaOf(source) as z.ZodObject,
        columns: columns.map((member, at) => ({
          name: names[at]!,
          column: member,
          schema: schemaOf(member.source),
          pool: [...pools[at]!],
        })),
        extra: extra === undefined ? undefined : schemaOf(extra),
        extraWants: way === 'catchall' ? catchall[1] : ANYTHING,
        seed,
      }))
    })
