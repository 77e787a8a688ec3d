/** One column of several objects of which a row is one. What each says of it, zod judges with the row. */
import type { Field } from '../domain/schema.ts'
import { isChange } from '../domain/schema.ts'
import { storedValue, widest } from './outputs.ts'
import type { FieldFault } from './readField.ts'
import { isScalar, oneShape } from './shapes.ts'
import type { ZodLike } from './zodLike.ts'

export function mergedField(fields: readonly Field[], columns: readonly ZodLike[]): Field | { fault: FieldFault } {
  const changing = fields.find((field, at) => changes(field, columns[at]!))
  if (changing) {
    return {
      fault: {
        message: 'a default, transform or nested type of one of several objects that a row can be: no column can follow it',
        hint: 'Write one object for all rows, with what the others lack as `.optional()`; or leave the column out.',
      },
    }
  }
  const [first] = fields
  const output = widest(fields)
  const shape = oneShape(fields.map(field => field.shape))
  const isPlain = isScalar(shape) && !output.isJson
  return {
    ...first!,
    ...output,
    shape,
    input: isScalar(shape) ? shape.kind : 'any',
    nullable: fields.some(({ nullable }) => nullable),
    optional: true,
    whenNull: null,
    whenAbsent: null,
    coerce: fields.some(({ coerce }) => coerce),
    instantText: fields.every(({ instantText }) => instantText),
    steps: isPlain ? [] : undefined,
    caught: undefined,
    byZod: isPlain ? undefined : 'values of several types',
    refined: undefined,
    keeps: true,
    parse: given => {
      const value = storedValue(output, given)
      return value === undefined ? { ok: false } : { ok: true, output: given, value }
    },
  }
}

/** Whether a value may come out as another than it went in. */
function changes({ steps, caught, whenNull, whenAbsent }: Field, column: ZodLike): boolean {
  if (caught !== undefined || whenNull !== null || whenAbsent !== null) return true
  if (steps) return steps.some(isChange)
  return !isRefined(column)
}

/** Plain values of one type, refined by functions: the checks change nothing. */
function isRefined({ _zod: { def } }: ZodLike): boolean {
  if (def.innerType && ['nullable', 'optional', 'readonly'].includes(def.type)) return isRefined(def.innerType)
  const isPlain = ['string', 'number', 'bigint', 'boolean', 'date', 'enum', 'literal'].includes(def.type) && !def.coerce
  return (
    isPlain &&
    def.format !== 'url' &&
    (def.checks ?? []).every(({ _zod }) => _zod.def.check !== 'overwrite' && _zod.def.format !== 'url')
  )
}
