/** What a zod schema expects to be given: decides how sources decode a value before zod sees it. */
import type { InputShape } from '../domain/schema.ts'
import { enumValues } from './outputs.ts'
import type { ZodLike } from './zodLike.ts'
import { innerOf, meaningfulOptions } from './zodLike.ts'

const ANY: InputShape = { kind: 'any' }
const DEEPEST = 20

export function shapeOf(schema: ZodLike, depth = 0): InputShape {
  const { def } = schema._zod
  if (depth > DEEPEST) return ANY
  const of = (inner: ZodLike): InputShape => shapeOf(inner, depth + 1)
  const inner = innerOf(schema)
  if (inner) return of(inner)
  switch (def.type) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'date':
      return def.coerce ? { kind: def.type, coerce: true } : { kind: def.type }
    case 'template_literal':
      return { kind: 'string' }
    case 'nan':
      return { kind: 'number' }
    case 'enum':
      return ofValues(enumValues(def.entries ?? {}))
    case 'literal':
      return ofValues((def.values ?? []).filter(value => value != null))
    case 'union':
      return oneShape(meaningfulOptions(def.options ?? []).map(of))
    case 'intersection':
      return merged(of(def.left!), of(def.right!))
    case 'pipe':
      return of(def.in!)
    case 'array':
      return { kind: 'array', item: of(def.element!) }
    case 'tuple':
      return { kind: 'tuple', items: (def.items ?? []).map(of), rest: def.rest ? of(def.rest) : undefined }
    case 'record':
      return { kind: 'object', fields: new Map(), absent: new Set(), tags: new Map(), rest: of(def.valueType!) }
    case 'object': {
      const members = Object.entries(def.shape ?? {})
      const fields = new Map(members.map(([name, member]) => [name, of(member)]))
      const absent = new Set(members.flatMap(([name, member]) => (takesAbsenceOnly(member) ? [name] : [])))
      const tags = new Map(members.flatMap(([name, member]) => (valuesOf(member) ? [[name, valuesOf(member)!] as const] : [])))
      return { kind: 'object', fields, absent, tags, rest: def.catchall ? of(def.catchall) : undefined }
    }
    default:
      return ANY
  }
}

function ofValues(values: readonly unknown[]): InputShape {
  return oneShape([...new Set(values.map(value => typeof value))].map(type => ({ kind: type as 'string' })))
}

/** One that expects what any of them does. */
export function oneShape(options: readonly InputShape[]): InputShape {
  const different = options.filter((option, at) => options.findIndex(other => other === option || isSame(other, option)) === at)
  return different.length === 1 ? different[0]! : { kind: 'union', options: different }
}

const isSame = (a: InputShape, b: InputShape): boolean => {
  if (!isScalar(a) || !isScalar(b)) return a.kind === 'any' && b.kind === 'any'
  return a.kind === b.kind && a.coerce === b.coerce
}

type Scalar = InputShape & { kind: 'boolean' | 'number' | 'bigint' | 'string' | 'date' }

export const isScalar = (shape: InputShape): shape is Scalar =>
  ['boolean', 'number', 'bigint', 'string', 'date'].includes(shape.kind)

function merged(left: InputShape, right: InputShape): InputShape {
  if (left.kind !== 'object' || right.kind !== 'object') return isSame(left, right) ? left : ANY
  const fields = new Map([...left.fields, ...right.fields])
  const absent = new Set([...left.absent, ...right.absent])
  return { kind: 'object', fields, absent, tags: new Map([...left.tags, ...right.tags]), rest: left.rest ?? right.rest }
}

/** The values that a literal or an enumeration takes. */
function valuesOf({ _zod: { def } }: ZodLike): readonly unknown[] | undefined {
  if (def.type === 'literal') return def.values
  return def.type === 'enum' ? enumValues(def.entries ?? {}) : undefined
}

/** Whether a member may be left out, and may not be null. */
function takesAbsenceOnly(member: ZodLike): boolean {
  let optional = false
  for (let schema: ZodLike | undefined = member; schema; schema = innerOf(schema))
    if (['optional', 'default', 'prefault'].includes(schema._zod.def.type)) optional = true
  return optional && !acceptsNull(member)
}

/** A function of the schema that fails on null accepts none. */
function acceptsNull(member: ZodLike): boolean {
  try {
    return member.safeParse(null).success
  } catch {
    return false
  }
}
