/** Rows that need no judge. */
import type { Value } from '../domain/columnType.ts'
import type { RowSchema } from '../domain/schema.ts'
import { readerOf } from './columns.ts'
import { ConstantReader } from './constantReader.ts'
import type { FieldReader, Reading, Role } from './fieldReader.ts'
import { ABSENT } from './fieldReader.ts'
import { InstantBytes } from './instantBytes.ts'
import { JsonBytes } from './jsonBytes.ts'
import { Keys } from './keys.ts'
import type { RowColumns } from './rowColumns.ts'
import { ZodReader } from './zodReader.ts'

/** What a row asks of its fields beside the schema. */
export interface RowRoles {
  /** Of times that carry no offset. */
  zone: string | undefined
  /** `unit`: of a number, in microseconds. */
  eventTime: { column: string; unit: number | undefined }
  knownTime: string | undefined
  /** Columns that must not be null. */
  keys: readonly string[]
}

const FIRST_BYTES = 2 ** 16

/** Rows are tried in groups of this size. Where more of one fail than may, the next are not tried, for longer each time. */
const GROUP = 512
const MOST_FAILED = 320
const FIRST_REST = 4096
const LONGEST_REST = 65_536

/** A value at a time zod takes longer than a row at a time, if these are many. */
const MOST_BY_ZOD = 200

export class FastLane {
  readonly input = new JsonBytes(FIRST_BYTES)
  readonly #reading: Reading
  readonly #schema: RowSchema
  readonly #roles: RowRoles
  readonly #columns: RowColumns
  /** zod would take a column called `constructor` for present, if rows inherited what objects do. */
  readonly #inherits: boolean
  #keys: Keys | undefined
  #folder: ReadonlyMap<string, Value> | undefined
  #row = 0
  #tried = 0
  #failed = 0
  #rest = 0
  #nextRest = FIRST_REST

  constructor(schema: RowSchema, roles: RowRoles, columns: RowColumns) {
    this.#reading = { input: this.input, instant: new InstantBytes(), zone: roles.zone, shows: schema.wholeRow !== undefined }
    this.#schema = schema
    this.#inherits = schema.fields.some(({ name }) => name in {})
    this.#roles = roles
    this.#columns = columns
  }

  open(folder: ReadonlyMap<string, Value> | undefined): void {
    // Files of no folders share their readers, which have learned what rows look like.
    if (this.#keys && this.#folder?.size === 0 && folder?.size === 0) return
    this.#folder = folder
    const isJudgedWhole = this.#reading.shows && folder && folder.size > 0
    this.#keys = folder && !isJudgedWhole ? this.#keysOf(folder) : undefined
  }

  #keysOf(folder: ReadonlyMap<string, Value>): Keys | undefined {
    const { fields, extra } = this.#schema
    const readers = new Map<string, FieldReader>()
    for (const [at, field] of fields.entries()) {
      const column = this.#columns.fields[at]!
      const role = this.#roleOf(field.name)
      const value = folder.get(field.name)
      if (value === undefined) readers.set(field.name, readerOf(this.#reading, field, column, role))
      else if (role.required) return undefined
      else readers.set(field.name, new ConstantReader(this.#reading, field, { column, role, value }))
    }
    if ([...readers.values()].filter(reader => reader instanceof ZodReader).length > MOST_BY_ZOD) return undefined
    return new Keys(this.input, readers, extra.kind === 'ignored')
  }

  #roleOf(name: string): Role {
    const { eventTime, knownTime, keys } = this.#roles
    const isTime = name === eventTime.column
    const isKnown = name === knownTime
    const times = [...(isTime ? [this.#columns.time] : []), ...(isKnown ? [this.#columns.known] : [])]
    return { times, unit: isTime ? eventTime.unit : undefined, required: times.length > 0 || keys.includes(name) }
  }

  /** Whether the next row is to be tried. */
  get isOpen(): boolean {
    if (!this.#keys) return false
    if (this.#rest === 0) return true
    this.#rest--
    return false
  }

  /** Appends the row that begins at `p`, and answers where the next one does; -1 where it is left as if it had never been. */
  row(p: number): number {
    const before = this.#columns.rows
    let next = this.#read(p)
    if (next >= 0 && this.#reading.shows && !this.#passesWhole()) next = -1
    if (next < 0) {
      this.#failed++
      this.#columns.undo(before)
    }
    if (++this.#tried === GROUP) {
      const isHopeless = this.#failed > MOST_FAILED
      this.#rest = isHopeless ? this.#nextRest : 0
      this.#nextRest = isHopeless ? Math.min(2 * this.#nextRest, LONGEST_REST) : FIRST_REST
      this.#tried = 0
      this.#failed = 0
    }
    return next
  }

  /** Whether zod accepts the row that was read, as it sees it, and keeps of it what the columns hold. */
  #passesWhole(): boolean {
    const shown: Record<string, unknown> = this.#inherits ? Object.create(null) : {}
    const { fields } = this.#keys!
    for (const { name, reader, row } of fields) if (row === this.#row && reader!.shown !== ABSENT) shown[name] = reader!.shown
    const { acceptsWhole } = this.#schema
    if (acceptsWhole) {
      if (!acceptsWhole(shown)) return false
      // A function may have changed the row that it was given.
      for (const { name, reader, row } of fields)
        if (shown[name] !== (row === this.#row && reader!.shown !== ABSENT ? reader!.shown : undefined)) return false
      return true
    }
    const output = this.#schema.output(shown)
    if (output === undefined) return false
    // Of several objects the one that accepts the row may lack a column that another has.
    for (const name in shown) if (!Object.hasOwn(output, name) || output[name] === undefined) return false
    return true
  }

  #read(p: number): number {
    const keys = this.#keys!
    const row = ++this.#row
    let previous = keys.start
    let found = 0
    for (;;) {
      const link = keys.follow(previous, p)
      if (link === undefined) return -1
      p += link.length
      const { key } = link
      if (key === undefined) break
      // Of a repeated key the last counts, to JSON.parse.
      if (key.row === row) return -1
      key.row = row
      const { reader } = key
      if (reader === undefined) p = this.input.valueEnd(p)
      else {
        p = reader.read(p)
        found++
      }
      if (p < 0) return -1
      previous = key
    }
    const { fields } = keys
    if (found < fields.length) {
      for (const key of fields) if (key.row !== row && !key.reader!.absent()) return -1
    }
    if (this.#roles.knownTime === undefined) this.#columns.known.appendNull()
    return p
  }
}
