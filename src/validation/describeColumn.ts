/**
 * What a zod schema says, as canonical text: everything that can change a verdict or a value, functions by their source. Equal
 * texts mean the same, but for what such functions call or close over, which nobody can see from outside.
 */
import type { CheckDef, ZodDef, ZodLike } from './zodLike.ts'
import { isZod } from './zodLike.ts'

/** In parts, such as `number`, `format "safeint"`, `max 3000`, `optional`. Descriptions and messages are not in it. */
export function describeColumn(column: ZodLike): string[] {
  return partsOf(column, [])
}

/** The same of an object but for its columns: its checks, and what becomes of other columns. */
export function describeRow({ _zod: { def } }: ZodLike): string[] {
  const around = def.type === 'readonly' ? describeRow(def.innerType!) : []
  const extra = def.catchall ? [`catchall ${valueText(def.catchall, [])}`] : []
  return [...around, ...extra, ...(def.checks ?? []).flatMap(check => checkParts(check, []))]
}

/** The schemas around the one that is told: one that holds itself is told by its distance. */
type Around = readonly ZodDef[]

/** Members that are told in a way of their own, and those that change words alone or the way back. */
const TOLD_APART = new Set([
  ...['type', 'checks', 'check', 'innerType', 'in', 'out', 'shape', 'entries', 'values'],
  ...['error', 'abort', 'reverseTransform'],
])

function partsOf(schema: ZodLike, around: Around): string[] {
  const { def } = schema._zod
  const at = around.lastIndexOf(def)
  if (at >= 0) return [`itself ${around.length - at}`]
  const within = [...around, def]
  const rest = Object.keys(def)
    .filter(key => !TOLD_APART.has(key) && !(def.type === 'lazy' && key === 'getter'))
    .sort()
    .flatMap(key => memberPart(key, memberOf(def, key), within))
  const bag = Object.entries((schema._zod as { bag?: object }).bag ?? {}).map(
    ([key, value]) => `${key} ${valueText(value, within)}`,
  )
  const checks = [...bag.sort(), ...(def.checks ?? []).flatMap(check => checkParts(check, within))]
  if (def.type === 'lazy') return [...partsOf(schema._zod.innerType!, within), ...checks]
  if (def.innerType) return [...partsOf(def.innerType, within), [def.type, ...rest].join(' '), ...checks]
  if (def.type === 'pipe') return [...partsOf(def.in!, within), `pipe ${valueText(def.out, within)}`, ...rest, ...checks]
  return [def.type, ...choicesOf(def, within), ...rest, ...checks]
}

/** Which of several values is named first says nothing; of an object's members it decides how it is written. */
function choicesOf({ shape, entries, values }: ZodDef, around: Around): string[] {
  const choices = entries ? Object.values(entries) : values
  return [
    ...(choices
      ? [
          `oneOf ${choices
            .map(value => valueText(value, around))
            .sort()
            .join(', ')}`,
        ]
      : []),
    ...Object.entries(shape ?? {}).map(([name, member]) => `.${JSON.stringify(name)} ${valueText(member, around)}`),
  ]
}

/** A default that is computed is what it gives; one that is another each time is no value to go by. */
function memberOf(def: ZodDef, key: string): unknown {
  const read = (): unknown => (def as unknown as Record<string, unknown>)[key]
  if (key === 'defaultValue') {
    const [one, other] = [valueText(read(), []), valueText(read(), [])]
    return new Told(one === other ? one : 'another each time')
  }
  const constant = def.catchValue as (((context: unknown) => unknown) & { '~constantCatch'?: boolean }) | undefined
  return key === 'catchValue' && constant?.['~constantCatch'] === true ? new Told(valueText(constant({}), [])) : read()
}

/** Text that stands for itself. */
class Told {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** `default "EUR"`, not `default defaultValue "EUR"`. */
const UNNAMED = new Set(['defaultValue', 'catchValue'])

const memberPart = (key: string, value: unknown, around: Around): string[] =>
  value === undefined ? [] : [UNNAMED.has(key) ? valueText(value, around) : `${key} ${valueText(value, around)}`]

const NAMES: Record<string, string> = {
  min_length: 'minLength',
  max_length: 'maxLength',
  length_equals: 'length',
  multiple_of: 'multipleOf',
  starts_with: 'startsWith',
  ends_with: 'endsWith',
  custom: 'refine',
}

function checkParts(check: ZodLike, around: Around): string[] {
  const def = check._zod.def as CheckDef
  const name = def.format ?? def.check ?? def.type
  if (name === 'describe' || name === 'meta') return []
  const abort = (def as { abort?: boolean }).abort === true ? ' abort' : ''
  if (def.check === 'greater_than' || def.check === 'less_than') {
    const [closed, open] = def.check === 'greater_than' ? ['min', 'above'] : ['max', 'below']
    return [`${def.inclusive ? closed : open} ${valueText(def.value, around)}${abort}`]
  }
  if (def.check === 'overwrite') return [`overwrite ${changeText(def.tx as (text: string) => unknown)}${abort}`]
  const members = Object.keys(def)
    .filter(key => !['type', 'check', 'format', 'error', 'abort', 'checks'].includes(key))
    .sort()
    .map(key => [key, (def as unknown as Record<string, unknown>)[key]] as const)
    .filter(([key, value]) => value !== undefined && value !== null && !(key === 'when' && isOwnGuard(value)))
  // `.check(...)` and `.superRefine(...)` have no function of their own but the one that is run.
  const own: (readonly [string, unknown])[] = def.check === 'custom' && def.fn === undefined ? [['fn', check._zod.check]] : []
  const all = [...members, ...own]
  const texts = all.map(([key, value]) => (all.length === 1 ? valueText(value, around) : `${key} ${valueText(value, around)}`))
  return [[NAMES[name] ?? name, ...texts].join(' ') + abort]
}

/** zod's own: lengths are asked of what has one. */
const isOwnGuard = (when: unknown): boolean => /\bnullish\(val\) && val\.(length|size) !== undefined/.test(String(when))

/** The form that a text is normalized to is hidden, but not what it does. */
function changeText(change: (text: string) => unknown): string {
  const source = valueText(change, [])
  return source.includes('normalize(') ? `${source} ${JSON.stringify(change('\uFB01 e\u0301 \u00E9'))}` : source
}

function valueText(value: unknown, around: Around): string {
  if (value instanceof Told) return value.text
  if (isZod(value)) return `(${partsOf(value, around).join(', ')})`
  if (typeof value === 'function' || typeof value === 'string') return JSON.stringify(String(value))
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no date' : value.toISOString()
  if (value instanceof RegExp || typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `[${value.map(item => valueText(item, around)).join(', ')}]`
  const isUnordered = value instanceof Set || value instanceof Map
  const entries = isUnordered ? [...value.entries()] : Object.entries(value)
  const texts = entries.map(([key, member]) => `${valueText(key, around)}: ${valueText(member, around)}`)
  // The order of an object's members is that of a default's JSON text.
  return `{${(isUnordered ? texts.sort() : texts).join(', ')}}`
}
