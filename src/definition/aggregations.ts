/** Aggregations as an author writes them: `mean(f.delay).where(...).over('1d', '7d')`. */
import type { Aggregation } from '../domain/featureSet.ts'
import type { Operand, Scalar } from './columns.ts'
import { operandOf } from './columns.ts'

/** `<n>` with `ms s m h d`; a day is 86,400 s. */
export type DurationText = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`
export type WindowText = DurationText | 'lifetime'

/** An aggregation with its windows: one column for each. V is the columns' value in TypeScript. */
export interface FeatureDeclaration<V = unknown, W extends string = string> {
  readonly aggregation: Aggregation
  readonly condition: Operand<boolean> | undefined
  readonly windows: readonly W[]
  /** Only for the compiler: nothing is there at run time. */
  readonly value?: V
}

/** An aggregation that has no windows yet. */
export class AggregationBuilder<V> {
  readonly aggregation: Aggregation
  readonly condition: Operand<boolean> | undefined

  constructor(aggregation: Aggregation, condition?: Operand<boolean>) {
    this.aggregation = aggregation
    this.condition = condition
  }

  /** Only rows for which `condition` is true count. It decides the value, never which rows the table has. */
  where(condition: Operand<boolean>): this {
    const Same = this.constructor as new (aggregation: Aggregation, condition?: Operand<boolean>) => this
    return new Same(this.aggregation, condition)
  }

  /** One column, `<feature>_<window>`, for each window, in this order. */
  over<const W extends WindowText[]>(...windows: W): FeatureDeclaration<V, W[number]> {
    return { aggregation: this.aggregation, condition: this.condition, windows }
  }
}

/** A sum, which can be widened. */
export class SumBuilder<V> extends AggregationBuilder<V> {
  /** A sum of integers as decimal(38, 0), which cannot leave int64; it reads as its exact digits. */
  as(_type: 'decimal'): AggregationBuilder<string | null> {
    return new AggregationBuilder<string | null>({ ...this.aggregation, asDecimal: true }, this.condition)
  }
}

type NumberLike = number | bigint

/** Rows, or rows in which `x` is not null: int64, 0 over nothing. */
export function count(x?: Operand<Scalar>): AggregationBuilder<number> {
  return new AggregationBuilder(x === undefined ? { name: 'count' } : { name: 'count', input: operandOf(x) })
}

/** Different values of `x`, exactly: int64, 0 over nothing. Not of floats. */
export function countDistinct(x: Operand<Scalar>): AggregationBuilder<number> {
  return new AggregationBuilder({ name: 'countDistinct', input: operandOf(x) })
}

/** The sum: int64 of integers, double of floats; null over nothing. An integer sum past int64 stops the run. */
export function sum<T extends NumberLike>(x: Operand<T>): SumBuilder<T | null> {
  return new SumBuilder({ name: 'sum', input: operandOf(x) })
}

/** The arithmetic mean, a double; null over nothing. */
export function mean(x: Operand<NumberLike>): AggregationBuilder<number | null> {
  return new AggregationBuilder({ name: 'mean', input: operandOf(x) })
}

/** The least value, texts by their UTF-8 bytes; null over nothing. */
export function min<T extends Scalar>(x: Operand<T>): AggregationBuilder<T | null> {
  return new AggregationBuilder({ name: 'min', input: operandOf(x) })
}

/** The greatest value, texts by their UTF-8 bytes; null over nothing. */
export function max<T extends Scalar>(x: Operand<T>): AggregationBuilder<T | null> {
  return new AggregationBuilder({ name: 'max', input: operandOf(x) })
}

export interface SpreadOptions {
  /** Divide by n instead of n - 1. Default false. */
  population?: boolean
}

/** The variance, a double: of a sample (n - 1), null below two values; of a population (n), null over nothing. */
export function variance(x: Operand<NumberLike>, options: SpreadOptions = {}): AggregationBuilder<number | null> {
  return new AggregationBuilder({ name: 'variance', input: operandOf(x), population: options?.population ?? false })
}

/** The square root of `variance`. */
export function stddev(x: Operand<NumberLike>, options: SpreadOptions = {}): AggregationBuilder<number | null> {
  return new AggregationBuilder({ name: 'stddev', input: operandOf(x), population: options?.population ?? false })
}

/** How often `condition` is true among the rows where it is not null: a double from 0 to 1; null over nothing. */
export function share(condition: Operand<boolean>): AggregationBuilder<number | null> {
  return new AggregationBuilder({ name: 'share', input: operandOf(condition) })
}

/** The earliest value that is not null; null over nothing. */
export function first<T extends Scalar>(x: Operand<T>): AggregationBuilder<T | null> {
  return new AggregationBuilder({ name: 'first', input: operandOf(x) })
}

/** The latest value that is not null; null over nothing. */
export function last<T extends Scalar>(x: Operand<T>): AggregationBuilder<T | null> {
  return new AggregationBuilder({ name: 'last', input: operandOf(x) })
}

/** The latest row's value, null where that is null; null over nothing. */
export function lastRow<T extends Scalar>(x: Operand<T>): AggregationBuilder<T | null> {
  return new AggregationBuilder({ name: 'lastRow', input: operandOf(x) })
}
