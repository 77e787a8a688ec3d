/** What a zod schema of one plain value does, as steps that compile; undefined where anything in it is not known to mean the same. */
import type { Refined, Step } from '../domain/schema.ts'
import { isChange } from '../domain/schema.ts'
import { fromDate } from '../domain/time.ts'
import { enumValues } from './outputs.ts'
import { ownChecks } from './ownChecks.ts'
import { toRe2 } from './pattern.ts'
import type { CheckDef, ZodLike } from './zodLike.ts'

/** Steps of a value of one type, or what of the schema only zod can do. */
export type Read = { steps: Step[] } | { byZod: string; refined?: Refined }

/** `schema` without its wrappers. */
export function readSteps(schema: ZodLike): Read {
  const { def } = schema._zod
  if (def.type === 'pipe') return readPipe(schema)
  const base = baseSteps(schema)
  if ('byZod' in base) return base
  const steps = [...base.steps]
  const checks = def.checks ?? []
  for (const [at, check] of checks.entries()) {
    const read = readCheck(check, def.type)
    if ('byZod' in read) {
      // A date is an object, which a function may change.
      const areSeen = def.type !== 'date' && !steps.some(isChange)
      const accepts = areSeen ? ownChecks(checks.slice(at)) : undefined
      return accepts ? { ...read, refined: { steps, accepts } } : read
    }
    steps.push(...read.steps)
  }
  return { steps }
}

/** A pipe of two compiled schemas of one type. */
function readPipe(schema: ZodLike): Read {
  const { def } = schema._zod
  const [from, to] = [def.in!, def.out!]
  const type = from._zod.def.type
  // Its own checks come after both.
  if ((def.checks?.length ?? 0) > 0) return { byZod: 'a refinement' }
  if (def.transform !== undefined || !PIPED.has(type) || to._zod.def.type !== type || to._zod.def.coerce) {
    return { byZod: def.transform !== undefined ? 'a codec' : holdsTransform(schema) ? 'a transform' : 'a pipe' }
  }
  const [first, then] = [readSteps(from), readSteps(to)]
  if ('byZod' in first) return { byZod: first.byZod }
  return 'byZod' in then ? { byZod: then.byZod } : { steps: [...first.steps, ...then.steps] }
}

const holdsTransform = ({ _zod: { def } }: ZodLike): boolean =>
  def.type === 'transform' || [def.in, def.out].some(part => part !== undefined && holdsTransform(part))

const PIPED = new Set(['string', 'number', 'bigint', 'boolean'])

function baseSteps(schema: ZodLike): Read {
  const { def } = schema._zod
  // z.coerce.date() is what sources decode; other coercions have rules of their own.
  if (def.coerce && def.type !== 'date') return { byZod: `z.coerce.${def.type}()` }
  switch (def.type) {
    case 'string':
    case 'number':
    case 'bigint':
      return def.check === undefined ? { steps: [] } : readCheck(schema, def.type)
    case 'boolean':
    case 'date':
      return { steps: [] }
    case 'enum':
      return choice(enumValues(def.entries ?? {}))
    case 'literal':
      return choice((def.values ?? []).filter(value => value != null))
    default:
      return { byZod: NAMES[def.type] ?? `z.${def.type}()` }
  }
}

const NAMES: Record<string, string> = {
  union: 'a union',
  object: 'a nested object',
  template_literal: 'a template literal',
  unknown: 'z.unknown()',
}

function choice(values: readonly unknown[]): Read {
  const types = new Set(values.map(value => typeof value))
  if (types.size !== 1) return { byZod: 'values of several types' }
  if (values.some(value => typeof value === 'number' && !Number.isFinite(value))) return { byZod: 'a value that is not finite' }
  return { steps: [{ kind: 'oneOf', values: values as (string | number | bigint | boolean)[] }] }
}

function readCheck(check: ZodLike, type: string): Read {
  const def = check._zod.def as CheckDef
  const known = (...steps: Step[]): Read => ({ steps })
  switch (def.check) {
    case 'greater_than':
      return bound('min', def, type)
    case 'less_than':
      return bound('max', def, type)
    case 'multiple_of':
      return multipleOf(check, def.value as number | bigint)
    case 'number_format':
      return numberFormat(def.format ?? '')
    case 'bigint_format':
      // What the format's range is, the column's type is.
      return def.format === 'int64' || def.format === 'uint64' ? known() : unknownCheck(def)
    case 'min_length':
      return known({ kind: 'minLength', value: def.minimum!, unit: unitOf(check) })
    case 'max_length':
      return known({ kind: 'maxLength', value: def.maximum!, unit: unitOf(check) })
    case 'length_equals':
      return known({ kind: 'length', value: def.length!, unit: unitOf(check) })
    case 'string_format':
      return stringFormat(def)
    case 'overwrite':
      return change(def)
    default:
      return unknownCheck(def)
  }
}

const unknownCheck = ({ check, format }: CheckDef): Read => ({
  byZod: check === 'custom' ? 'a refinement' : `the check \`${format ?? check ?? 'unknown'}\``,
})

function bound(kind: 'min' | 'max', { value, inclusive }: CheckDef, type: string): Read {
  if (type === 'date') {
    // Bounds in milliseconds since 1970 serve as well.
    const date = new Date(value instanceof Date ? value : Number(value))
    if (Number.isNaN(date.getTime())) return { byZod: 'a bound that is no date' }
    return { steps: [{ kind: `${kind}Instant`, value: fromDate(date), inclusive: inclusive === true }] }
  }
  if (value instanceof Date || Number.isNaN(Number(value))) return { byZod: 'a bound that is no number' }
  return { steps: [{ kind, value: value!, inclusive: inclusive === true }] }
}

/** The rule of numbers has changed between releases of zod: this one's is asked. */
function multipleOf(check: ZodLike, value: number | bigint): Read {
  const step = { kind: 'multipleOf' as const, value }
  if (typeof value === 'bigint') return value === 0n ? { byZod: 'a multiple of 0' } : { steps: [step] }
  const candidates = [0, value, 7 * value, 29 * value, 1.5 * value, value / 3, value + 1e-9, 2 ** 53 - 1, 0.1 + 0.2, 1e300, 2.03]
  const agrees = candidates.every(
    candidate => !Number.isFinite(candidate) || isMultiple(candidate, value) === passes(check, candidate),
  )
  return agrees ? { steps: [step] } : { byZod: 'multiples by a rule of its own' }
}

/** zod's tolerant remainder, from 4.6 on. */
export function isMultiple(value: number, step: number): boolean {
  const ratio = value / step
  return Math.abs(ratio - Math.round(ratio)) < 4 * Number.EPSILON * Math.max(Math.abs(ratio), 1)
}

function passes(check: ZodLike, value: unknown): boolean {
  const payload = { value, issues: [] }
  check._zod.check?.(payload)
  return payload.issues.length === 0
}

const SAFE: Step[] = [{ kind: 'integer' }, { kind: 'safe' }]
const between = (min: number, max: number): Step[] => [
  { kind: 'min', value: min, inclusive: true },
  { kind: 'max', value: max, inclusive: true },
]

function numberFormat(format: string): Read {
  switch (format) {
    case 'safeint':
      return { steps: SAFE }
    case 'int32':
      return { steps: [...SAFE, ...between(-(2 ** 31), 2 ** 31 - 1)] }
    case 'uint32':
      return { steps: [...SAFE, ...between(0, 2 ** 32 - 1)] }
    case 'float32':
      return { steps: between(-3.4028234663852886e38, 3.4028234663852886e38) }
    case 'float64':
      return { steps: [] }
    default:
      return { byZod: `the number format \`${format}\`` }
  }
}

/** How this zod counts a text's length: one whose two counts lie on both sides of the bound tells. */
function unitOf(check: ZodLike): 'codePoint' | 'codeUnit' {
  const { minimum, maximum, length } = check._zod.def as CheckDef
  // So many characters of two code units each; of bounds below 2 either count will do.
  const characters = length ?? (minimum !== undefined ? Math.ceil(minimum / 2) : Math.ceil((maximum! + 1) / 2))
  const passed = passes(check, '\u{1f600}'.repeat(Math.min(characters, 2 ** 24)))
  return passed === (minimum !== undefined) ? 'codeUnit' : 'codePoint'
}

/** Formats that are their expression and nothing else. */
const BY_PATTERN = new Set([
  ...['regex', 'guid', 'uuid', 'email', 'nanoid', 'cuid', 'cuid2', 'ulid', 'xid', 'ksuid', 'ipv4', 'cidrv4', 'mac', 'e164'],
  ...['datetime', 'date', 'time', 'duration', 'lowercase', 'uppercase'],
])

function stringFormat(def: CheckDef): Read {
  switch (def.format) {
    case 'starts_with':
      return { steps: [{ kind: 'startsWith', value: def.prefix! }] }
    case 'ends_with':
      return { steps: [{ kind: 'endsWith', value: def.suffix! }] }
    case 'includes':
      return { steps: [{ kind: 'includes', value: def.includes!, from: Math.max(0, def.position ?? 0) }] }
    default:
      if (!BY_PATTERN.has(def.format ?? '') || !(def.pattern instanceof RegExp) || def.fn !== undefined)
        return { byZod: `the format \`${def.format}\`` }
      return { steps: [{ kind: 'pattern', pattern: def.pattern, re2: toRe2(def.pattern) }] }
  }
}

/** The changes that zod's own methods make: they are functions, known by their text. */
function change({ tx }: CheckDef): Read {
  const method = /^\(?(\w+)\)?\s*=>\s*\1\.(trim|toLowerCase|toUpperCase)\(\)$/.exec(String(tx))?.[2]
  if (method === undefined) return { byZod: 'a change of the value' }
  return { steps: [{ kind: method === 'trim' ? 'trim' : method === 'toLowerCase' ? 'lowerCase' : 'upperCase' }] }
}
