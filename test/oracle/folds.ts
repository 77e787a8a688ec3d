/** Each aggregation's fold over the values of one window, which come in the total order of their rows. */
import type { AggregationName, FeatureColumn } from '../../src/domain/featureSet.ts'
import type { Cell, Expected } from './naive.ts'
import { compare } from './naive.ts'

type Fold = (present: readonly Cell[], all: readonly Cell[], column: FeatureColumn) => Expected

const exact = (value: Cell): Expected => ({ value, within: 0 })
const NOTHING = exact(null)
const PRECISION = 1e-12

/** `present` are the values that are not null. */
const FOLDS: Record<AggregationName, Fold> = {
  count: present => exact(BigInt(present.length)),
  countDistinct: present => exact(BigInt(new Set(present).size)),
  first: present => exact(present[0] ?? null),
  last: present => exact(present.at(-1) ?? null),
  lastRow: (_, all) => exact(all.at(-1) ?? null),
  min: present => exact([...present].sort(compare)[0] ?? null),
  max: present => exact([...present].sort(compare).at(-1) ?? null),
  share: present => (present.length === 0 ? NOTHING : close(present.filter(value => value === true).length / present.length, 1)),
  sum: (present, _, column) => {
    if (present.length === 0) return NOTHING
    if (!areIntegers(present)) return close(floatSum(present as number[]), magnitude(present))
    const sum = integerSum(present)
    return exact(column.aggregation.asDecimal ? String(sum) : sum)
  },
  mean: present => {
    if (present.length === 0) return NOTHING
    const sum = areIntegers(present) ? Number(integerSum(present)) : floatSum(present as number[])
    return close(sum / present.length, magnitude(present) / present.length)
  },
  variance: (present, _, { aggregation }) => variance(present, aggregation.population === true),
  stddev: (present, _, { aggregation }) => {
    const { value, within } = variance(present, aggregation.population === true)
    if (value === null) return NOTHING
    const root = Math.sqrt(value as number)
    // An error e of the variance v is one of sqrt(v) - sqrt(v - e) in its root at most.
    return { value: root, within: root - Math.sqrt(Math.max((value as number) - within, 0)) + PRECISION * root }
  },
}

export function aggregate(column: FeatureColumn, values: readonly Cell[]): Expected {
  const present = values.filter(value => value !== null)
  return FOLDS[column.aggregation.name](present, values, column)
}

const close = (value: number, scale: number): Expected => ({ value, within: PRECISION * scale })
const areIntegers = (values: readonly Cell[]): values is bigint[] => values.every(value => typeof value === 'bigint')
const integerSum = (values: readonly bigint[]): bigint => values.reduce((sum, value) => sum + value, 0n)
const magnitude = (values: readonly Cell[]): number => floatSum(values.map(value => Math.abs(Number(value))))

/** Neumaier's compensated sum (1974). */
function floatSum(values: readonly number[]): number {
  let sum = 0
  let lost = 0
  for (const value of values) {
    const next = sum + value
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum
    sum = next
  }
  return sum + lost
}

function variance(present: readonly Cell[], population: boolean): Expected {
  const divisor = present.length - (population ? 0 : 1)
  if (divisor <= 0) return NOTHING
  const numbers = present.map(Number)
  let value: number
  if (areIntegers(present)) {
    // (n * sum of squares - square of the sum) / n, exactly, divided once at the end.
    const n = BigInt(present.length)
    const squares = integerSum(present.map(x => x * x))
    value = Number(n * squares - integerSum(present) ** 2n) / Number(n) / divisor
  } else {
    const mean = floatSum(numbers) / numbers.length
    const deviation = floatSum(numbers.map(x => x - mean))
    const squares = floatSum(numbers.map(x => (x - mean) ** 2))
    value = Math.max(squares - deviation ** 2 / numbers.length, 0) / divisor
  }
  const meanSquare = floatSum(numbers.map(x => x * x)) / numbers.length
  return { value, within: PRECISION * (value + Math.sqrt(value * meanSquare)) }
}
