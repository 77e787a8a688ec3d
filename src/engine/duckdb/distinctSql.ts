/**
 * Exact distinct counts over sliding windows.
 *
 * For one window an item is alive from the first cutoff after it to the last whose window still holds it. Lives of one item
 * that overlap or touch are one: the count rises by one where a life begins and falls by one after it ends, and a running sum
 * of these steps is the count at every cutoff. The cost does not depend on the number of cutoffs or the length of the windows.
 *
 * The tiles in which an item occurs are kept as bits, 32 tiles to a block: grouping costs one bit operation a row, and the
 * occurrence before a given one is mostly found in the same word, without sorting.
 */
import type { TileSet } from '../../domain/engine.ts'
import { expressionSql } from './expressionSql.ts'
import type { PartialAggregate } from './partials.ts'
import type { PartialWindow, Shape } from './shape.ts'
import { tailName, tailsOf, windowsOf } from './shape.ts'
import type { TileBounds } from './tilesSql.ts'
import { onlySql, partSql, tiled, tiledRowsSql } from './tilesSql.ts'

const BLOCK_BITS = 5
const BLOCK = 2 ** BLOCK_BITS

/** Added to the numbers of tiles, so that those before 1970 have bits too. A multiple of the block, above any number. */
const SHIFT = 2n ** 50n

/** The part of a tile set that holds the items of a distinct partial. */
export const itemsPart = ({ id }: PartialAggregate): string => id

/**
 * A row for each entity, item and block of tiles: `bits`, the tiles in which the item occurs, and for each tail those in which
 * it occurs within the tail.
 */
export function itemBlocksSql(shape: Shape, relation: string, partial: PartialAggregate): string {
  const { keys, rows } = shape
  const item = expressionSql(partial.input!, rows)
  const where = partial.where ? ` WHERE ${expressionSql(partial.where, rows)}` : ''
  const tails = tailsOf(shape, partial).map(
    tail => `bit_or(CASE WHEN p <= ${tail} THEN bit ELSE 0 END) AS ${tailName(partial, tail)}`,
  )
  const by = [...keys, 'item', 'block'].join(', ')
  return `SELECT ${[by, 'bit_or(bit) AS bits', ...tails].join(', ')}
    FROM (
      SELECT ${[...keys, 'p'].map(tiled).join(', ')}, ${item} AS item, ${blockOf('__i')} AS block, ${bitOf('__i')} AS bit
      FROM ${tiledRowsSql(shape, relation)}${where}
    )
    WHERE item IS NOT NULL GROUP BY ${by}`
}

const blockOf = (i: string): string => `((${i} + ${SHIFT}) >> ${BLOCK_BITS})`
const bitOf = (i: string): string => `(1::BIGINT << ((${i} + ${SHIFT}) & ${BLOCK - 1}))`

interface BlockRange {
  lowBlock: bigint
  highBlock: bigint
  /** The bits of the first block that lie in the range. */
  from: bigint
  /** SQL of those of any block between the two. */
  mask: string
}

/** Where the tiles from `first` to `last` lie. */
function blockRange(first: bigint, last: bigint): BlockRange {
  const [low, high] = [first + SHIFT, last + SHIFT]
  const [lowBlock, highBlock] = [low >> BigInt(BLOCK_BITS), high >> BigInt(BLOCK_BITS)]
  const whole = 2n ** BigInt(BLOCK) - 1n
  const from = whole & ~((1n << (low % BigInt(BLOCK))) - 1n)
  const upTo = (1n << ((high % BigInt(BLOCK)) + 1n)) - 1n
  const mask = `(CASE WHEN block = ${lowBlock} THEN ${from} ELSE ${whole} END & CASE WHEN block = ${highBlock} THEN ${upTo} ELSE ${whole} END)`
  return { lowBlock, highBlock, from, mask }
}

/** SQL of whether a block's word, the column `bits`, has any of the tiles from `first` (undefined: the first of all) to `last`. */
export function holdsTilesSql(bits: string, first: bigint | undefined, last: bigint): string {
  const ownBlock = last - ((last + SHIFT) % BigInt(BLOCK))
  const { lowBlock, highBlock, mask } = blockRange(first ?? ownBlock, last)
  const held = `block BETWEEN ${lowBlock} AND ${highBlock} AND (${bits} & ${mask}) <> 0`
  return first === undefined ? `(block < ${lowBlock} OR (${held}))` : `(${held})`
}

/** Blocks of several tile sets as one, with the tiles from `first` to `last` alone; those before as tile `first - 1` where they are carried. */
export function loadedBlocksSql(shape: Shape, sets: readonly TileSet[], partial: PartialAggregate, bounds: TileBounds): string {
  const { keys } = shape
  const tails = tailsOf(shape, partial).map(tail => tailName(partial, tail))
  const { lowBlock, highBlock, from, mask } = blockRange(bounds.first, bounds.last)
  const by = [...keys, 'item', 'block']
  const source = `${partSql(sets, itemsPart(partial))!}${onlySql(shape, bounds)}`
  const parts = [
    `SELECT ${[...by, ...['bits', ...tails].map(name => `${name} & ${mask} AS ${name}`)].join(', ')}
      FROM ${source} WHERE block BETWEEN ${lowBlock} AND ${highBlock}`,
  ]
  if (bounds.carry) {
    const carried = String(bounds.first - 1n)
    const columns = [
      ...keys,
      'item',
      `${blockOf(carried)} AS block`,
      `${bitOf(carried)} AS bits`,
      ...tails.map(name => `0 AS ${name}`),
    ]
    parts.push(
      `SELECT ${columns.join(', ')} FROM ${source} WHERE block < ${lowBlock} OR (block = ${lowBlock} AND bits & ~${from}::BIGINT <> 0)`,
    )
  }
  const merged = ['bits', ...tails].map(name => `bit_or(${name})::BIGINT AS ${name}`)
  return `SELECT ${[...by, ...merged].join(', ')} FROM (${parts.join(' UNION ALL ')}) GROUP BY ${by.join(', ')} HAVING bit_or(bits) <> 0`
}

/** Blocks of several tile sets as one, all of them. */
export function mergedBlocksSql(shape: Shape, sets: readonly TileSet[], partial: PartialAggregate): string {
  const by = [...shape.keys, 'item', 'block']
  const merged = ['bits', ...tailsOf(shape, partial).map(tail => tailName(partial, tail))].map(
    name => `bit_or(${name})::BIGINT AS ${name}`,
  )
  return `SELECT ${[...by, ...merged].join(', ')} FROM ${partSql(sets, itemsPart(partial))!} GROUP BY ${by.join(', ')}`
}

/** Steps per entity and cutoff, one column for each window over `partial`, from the table of its item blocks. */
export function distinctStepsSql(shape: Shape, partial: PartialAggregate, blocks: string): string {
  const { keys } = shape
  const windows = windowsOf(shape, partial)
  const by = keys.join(', ')
  const sums = windows.map(({ name }) => `sum(${name})::BIGINT AS ${name}`)
  return `WITH entities AS MATERIALIZED (SELECT ${by}, row_number() OVER () AS e FROM (SELECT DISTINCT ${by} FROM ${blocks})),
    numbered AS MATERIALIZED (${neighboursSql(shape, partial, blocks)}),
    lives AS (${livesSql(shape, partial)}),
    steps AS (SELECT ${['e', 'j', ...sums].join(', ')} FROM (${stepsSql(partial, windows)}) GROUP BY e, j)
    SELECT ${[by, `j - ${SHIFT} AS i`, ...windows.map(({ name }) => name)].join(', ')} FROM steps JOIN entities USING (e)`
}

/** Blocks with what their neighbours of the same item tell: the last tile before, and whether there is one after. */
function neighboursSql(shape: Shape, partial: PartialAggregate, blocks: string): string {
  const by = shape.keys.join(', ')
  const last = `block * ${BLOCK} + ${highestBit('bits')}`
  const tails = tailsOf(shape, partial).map(tail => tailName(partial, tail))
  const columns = [
    ...['e', 'block', 'bits', ...tails],
    `lag(${last}) OVER item AS before`,
    ...tails.map(tail => `lag((${tail} >> ${highestBit('bits')}) & 1) OVER item AS before_${tail}`),
    'lead(block) OVER item IS NULL AS is_last',
  ]
  return `SELECT ${columns.join(', ')} FROM ${blocks} JOIN entities USING (${by})
    WINDOW item AS (PARTITION BY e, item ORDER BY block)`
}

/** A row for each item and tile `j` with the tile before, `previous`, and whether there is none after, `final`. */
function livesSql(shape: Shape, partial: PartialAggregate): string {
  const tails = tailsOf(shape, partial).map(tail => tailName(partial, tail))
  const lower = '(bits & ((1::BIGINT << b) - 1))'
  const previous = `CASE WHEN ${lower} <> 0 THEN block * ${BLOCK} + ${highestBit(lower)} ELSE before END`
  const columns = [
    ...['e', `block * ${BLOCK} + b AS j`, `${previous} AS previous`, 'is_last AND bits >> (b + 1) = 0 AS final'],
    ...tails.map(tail => `(${tail} >> b) & 1 AS ${tail}`),
    ...tails.map(
      tail => `CASE WHEN ${lower} <> 0 THEN (${tail} >> ${highestBit(lower)}) & 1 ELSE before_${tail} END AS previous_${tail}`,
    ),
  ]
  const select = `SELECT ${columns.join(', ')} FROM`
  // Most blocks of rare items hold one tile, and need not be looked at bit by bit.
  return `${select} (SELECT *, ${highestBit('bits')} AS b FROM numbered WHERE bit_count(bits) = 1)
    UNION ALL ${select} numbered, (SELECT range AS b FROM range(${BLOCK})) WHERE bit_count(bits) > 1 AND (bits >> b) & 1 = 1`
}

/** The position of the highest bit of a word that has one; exact, since a block's word is below 2^32. */
const highestBit = (bits: string): string => `floor(log2((${bits})::DOUBLE))::BIGINT`

/** One row for each step of some window, before they are summed. */
function stepsSql(partial: PartialAggregate, windows: readonly PartialWindow[]): string {
  const begun = windows.map(window => begins(partial, window))
  const starts = begun.map((condition, at) => `(${condition})::BIGINT AS ${windows[at]!.name}`)
  const steps = [`SELECT ${['e', 'j', ...starts].join(', ')} FROM lives WHERE ${begun.join(' OR ')}`]
  for (const [at, window] of windows.entries()) {
    const { whole, tail } = window.window
    if (whole === 'lifetime') continue
    const fall = windows.map(other => (other === window ? '-1' : '0')).join(', ')
    const name = tailName(partial, tail)
    if (whole === 0n) {
      steps.push(`SELECT e, j + 1, ${fall} FROM lives WHERE ${begun[at]}`)
      continue
    }
    const ended = `previous IS NOT NULL AND ${begun[at]}`
    steps.push(`SELECT e, ${lastAlive(window, 'previous', `previous_${name}`)} + 1, ${fall} FROM lives WHERE ${ended}`)
    steps.push(`SELECT e, ${lastAlive(window, 'j', name)} + 1, ${fall} FROM lives WHERE final`)
  }
  return steps.join(' UNION ALL ')
}

/** Whether a life of the item begins with this tile: none reaches or touches it from the tile before. */
function begins(partial: PartialAggregate, window: PartialWindow): string {
  const { whole, tail } = window.window
  if (whole === 'lifetime') return 'previous IS NULL'
  // Shorter than a tile: alive at one cutoff only, or never.
  if (whole === 0n) return `${tailName(partial, tail)} = 1`
  return `(previous IS NULL OR j > ${lastAlive(window, 'previous', `previous_${tailName(partial, tail)}`)} + 1)`
}

/** The last cutoff at which the item of tile `tile` is alive. */
function lastAlive({ window }: PartialWindow, tile: string, inTail: string): string {
  const whole = (window.whole as bigint) - 1n
  return window.tail === 0n ? `(${tile} + ${whole})` : `(${tile} + ${whole} + ${inTail})`
}
