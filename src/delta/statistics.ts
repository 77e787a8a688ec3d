/** A file's statistics as Delta's text, and back. */
import type { ColumnStatistics, TableColumn } from '../domain/tableStore.ts'
import { floorDiv, formatInstant, parseInstant } from '../domain/time.ts'
import { parse, stringify } from './exactJson.ts'

/**
 * Statistics are for the first columns only: in a wide table they would outgrow the data. An archive's own columns come last, and are what
 * its files are told apart by.
 */
const COLUMNS = 32
const isTold = ({ name }: TableColumn, at: number): boolean => at < COLUMNS || name.startsWith('_')
const TEXT_LENGTH = 32

type Bound = ColumnStatistics['min']
type JsonBound = string | number | bigint | boolean

export function statsText(rows: number, columns: readonly TableColumn[], statistics: Record<string, ColumnStatistics>): string {
  const minValues: Record<string, JsonBound> = {}
  const maxValues: Record<string, JsonBound> = {}
  const nullCount: Record<string, number> = {}
  for (const { name, type } of columns.filter(isTold)) {
    const known = statistics[name]
    if (!known) continue
    nullCount[name] = known.nullCount
    const min = bound(type.kind, known.min, 'min')
    const max = bound(type.kind, known.max, 'max')
    if (min !== undefined) minValues[name] = min
    if (max !== undefined) maxValues[name] = max
  }
  return stringify({ numRecords: rows, minValues, maxValues, nullCount })
}

function bound(kind: TableColumn['type']['kind'], value: Bound | undefined, side: 'min' | 'max'): JsonBound | undefined {
  if (value === undefined) return undefined
  switch (kind) {
    case 'timestamp': {
      // Readers know milliseconds: the range must not become narrower than it is.
      const millis = floorDiv((value as bigint) + (side === 'max' ? 999n : 0n), 1000n)
      return formatInstant(millis * 1000n).replace(/000Z$/, 'Z')
    }
    case 'string':
      return textBound(value as string, side)
    case 'decimal':
      return String(value).replace(/[-.]/g, '').length <= 15 ? Number(value) : undefined
    case 'boolean':
      return undefined
    default:
      return value
  }
}

/** A prefix is a lower bound; an upper one must sort after all that begins with it, or is left out. */
function textBound(text: string, side: 'min' | 'max'): string | undefined {
  const characters = [...text]
  if (characters.length <= TEXT_LENGTH) return text
  const prefix = characters.slice(0, TEXT_LENGTH)
  if (side === 'min') return prefix.join('')
  const last = prefix.pop()!.codePointAt(0)!
  const next = last + 1
  return next >= 0xd800 && next <= 0xdfff ? undefined : next > 0x10ffff ? undefined : prefix.join('') + String.fromCodePoint(next)
}

interface Stats {
  numRecords: number
  minValues?: Record<string, JsonBound>
  maxValues?: Record<string, JsonBound>
  nullCount?: Record<string, number>
}

/** How many rows a file's statistics tell of. */
export function rowsOf(text: string | undefined): number {
  if (!text) return 0
  const [, first] = /^{"numRecords":(\d+)/.exec(text) ?? []
  return first === undefined ? (parse(text) as Stats).numRecords : Number(first)
}

export function parseStats(text: string | undefined, columns: readonly TableColumn[]): Record<string, ColumnStatistics> {
  if (!text) return {}
  const stats = parse(text) as Stats
  const parsed: Record<string, ColumnStatistics> = {}
  for (const { name, type } of columns) {
    if (stats.nullCount?.[name] === undefined) continue
    const min = parseBound(type.kind, stats.minValues?.[name])
    const max = parseBound(type.kind, stats.maxValues?.[name])
    parsed[name] = {
      nullCount: stats.nullCount[name],
      ...(min === undefined ? {} : { min }),
      ...(max === undefined ? {} : { max }),
    }
  }
  return parsed
}

function parseBound(kind: TableColumn['type']['kind'], value: JsonBound | undefined): Bound | undefined {
  if (value === undefined) return undefined
  if (kind === 'timestamp') return parseInstant(String(value))
  return kind === 'int64' ? BigInt(value) : value
}
