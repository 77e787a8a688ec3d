/** zod's schemas as plain data. */

/** The parts of zod 4's schemas that are read: plain data, whichever copy of zod made them. */
export interface ZodLike {
  _zod: {
    def: ZodDef
    /** Of a check: adds its issues to the payload. */
    check?: (payload: { value: unknown; issues: unknown[] }) => unknown
    pattern?: RegExp
    innerType?: ZodLike
    run(payload: { value: unknown; issues: unknown[] }, context: { async: false }): Payload | Promise<Payload>
  }
  description?: string
  safeParse(value: unknown): SafeResult
  /** The issues of what is refused, without an error around them. A promise where a function of the schema fails or answers later. */
  '~standard': { validate(value: unknown): StandardResult | Promise<StandardResult> }
}

interface Payload {
  value: unknown
  issues: unknown[]
}

export type SafeResult = { success: true; data: unknown } | { success: false; error: { issues: ZodIssue[] } }

export type StandardResult = { value: unknown; issues?: undefined } | { issues: readonly ZodIssue[] }

export interface ZodIssue {
  path: PropertyKey[]
  code: string
  message: string
}

export interface ZodDef {
  type: string
  format?: string
  check?: string
  coerce?: boolean
  checks?: ZodLike[]
  innerType?: ZodLike
  /** Of a pipe or codec. */
  in?: ZodLike
  out?: ZodLike
  shape?: Record<string, ZodLike>
  /** Of an array. */
  element?: ZodLike
  items?: ZodLike[]
  rest?: ZodLike | null
  options?: ZodLike[]
  left?: ZodLike
  right?: ZodLike
  keyType?: ZodLike
  valueType?: ZodLike
  entries?: Record<string, string | number>
  values?: unknown[]
  catchall?: ZodLike
  catchValue?: (context: unknown) => unknown
  transform?: unknown
  offset?: boolean
  local?: boolean
  pattern?: RegExp
  when?: unknown
  fn?: unknown
  tx?: unknown
}

/** Checks on values. */
export interface CheckDef extends ZodDef {
  value?: number | bigint | Date
  inclusive?: boolean
  minimum?: number
  maximum?: number
  length?: number
  prefix?: string
  suffix?: string
  includes?: string
  position?: number
}

export const isZod = (value: unknown): value is ZodLike => typeof value === 'object' && value !== null && '_zod' in value

/** Wrappers that say something of null, absence or failure, and leave other values as they are. */
export const WRAPPERS = new Set(['nullable', 'optional', 'readonly', 'default', 'prefault', 'catch', 'nonoptional'])

/** The schema that a wrapper, or a lazy one, stands for. */
export function innerOf({ _zod: { def, innerType } }: ZodLike): ZodLike | undefined {
  if (def.type === 'lazy') return innerType
  return WRAPPERS.has(def.type) ? def.innerType : undefined
}

/** What `null` and absence aside a union accepts. */
export const meaningfulOptions = (options: readonly ZodLike[]): ZodLike[] => options.filter(option => !isNothing(option))

/** `z.null()`, `z.undefined()`, or a literal of nothing else. */
export function isNothing({ _zod: { def } }: ZodLike): boolean {
  if (def.type === 'literal') return (def.values ?? []).every(value => value === null || value === undefined)
  return ['null', 'undefined', 'void'].includes(def.type)
}
