/** A field of a schema, read from JSON straight into its column. */
import type { Value } from '../domain/columnType.ts'
import type { Field } from '../domain/schema.ts'
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../domain/time.ts'
import type { ColumnBuilder, Int64Column } from './columnBuilder.ts'
import type { InstantBytes } from './instantBytes.ts'
import type { JsonBytes } from './jsonBytes.ts'
import { NULL } from './jsonBytes.ts'

/** What all readers of a row share. */
export interface Reading {
  input: JsonBytes
  instant: InstantBytes
  zone: string | undefined
  /** Readers tell what zod is shown: a row is then judged as a whole as well. */
  shows: boolean
}

/** What zod is shown of a null that is absence. */
export const ABSENT = Symbol('absent')

/** What a row asks of a field beside the schema. */
export interface Role {
  /** Columns that receive the instant, in microseconds, of one that serves as a time. It must then lie in the years 1 to 9999. */
  times: readonly Int64Column[]
  /** Of a time that is a number: microseconds in its unit. */
  unit: number | undefined
  /** Null is refused, whatever the schema says: in a key, and in a time. */
  required: boolean
}

/**
 * A reader is certain or it gives up: what it appends, zod would have given out. What it gives up on zod judges, with the whole
 * row.
 */
export abstract class FieldReader {
  protected readonly input: JsonBytes
  protected readonly role: Role
  protected readonly shows: boolean
  /** What zod is shown of the last value that was read, where readers are to tell. */
  shown: unknown
  readonly #column: ColumnBuilder
  /** What stands for null and for absence; undefined where it is refused. */
  readonly #ofNull: Value | undefined
  readonly #ofAbsence: Value | undefined
  readonly #shownOfNull: unknown

  constructor({ input, shows }: Reading, field: Field, column: ColumnBuilder, role: Role) {
    this.input = input
    this.shows = shows
    this.#shownOfNull = field.nullable ? null : ABSENT
    this.role = role
    this.#column = column
    const known = (accepted: boolean, value: Value): Value | undefined => {
      if (!accepted || (role.required && value === null) || (role.times.length > 0 && value !== null)) return undefined
      return value
    }
    this.#ofAbsence = known(field.optional, field.whenAbsent)
    // A null is absence where only that is accepted.
    this.#ofNull = field.nullable ? known(true, field.whenNull) : this.#ofAbsence
  }

  /** Reads the value that begins at `p`, and appends it. Answers where it ends; -1 where it gives up. */
  abstract read(p: number): number

  /** Appends what stands for an absent field; false where it gives up. */
  absent(): boolean {
    if (this.#ofAbsence === undefined) return false
    this.#column.append(this.#ofAbsence)
    return true
  }

  /** Of what is no value of the field's type: null, or nothing that is known. */
  protected readNull(p: number): number {
    if (this.#ofNull === undefined || !this.input.isWord(p, NULL)) return -1
    this.#column.append(this.#ofNull)
    this.shown = this.#shownOfNull
    return p + 4
  }
}

/** Appends an instant to the columns of times; false where an event cannot have it. */
export function putTime(times: readonly Int64Column[], instant: bigint | undefined): boolean {
  if (instant === undefined || instant < EARLIEST_INSTANT || instant > LATEST_INSTANT) return false
  for (const time of times) time.append(instant)
  return true
}

/** The same of one that was read from bytes. */
export function putReadTime(times: readonly Int64Column[], instant: InstantBytes): boolean {
  if (!instant.isEventTime) return false
  for (const time of times) time.putSum(instant.seconds, 1e6, instant.micros)
  return true
}
