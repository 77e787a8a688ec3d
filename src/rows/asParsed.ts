/** Shapes of values that need no decoding. */
import type { InputShape } from '../domain/schema.ts'

/** Whether zod sees such a value just as JSON.parse gives it. */
export function isAsParsed(shape: InputShape): boolean {
  switch (shape.kind) {
    case 'bigint':
    case 'date':
      return false
    case 'array':
      return isAsParsed(shape.item)
    case 'tuple':
      return shape.items.every(isAsParsed) && (shape.rest === undefined || isAsParsed(shape.rest))
    case 'object':
      return [...shape.fields.values()].every(isAsParsed) && (shape.rest === undefined || isAsParsed(shape.rest))
    case 'union':
      return shape.options.every(isAsParsed)
    default:
      return true
  }
}
