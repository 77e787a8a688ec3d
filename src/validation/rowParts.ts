/** What the schema of a row is made of: one object, or several of which each row is one. */
import type { ZodLike } from './zodLike.ts'

export interface RowParts {
  objects: ZodLike[]
  /** By name, in the order of their first object: of a union, one of each object that has it. */
  columns: Map<string, ZodLike[]>
  /** Checks of the row as a whole. */
  checks: ZodLike[]
  /** A row is one of the objects. */
  isUnion: boolean
}

/** Undefined where the schema is that of no row. */
export function rowOf(schema: ZodLike): RowParts | undefined {
  const { def } = schema._zod
  const checks = def.checks ?? []
  switch (def.type) {
    case 'readonly': {
      const inner = rowOf(def.innerType!)
      return inner && { ...inner, checks: [...inner.checks, ...checks] }
    }
    case 'object': {
      const columns = Object.entries(def.shape ?? {}).map(([name, column]): [string, ZodLike[]] => [name, [column]])
      return { objects: [schema], columns: new Map(columns), checks, isUnion: false }
    }
    case 'union': {
      const options = (def.options ?? []).map(rowOf)
      if (options.length === 0 || options.some(option => option === undefined)) return undefined
      return { ...merged(options as RowParts[]), checks, isUnion: true }
    }
    case 'intersection': {
      const sides = [rowOf(def.left!), rowOf(def.right!)]
      if (sides.some(side => side === undefined)) return undefined
      const both = merged(sides as RowParts[])
      // One of several objects and more: whatever it says, each row is judged as a whole.
      return { ...both, checks: [...both.checks, ...checks], isUnion: true }
    }
    default:
      return undefined
  }
}

function merged(parts: readonly RowParts[]): Pick<RowParts, 'objects' | 'columns' | 'checks'> {
  const columns = new Map<string, ZodLike[]>()
  for (const part of parts) for (const [name, of] of part.columns) columns.set(name, [...(columns.get(name) ?? []), ...of])
  return { objects: parts.flatMap(({ objects }) => objects), columns, checks: parts.flatMap(({ checks }) => checks) }
}
