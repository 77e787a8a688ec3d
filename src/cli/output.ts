/** Results to stdout, everything else to stderr. */

import { isAbsolute, relative } from 'node:path'
import { styleText } from 'node:util'
import type { Value } from '../domain/columnType.ts'
import { grouped } from '../domain/numberText.ts'
import type { Instant } from '../domain/time.ts'
import { formatInstant } from '../domain/time.ts'
import { printable } from './printable.ts'

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** One JSON document a line; 64-bit integers in exact digits. */
export function printJson(value: unknown): void {
  printLine(plainText(value) ?? jsonText(value))
}

/** Undefined where a bigint is among the members. */
function plainText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

export function jsonText(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Bold on a terminal. */
export function strong(text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return stream.isTTY ? styleText('bold', text, { stream }) : text
}

/** Columns aligned: numbers to the right, the rest to the left. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[], right: ReadonlySet<number>): string {
  const widths = columnWidths(header, rows)
  return [strong(alignedLine(header, widths, right)), ...rows.map(row => alignedLine(row, widths, right))].join('\n')
}

export function columnWidths(header: readonly string[], rows: readonly (readonly string[])[]): number[] {
  return header.map((name, at) => rows.reduce((widest, row) => Math.max(widest, row[at]!.length), name.length))
}

export function alignedLine(cells: readonly string[], widths: readonly number[], right: ReadonlySet<number>): string {
  const padded = cells.map((cell, at) => (right.has(at) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
  return padded.join('  ').trimEnd()
}

/** `1 file`, `2,000 files`. */
export const counted = (count: number, noun: string): string => `${number(count)} ${noun}${count === 1 ? '' : 's'}`

export const number = grouped

/** Paths below the current folder are shown from there, and what lies elsewhere as it is called. */
export function pathText(path: string): string {
  if (!isAbsolute(path)) return path
  const below = relative(process.cwd(), path)
  return below === '' || below.startsWith('..') ? path : below
}

/** A terminal's line is not wrapped. */
export function clipped(text: string, longest: number): string {
  const width = process.stdout.isTTY ? Math.min(process.stdout.columns, longest) : longest
  return text.length > width ? `${text.slice(0, width - 3)}...` : text
}

export function bytes(size: number): string {
  if (size < 1e3) return `${Math.round(size)} B`
  const exponent = Math.min(3, Math.floor(Math.log10(size) / 3))
  return `${(size / 1e3 ** exponent).toPrecision(3)} ${['B', 'kB', 'MB', 'GB'][exponent]}`
}

export const instantOrNull = (instant: Instant | undefined): string | null =>
  instant === undefined ? null : formatInstant(instant)

/** A value as `read` shows it in a table. */
export function cellText(value: Value, isInstant: boolean): string {
  if (value === null) return ''
  if (isInstant) return formatInstant(value as bigint).replace(/\.000000Z$/, 'Z')
  if (typeof value === 'string') return printable(value)
  return typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(6))) : String(value)
}
