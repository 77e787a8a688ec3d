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
import { lifetimeName, readsWholeTiles, tailName, windowsOf } from './shape.ts'

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
    steps.add(level(0), inStretch ? partial.id : lifetimeName(shape, partial))
    for (let k = 0; 2n ** BigInt(k + 1) <= longest; k++) {
      steps.add(level(k + 1), mergeMomentsSql(`lag(${level(k)}, ${2 ** k}) OVER ${frame}`, level(k)))
    }
  }
  windows.forEach(({ window, name }, at) => {
    // The latest rows first, so the list is turned round.
    const parts: string[] = []
    let offset = 0n
    for (let k = 0; 2n ** BigInt(k) <= lengths[at]!; k++) {
      if ((lengths[at]! & (2n ** BigInt(k))) === 0n) continue
      parts.push(`lag(${level(k)}, ${offset}) OVER ${frame}`)
      offset += 2n ** BigInt(k)
    }
    if (window.tail > 0n) parts.push(`lag(${tailName(partial, window.tail)}, ${offset}) OVER ${frame}`)
    steps.add(name, mergeMomentsSql(...parts.reverse()))
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

/** Common table expressions, each adding a column to the one before. */
class Steps {
  readonly #tables: string[] = []
  readonly #grid: string

  constructor(grid: string) {
    this.#grid = grid
  }

  add(column: string, sql: string): void {
    const from = this.#tables.length === 0 ? this.#grid : `step${this.#tables.length - 1}`
    this.#tables.push(`step${this.#tables.length} AS (SELECT *, ${sql} AS ${column} FROM ${from})`)
  }

  sql(): string {
    const last = `step${this.#tables.length - 1}`
    return `WITH ${this.#tables.join(', ')} SELECT * FROM ${last}`
  }
}
