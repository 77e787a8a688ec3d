/** Values of Parquet's columns: as SQL writes them, and as zod is to see them. */

import type { Random } from './random.ts'
import type { Shape } from './zodColumn.ts'
import type { Seen } from './zodOracle.ts'
import { parseExactly, seenAsDate, seenInJson, seenInText } from './zodOracle.ts'
import type { Sample } from './zodSamples.ts'
import { jsonOf, Raw } from './zodSamples.ts'

export interface Cell {
  sql: string
  seen: (wants: Shape) => Seen
}

interface Physical {
  /** Undefined where the type has no such value. */
  of: (sample: Sample) => Cell | undefined
  edges: Cell[]
}

const textSql = (text: string): string => `('${text.replaceAll("'", "''").replaceAll('\0', "' || chr(0) || '")}')`

function text(value: string): Cell {
  const kept = value.toWellFormed()
  return { sql: textSql(kept), seen: wants => (wants.kind === 'date' ? seenInText(wants, kept) : { value: kept }) }
}

const expects = (wants: Shape, kind: string): boolean =>
  wants.kind === kind || (wants.kind === 'union' && wants.options.some(option => expects(option, kind)))
const onlyBigints = (wants: Shape): boolean => expects(wants, 'bigint') && !expects(wants, 'number')

function integer(value: bigint, type: string): Cell {
  const isSafe = value >= -(2n ** 53n - 1n) && value <= 2n ** 53n - 1n
  return { sql: `(${value})::${type}`, seen: wants => ({ value: onlyBigints(wants) || !isSafe ? value : Number(value) }) }
}

function double(value: number, type: string): Cell {
  const shown = Object.is(value, -0) ? '-0.0' : String(value)
  return {
    sql: type === 'FLOAT' ? `'${shown}'::DOUBLE::FLOAT` : `'${shown}'::DOUBLE`,
    seen: wants => ({ value: onlyBigints(wants) && Number.isInteger(value) ? BigInt(value) : value }),
  }
}

/** `digits`: as many behind the point as the type's scale. */
function decimal(digits: string, type: string): Cell {
  return {
    sql: `'${digits}'::${type}`,
    seen: wants => {
      if (expects(wants, 'number')) return { value: Number(digits) }
      return { value: expects(wants, 'bigint') && /^-?\d+$/.test(digits) ? BigInt(digits) : digits }
    },
  }
}

/** `step`: microseconds that the type tells apart. */
function instant(nanos: bigint, type: string): Cell {
  const micros = (nanos - (((nanos % 1000n) + 1000n) % 1000n)) / 1000n
  const sql =
    type === 'TIMESTAMPTZ'
      ? `make_timestamptz((${micros})::BIGINT)`
      : type === 'TIMESTAMP_NS'
        ? `make_timestamp_ns((${nanos})::BIGINT)`
        : `make_timestamp((${micros})::BIGINT)::${type}`
  return { sql, seen: () => seenAsDate(micros) }
}

const infinite = (type: string): Cell[] =>
  ['infinity', '-infinity'].map(name => ({ sql: `'${name}'::${type}`, seen: () => ({ value: new Date(Number.NaN) }) }))

const integers = (type: string, min: bigint, max: bigint): Physical => ({
  of: sample => {
    if (typeof sample === 'number' && Number.isInteger(sample)) return within(BigInt(sample))
    return typeof sample === 'bigint' ? within(sample) : undefined
    function within(value: bigint): Cell | undefined {
      return value >= min && value <= max ? integer(value, type) : undefined
    }
  },
  edges: [min, max, 0n, 1n, max - 1n, 7n].map(value => integer(value, type)),
})

const SAFE = 2n ** 53n

function decimals(precision: number, scale: number): Physical {
  const type = `DECIMAL(${precision},${scale})`
  const scaled = (unscaled: bigint): Cell => {
    const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
    const sign = unscaled < 0n ? '-' : ''
    const cut = digits.length - scale
    return decimal(scale === 0 ? sign + digits : `${sign}${digits.slice(0, cut)}.${digits.slice(cut)}`, type)
  }
  const most = 10n ** BigInt(precision) - 1n
  return {
    of: sample => {
      if (typeof sample !== 'number' && typeof sample !== 'bigint') return undefined
      if (typeof sample === 'number' && (!Number.isFinite(sample) || Math.abs(sample) > 1e20)) return undefined
      const unscaled =
        typeof sample === 'bigint'
          ? sample * 10n ** BigInt(scale)
          : BigInt(sample.toFixed(Math.min(scale, 20)).replace('.', '')) * 10n ** BigInt(Math.max(0, scale - 20))
      return unscaled <= most && unscaled >= -most ? scaled(unscaled) : undefined
    },
    edges: [most, -most, 0n, 1n, -1n, 5n * 10n ** BigInt(scale), SAFE * 10n ** BigInt(scale) + 1n]
      .filter(unscaled => unscaled <= most)
      .map(scaled),
  }
}

const DAY = 86_400_000_000_000n

/** `step` in nanoseconds: what the type tells apart. */
function instants(type: string, step: bigint, hasInfinity = true): Physical {
  const at = (nanos: bigint): Cell => instant(nanos - (((nanos % step) + step) % step), type)
  const bounded = step === 1n
  return {
    of: sample => {
      const seen = typeof sample === 'string' ? seenInText({ kind: 'date' }, sample) : undefined
      if (seen?.micros === undefined) return undefined
      return bounded && (seen.micros > 2n ** 62n / 1000n || seen.micros < -(2n ** 62n) / 1000n)
        ? undefined
        : at(seen.micros * 1000n + 999n)
    },
    edges: [
      ...[0n, -1n, 1n, -1000n, -999n, -1_000_001n, 1_769_854_830_123_456_789n, 1_769_854_830_122_999_999n, 20_000n * DAY].map(at),
      ...(bounded ? [] : [-62_135_596_800n * 10n ** 9n, 253_402_300_799_999_999_000n, 8_640_000_000_000n * 10n ** 9n].map(at)),
      ...(hasInfinity ? infinite(type) : []),
    ],
  }
}

const TYPES: Record<string, Physical> = {
  VARCHAR: {
    of: sample => (typeof sample === 'string' ? text(sample) : typeof sample === 'object' ? undefined : text(String(sample))),
    edges: ['', ' ', 'a', '0', 'true', '2026-01-31T10:20:30.5Z', '\ufeffa'].map(text),
  },
  UUID: {
    of: sample =>
      typeof sample === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(sample)
        ? { ...text(sample), sql: `'${sample}'::UUID` }
        : undefined,
    edges: ['3fa85f64-5717-4562-b3fc-2c963f66afa6', '00000000-0000-0000-0000-000000000000'].map(id => ({
      ...text(id),
      sql: `'${id}'::UUID`,
    })),
  },
  BOOLEAN: {
    of: sample => (typeof sample === 'boolean' ? truth(sample) : undefined),
    edges: [true, false].map(truth),
  },
  DOUBLE: {
    of: sample =>
      typeof sample === 'number'
        ? double(sample, 'DOUBLE')
        : typeof sample === 'bigint'
          ? double(Number(sample), 'DOUBLE')
          : undefined,
    edges: [0, -0, NaN, Infinity, -Infinity, 5e-324, 2 ** 53 + 2, 1.5, 4e38].map(value => double(value, 'DOUBLE')),
  },
  FLOAT: {
    of: sample => {
      const value = typeof sample === 'number' ? Math.fround(sample) : undefined
      return value === undefined || (!Number.isFinite(value) && Number.isFinite(sample)) ? undefined : double(value, 'FLOAT')
    },
    edges: [0, -0, NaN, Infinity, Math.fround(0.1), 16777216].map(value => double(value, 'FLOAT')),
  },
  TINYINT: integers('TINYINT', -128n, 127n),
  UTINYINT: integers('UTINYINT', 0n, 255n),
  SMALLINT: integers('SMALLINT', -(2n ** 15n), 2n ** 15n - 1n),
  USMALLINT: integers('USMALLINT', 0n, 2n ** 16n - 1n),
  INTEGER: integers('INTEGER', -(2n ** 31n), 2n ** 31n - 1n),
  UINTEGER: integers('UINTEGER', 0n, 2n ** 32n - 1n),
  BIGINT: integers('BIGINT', -(2n ** 63n), 2n ** 63n - 1n),
  UBIGINT: integers('UBIGINT', 0n, 2n ** 64n - 1n),
  'DECIMAL(38,10)': decimals(38, 10),
  'DECIMAL(18,3)': decimals(18, 3),
  'DECIMAL(9,2)': decimals(9, 2),
  'DECIMAL(38,0)': decimals(38, 0),
  'DECIMAL(4,0)': decimals(4, 0),
  TIMESTAMPTZ: instants('TIMESTAMPTZ', 1000n),
  TIMESTAMP: instants('TIMESTAMP', 1000n),
  TIMESTAMP_MS: instants('TIMESTAMP_MS', 1_000_000n, false),
  TIMESTAMP_S: instants('TIMESTAMP_S', 1_000_000_000n, false),
  TIMESTAMP_NS: instants('TIMESTAMP_NS', 1n, false),
  DATE: instants('DATE', DAY),
  JSON: { of: json, edges: ['{}', '[]', '[null]', '{"a":1}', '1', '"a"'].map(jsonCell) },
}

function truth(value: boolean): Cell {
  return { sql: String(value), seen: () => ({ value }) }
}

function json(sample: Sample): Cell | undefined {
  if (sample === null || sample === undefined) return undefined
  const written = jsonOf(sample)
  // What the engine does not take for JSON.
  return written === 'null' || /\\ud[89a-f]|1e400|\\u0000/i.test(written) ? undefined : jsonCell(written)
}

function jsonCell(written: string): Cell {
  return { sql: `${textSql(written)}::JSON`, seen: wants => seenInJson(wants, parseExactly(written)) }
}

const NUMERIC = ['DOUBLE', 'FLOAT', 'TINYINT', 'UTINYINT', 'SMALLINT', 'USMALLINT', 'INTEGER', 'UINTEGER', 'BIGINT', 'UBIGINT']
const DECIMAL = ['DECIMAL(38,10)', 'DECIMAL(18,3)', 'DECIMAL(9,2)', 'DECIMAL(38,0)']
const TIME = ['TIMESTAMPTZ', 'TIMESTAMP', 'TIMESTAMP_MS', 'TIMESTAMP_S', 'TIMESTAMP_NS', 'DATE']

/** The types that may hold what a schema wants, nested values as JSON. */
function typesFor(wants: Shape): string[] {
  if (wants.kind === 'union') return wants.options.flatMap(typesFor)
  if (wants.kind === 'any') return ['VARCHAR', 'DOUBLE', 'BIGINT', 'BOOLEAN', 'JSON', 'TIMESTAMPTZ', 'DECIMAL(18,3)']
  if (wants.kind === 'array' || wants.kind === 'tuple' || wants.kind === 'object') return ['JSON']
  const own = {
    boolean: ['BOOLEAN'],
    string: ['VARCHAR', 'VARCHAR', 'VARCHAR', 'VARCHAR', 'UUID', ...DECIMAL],
    number: ['DOUBLE', 'DOUBLE', 'DOUBLE', ...NUMERIC, ...DECIMAL],
    bigint: [...NUMERIC.slice(2), 'BIGINT', 'UBIGINT', 'DECIMAL(38,0)', 'DECIMAL(4,0)'],
    date: TIME,
  }[wants.kind]
  // A date becomes text by the machine's own zone, which no test shall hang on.
  return wants.coerce
    ? [...own, 'VARCHAR', 'DOUBLE', 'BIGINT', 'BOOLEAN', ...(wants.kind === 'string' ? [] : ['TIMESTAMPTZ'])]
    : own
}

/** A column of a Parquet file. */
export interface PhysicalColumn {
  type: string
  /** What comes nearest to a sample; null for a null. */
  cell: (sample: Sample, pick: number) => Cell | null
}

/** A column of one of the types that may hold what a schema wants. */
export function columnFor(wants: Shape, random: Random): PhysicalColumn {
  // A union of objects cannot be one struct.
  if (wants.kind === 'union' && !('tag' in wants)) return columnFor(random.pick(wants.options), random)
  const nested = random.chance(0.6) ? nestedFor(wants, random) : undefined
  // JSON is a type at the top alone: within others it is text.
  return nested && !nested.type.includes('JSON') ? nested : plainColumn(random.pick(typesFor(wants)))
}

function nestedFor(wants: Shape, random: Random): PhysicalColumn | undefined {
  if (wants.kind === 'array') return list(columnFor(wants.item, random), wants.item)
  if (wants.kind !== 'object') return undefined
  return wants.fields.size > 0 ? struct(wants, random) : map(columnFor(wants.rest!, random), wants.rest!)
}

export function plainColumn(type: string): PhysicalColumn {
  const { of, edges } = TYPES[type]!
  return {
    type,
    cell: (sample, pick) => (sample === null || sample === undefined ? null : (of(sample) ?? edges[pick % edges.length]!)),
  }
}

const sqlOf = (cell: Cell | null): string => cell?.sql ?? 'NULL'
/** Within nested values the engine's client drops a byte order mark at a text's beginning. */
function seenOf(cell: Cell | null, wants: Shape): unknown {
  const value = cell === null ? null : cell.seen(wants).value
  return typeof value === 'string' ? value.replace(/^\ufeff/, '') : value
}

function list({ type, cell }: PhysicalColumn, item: Shape): PhysicalColumn {
  return {
    type: `${type}[]`,
    cell: (sample, pick) => {
      if (sample === null || sample === undefined) return null
      const cells = (Array.isArray(sample) ? sample : [sample]).map(value => cell(value, pick))
      return {
        sql: `[${cells.map(sqlOf).join(', ')}]::${type}[]`,
        seen: () => ({ value: cells.map(each => seenOf(each, item)) }),
      }
    },
  }
}

function struct({ fields, absent }: Shape & { kind: 'object' }, random: Random): PhysicalColumn {
  const members = [...fields].map(([name, wants]) => ({ name, wants, column: columnFor(wants, random) }))
  const type = `STRUCT(${members.map(({ name, column }) => `"${name}" ${column.type}`).join(', ')})`
  return {
    type,
    cell: (sample, pick) => {
      if (sample === null || sample === undefined) return null
      const own = new Map(isObject(sample) ? Object.entries(sample) : [])
      const cells = members.map(member => ({ ...member, cell: member.column.cell(own.get(member.name) ?? null, pick) }))
      return {
        sql: `{${cells.map(member => `'${member.name}': ${sqlOf(member.cell)}`).join(', ')}}::${type}`,
        seen: () => ({
          value: Object.fromEntries(
            cells
              .filter(member => member.cell !== null || !absent.has(member.name))
              .map(member => [member.name, seenOf(member.cell, member.wants)]),
          ),
        }),
      }
    },
  }
}

function map({ type, cell }: PhysicalColumn, rest: Shape): PhysicalColumn {
  return {
    type: `MAP(VARCHAR, ${type})`,
    cell: (sample, pick) => {
      if (sample === null || sample === undefined) return null
      const entries = (isObject(sample) ? Object.entries(sample) : []).map(([key, value]) => [key, cell(value, pick)] as const)
      return {
        sql: `MAP {${entries.map(([key, value]) => `${textSql(key)}: ${sqlOf(value)}`).join(', ')}}::MAP(VARCHAR, ${type})`,
        seen: () => ({ value: Object.fromEntries(entries.map(([key, value]) => [key, seenOf(value, rest)])) }),
      }
    },
  }
}

const isObject = (sample: Sample): sample is { [name: string]: Sample } =>
  typeof sample === 'object' && sample !== null && !Array.isArray(sample) && !(sample instanceof Raw)
