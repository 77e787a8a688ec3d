/** What the compiler knows of a zod schema's rows: their columns, and what may stand in each. */
import type { z } from 'zod'

/** The zod schema of a row: an object, or one of several. */
export type RowObject =
  | z.ZodObject
  | z.ZodReadonly<z.ZodObject>
  | z.ZodDiscriminatedUnion<readonly z.ZodObject[]>
  | z.ZodUnion<readonly z.ZodObject[]>
  | z.ZodIntersection<z.ZodObject, z.ZodObject>

/** The columns of every object that a row can be, without what `z.looseObject` lets through besides. */
type Named<T> = T extends unknown ? keyof { [K in keyof T as string extends K ? never : K]: T[K] } : never
type Member<T, K> = T extends unknown ? (K extends keyof T ? T[K] : undefined) : never
export type Input<S extends RowObject> = { [K in Named<z.output<S>>]: Member<z.output<S>, K> }
export type ColumnName<S extends RowObject> = keyof Input<S> & string
/** Of values that are nested, of several types, or of any, the column is JSON text. */
export type Value<T> = 0 extends 1 & T ? string : Plain<NonNullable<T>>
type Plain<T> = [T] extends [string]
  ? T
  : [T] extends [number | bigint]
    ? T
    : [T] extends [boolean]
      ? T
      : [T] extends [Date]
        ? T
        : string

/** The columns whose values can say when something happened. */
export type InstantColumn<S extends RowObject> = {
  [K in ColumnName<S>]: NonNullable<Input<S>[K]> extends Date | string ? K : never
}[ColumnName<S>]
export type NumberColumn<S extends RowObject> = {
  [K in ColumnName<S>]: NonNullable<Input<S>[K]> extends number | bigint ? K : never
}[ColumnName<S>]
