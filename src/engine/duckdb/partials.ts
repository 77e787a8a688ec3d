/**
 * The partial aggregates that a feature set needs: what is kept of a tile, and how tiles merge into a window.
 *
 * Partials are only ever merged, never subtracted, so a large value that has left the window leaves no trace in the digits
 * of those that stay.
 */
import type { ColumnType } from '../../domain/columnType.ts'
import { isFloat, isInteger } from '../../domain/columnType.ts'
import type { Expression } from '../../domain/expression.ts'
import type { FeatureColumn } from '../../domain/featureSet.ts'

export type PartialKind =
  /** Rows that match. */
  | 'rows'
  /** Rows whose input is not null. */
  | 'count'
  /** Rows whose input, a condition, is true. */
  | 'true'
  /** Exact sum of integers or decimals. */
  | 'sum'
  /** Compensated sum of floats (Kahan; error independent of the number of rows). */
  | 'floatSum'
  /** Exact sum of the squares of small integers. */
  | 'squares'
  /** Count, mean and sum of squared deviations (Welford), merged as by Chan, Golub and LeVeque, 1983. */
  | 'moments'
  | 'min'
  | 'max'
  | 'first'
  | 'last'
  | 'lastRow'
  /** The set of distinct values; kept in a table of its own. */
  | 'distinct'

export interface PartialAggregate {
  /** `p0`, `p1`, ... in order of first use. */
  id: string
  kind: PartialKind
  input?: Expression
  inputType?: ColumnType
  where?: Expression
}

/** |x| up to which squares are summed exactly in 128 bits for any number of rows below 2^65. */
const EXACT_SQUARE_BOUND = 2n ** 31n

/** The partials of one feature set, each once however many features and windows share it. */
export class PartialSet {
  readonly all: PartialAggregate[] = []
  readonly #bound: (input: Expression) => bigint | undefined
  readonly #neverNull: (input: Expression) => boolean
  readonly #byMeaning = new Map<string, PartialAggregate>()

  /**
   * @param bound the largest |x| that the input can have, where the schema tells
   * @param neverNull whether the schema tells that the input has a value in every row
   */
  constructor(
    columns: readonly FeatureColumn[],
    bound: (input: Expression) => bigint | undefined,
    neverNull: (input: Expression) => boolean,
  ) {
    this.#bound = bound
    this.#neverNull = neverNull
    for (const column of columns) for (const kind of this.kindsOf(column)) this.#add(column, kind)
  }

  /** The partial of `kind` that `column` is computed from. */
  of(column: FeatureColumn, kind: PartialKind): PartialAggregate {
    const partial = this.#byMeaning.get(meaning(column, this.#simplest(column, kind)))
    if (!partial) throw new Error(`no partial ${kind} for ${column.name}`)
    return partial
  }

  kindsOf(column: FeatureColumn): PartialKind[] {
    const { aggregation, inputType } = column
    const sum: PartialKind = inputType && isFloat(inputType) ? 'floatSum' : 'sum'
    switch (aggregation.name) {
      case 'count':
        return [aggregation.input ? 'count' : 'rows']
      case 'countDistinct':
        return ['distinct']
      case 'share':
        return ['true', 'count']
      case 'sum':
        return [sum]
      case 'mean':
        return [sum, 'count']
      case 'variance':
      case 'stddev':
        return this.squaresAreExact(column) ? ['sum', 'squares', 'count'] : ['moments']
      default:
        return [aggregation.name]
    }
  }

  /** Whether the column's value depends on the order in which partials are merged. */
  isRounded(column: FeatureColumn): boolean {
    return this.kindsOf(column).some(kind => kind === 'floatSum' || kind === 'moments')
  }

  squaresAreExact({ aggregation, inputType }: FeatureColumn): boolean {
    if (!aggregation.input || !inputType || !isInteger(inputType)) return false
    if (inputType.kind === 'int32') return true
    const bound = this.#bound(aggregation.input)
    return bound !== undefined && bound <= EXACT_SQUARE_BOUND
  }

  /** Where an input is never null, its count is that of the rows, which other features need too. */
  #simplest({ aggregation }: FeatureColumn, kind: PartialKind): PartialKind {
    return kind === 'count' && this.#neverNull(aggregation.input!) ? 'rows' : kind
  }

  #add(column: FeatureColumn, wanted: PartialKind): void {
    const kind = this.#simplest(column, wanted)
    const key = meaning(column, kind)
    if (this.#byMeaning.has(key)) return
    const { aggregation, inputType, where } = column
    const partial: PartialAggregate = { id: `p${this.all.length}`, kind }
    if (aggregation.input && kind !== 'rows') partial.input = aggregation.input
    if (inputType && kind !== 'rows') partial.inputType = inputType
    if (where) partial.where = where
    this.#byMeaning.set(key, partial)
    this.all.push(partial)
  }
}

function meaning({ aggregation, where }: FeatureColumn, kind: PartialKind): string {
  const input = kind === 'rows' ? null : aggregation.input
  return JSON.stringify([kind, input ?? null, where ?? null], (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
}
