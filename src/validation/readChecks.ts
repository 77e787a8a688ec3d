/** The checks of one zod schema as plain data. */
import type { Check } from '../domain/schema.ts'
import { fromDate } from '../domain/time.ts'
import { toRe2 } from './pattern.ts'
import type { ZodDef } from './zodLike.ts'

type CheckDef = ZodDef & {
  value?: number | bigint | Date
  inclusive?: boolean
  minimum?: number
  maximum?: number
  length?: number
  prefix?: string
  suffix?: string
  includes?: string
  position?: number
  pattern?: RegExp
}

/** A schema's own format (`z.iso.datetime()`) is a check like those added to it. */
export function readChecks(def: ZodDef): { checks: Check[] } | { fault: string } {
  const defs: CheckDef[] = [...(def.check ? [def] : []), ...(def.checks ?? []).map(check => check._zod.def)]
  const checks: Check[] = []
  for (const check of defs) {
    const read = readCheck(check)
    if (read === undefined) return { fault: `the check \`${nameOf(check)}\` is not supported` }
    checks.push(...read)
  }
  return { checks }
}

function nameOf({ check, format, pattern }: CheckDef): string {
  const name = format ?? check ?? 'unknown'
  return name === 'regex' ? `regex(${pattern})` : name
}

function readCheck(def: CheckDef): Check[] | undefined {
  switch (def.check) {
    case 'greater_than':
      return bound('min', def)
    case 'less_than':
      return bound('max', def)
    case 'multiple_of':
      return Number.isInteger(Number(def.value)) ? [{ kind: 'multipleOf', value: def.value as number | bigint }] : undefined
    case 'number_format':
      // What a format means is in the column's type and its bounds.
      return ['safeint', 'int32', 'uint32', 'float64'].includes(def.format ?? '') ? [] : undefined
    case 'bigint_format':
      return def.format === 'int64' ? [] : undefined
    case 'min_length':
      return [{ kind: 'minLength', value: def.minimum! }]
    case 'max_length':
      return [{ kind: 'maxLength', value: def.maximum! }]
    case 'length_equals':
      return [{ kind: 'length', value: def.length! }]
    case 'string_format':
      return stringFormat(def)
    default:
      return undefined
  }
}

function bound(kind: 'min' | 'max', { value, inclusive }: CheckDef): Check[] | undefined {
  if (value instanceof Date) return inclusive ? [{ kind: `${kind}Instant`, value: fromDate(value) }] : undefined
  return Number.isNaN(Number(value)) ? undefined : [{ kind, value: value!, inclusive: inclusive === true }]
}

function stringFormat(def: CheckDef): Check[] | undefined {
  switch (def.format) {
    case 'starts_with':
      return [{ kind: 'startsWith', value: def.prefix! }]
    case 'ends_with':
      return [{ kind: 'endsWith', value: def.suffix! }]
    case 'includes':
      return def.position === undefined ? [{ kind: 'includes', value: def.includes! }] : undefined
    case 'regex':
    case 'datetime': {
      const pattern = def.pattern && toRe2(def.pattern)
      return pattern === undefined ? undefined : [{ kind: 'pattern', value: pattern }]
    }
    default:
      return undefined
  }
}
