/** zod's schemas as plain data. */

/** The parts of zod 4's schemas that are read: plain data, whichever copy of zod made them. */
export interface ZodLike {
  _zod: { def: ZodDef }
  description?: string
}

export interface ZodDef {
  type: string
  format?: string
  check?: string
  coerce?: boolean
  checks?: ZodLike[]
  innerType?: ZodLike
  shape?: Record<string, ZodLike>
  entries?: Record<string, string | number>
  values?: unknown[]
  catchall?: ZodLike
  offset?: boolean
  local?: boolean
  pattern?: RegExp
}
