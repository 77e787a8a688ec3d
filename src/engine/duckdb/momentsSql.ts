/**
 * Count, mean and squared deviations over sliding windows, by merging only.
 *
 * Subtracting what has left a window would lose the digits of what stays, and the engine has no aggregate that merges
 * moments. So partial windows are built by doubling: level k at a row covers the 2^k rows that end there, and a window of n
 * rows is the merge of one level for each bit of n. The cost is the logarithm of the window's length.
 */
import { mergeMomentsSql } from './partialSql.ts'
import type { PartialAggregate } from './partials.ts'
import type { PartialWindow, Shape } from './shape.ts'
import { readsWholeTiles, tailName, windowsOf } from './shape.ts'

/** `grid` with one more column for each window over a partial of moments. `longestRun`: the most rows of one entity. */
export function momentsSql(shape: Shape, grid: string, longestRun: bigint): string {
  const steps = new Steps(grid)
  for (const partial of shape.partials.all) {
    if (partial.kind !== 'moments') continue
    const windows = windowsOf(shape, partial)
    for (const inStretch of [true, false]) {
      const some = windows.filter(({ window }) => (window.whole !== 'lifetime') === inStretch)
      if (some.length > 0) addWindows(steps, shape, partial, some, inStretch, longestRun)
    }
  }
  return steps.sql()
}

function addWindows(
  steps: Steps,
  shape: Shape,
  partial: PartialAggregate,
  windows: PartialWindow[],
  inStretch: boolean,
  longestRun: bigint,
): void {
  const frame = `(PARTITION BY ${[...shape.keys, ...(inStretch ? ['stretch'] : [])].join(', ')} ORDER BY i)`
  const level = (k: number): string => `${partial.id}_${inStretch ? 's' : 'l'}${k}`
  const lengths = windows.map(({ window }) => rowsOf(window.whole, longestRun))
  const longest = lengths.reduce((a, b) => (a > b ? a : b), 0n)
  if (readsWholeTiles(shape, partial)) {
    steps.add(level(0), partial.id)
    for (let k = 0; 2n ** BigInt(k + 1) <= longest; k++) {
      steps.add('earlier', `lag(${level(k)}, ${2 ** k}) OVER ${frame}`)
      steps.add(level(k + 1), mergeMomentsSql('earlier', level(k)), ['earlier'])
    }
  }
  windows.forEach(({ window, name }, at) => {
    let merged = 'NULL::STRUCT(n DOUBLE, mean DOUBLE, s DOUBLE)'
    let offset = 0n
    for (let k = 0; 2n ** BigInt(k) <= lengths[at]!; k++) {
      if ((lengths[at]! & (2n ** BigInt(k))) === 0n) continue
      merged = steps.merge(`lag(${level(k)}, ${offset}) OVER ${frame}`, merged)
      offset += 2n ** BigInt(k)
    }
    if (window.tail > 0n) merged = steps.merge(`lag(${tailName(partial, window.tail)}, ${offset}) OVER ${frame}`, merged)
    steps.add(name, merged)
  })
}

/** A window longer than every run of rows covers no more than the longest run. */
function rowsOf(whole: bigint | 'lifetime', longestRun: bigint): bigint {
  return whole === 'lifetime' || whole > longestRun ? nextPowerOfTwo(longestRun) : whole
}

function nextPowerOfTwo(n: bigint): bigint {
  let power = 1n
  while (power < n) power *= 2n
  return power
}

/** Common table expressions, each adding a column to the one before: a merge written out in place would double the text. */
class Steps {
  readonly #tables: string[] = []
  readonly #grid: string
  #merges = 0

  constructor(grid: string) {
    this.#grid = grid
  }

  add(column: string, sql: string, drop: string[] = []): void {
    const from = this.#tables.length === 0 ? this.#grid : `step${this.#tables.length - 1}`
    const kept = drop.length === 0 ? '*' : `* EXCLUDE (${drop.join(', ')})`
    this.#tables.push(`step${this.#tables.length} AS (SELECT ${kept}, ${sql} AS ${column} FROM ${from})`)
  }

  /** The name of a column that merges `earlier` with the column or constant `later`. */
  merge(earlier: string, later: string): string {
    const name = `merge${this.#merges++}`
    this.add(`${name}_earlier`, earlier)
    this.add(name, mergeMomentsSql(`${name}_earlier`, later), [`${name}_earlier`])
    return name
  }

  sql(): string {
    const last = `step${this.#tables.length - 1}`
    return `WITH ${this.#tables.join(', ')} SELECT * FROM ${last}`
  }
}
