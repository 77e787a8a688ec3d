/** Fields of text. */
import type { Field, Step } from '../domain/schema.ts'
import { parseInstant } from '../domain/time.ts'
import { datetimeRule } from './datetimePattern.ts'
import type { Reading, Role } from './fieldReader.ts'
import { FieldReader, putReadTime, putTime } from './fieldReader.ts'
import type { TextColumn } from './textColumn.ts'
import { TextMemory } from './textMemory.ts'
import type { TextRule } from './textSteps.ts'
import { lengthsOf, textRule } from './textSteps.ts'

const QUOTE = 0x22

/** Undefined where a step is none of a text's. */
export function textReader(
  reading: Reading,
  field: Field,
  steps: readonly Step[],
  to: { column: TextColumn; role: Role },
): FieldReader | undefined {
  const rule = textRule(steps)
  if (!rule) return undefined
  if (to.role.times.length > 0) return new InstantTextReader(reading, field, { ...to, rule, steps })
  const lengths = lengthsOf(steps)
  if (lengths) return new PlainTextReader(reading, field, { ...to, rule, lengths })
  return new TextReader(reading, field, { ...to, rule })
}

interface Target {
  column: TextColumn
  role: Role
  rule: TextRule
}

abstract class AnyTextReader extends FieldReader {
  protected readonly column: TextColumn
  protected readonly rule: TextRule

  constructor(reading: Reading, field: Field, { column, role, rule }: Target) {
    super(reading, field, column, role)
    this.column = column
    this.rule = rule
  }

  /** The content with its escapes resolved; undefined where it is no text that UTF-8 can hold. */
  protected unescaped(from: number, to: number): string | undefined {
    const text = JSON.parse(this.input.bytes.toString('utf8', from - 1, to + 1)) as string
    this.shown = text
    return text.isWellFormed() && !text.includes('\0') ? text : undefined
  }

  protected putRuled(text: string | undefined): boolean {
    const ruled = text === undefined ? undefined : this.rule(text)
    if (ruled === undefined) return false
    this.column.putText(ruled)
    return true
  }
}

/** Whose length alone is judged, if anything is. */
class PlainTextReader extends AnyTextReader {
  readonly #min: number
  readonly #max: number
  readonly #any: boolean

  constructor(reading: Reading, field: Field, target: Target & { lengths: { min: number; max: number } }) {
    super(reading, field, target)
    this.#min = target.lengths.min
    this.#max = target.lengths.max
    this.#any = this.#min === 0 && this.#max === Number.POSITIVE_INFINITY
  }

  read(p: number): number {
    const { input } = this
    if (input.bytes[p] !== QUOTE) return this.readNull(p)
    const from = p + 1
    const to = input.stringEnd(from)
    if (to < 0) return -1
    if (input.hasEscapes) return this.putRuled(this.unescaped(from, to)) ? to + 1 : -1
    const length = to - from
    if (!this.#any && !(input.isAscii && length >= this.#min && length <= this.#max)) {
      if (input.isAscii || this.rule(input.text(from, to)) === undefined) return -1
    }
    this.column.putBytes(input, from, to)
    if (this.shows) this.shown = input.text(from, to)
    return to + 1
  }
}

/** Whose rule needs the text itself, or what a text of the same bytes came out as before. */
class TextReader extends AnyTextReader {
  readonly #memory = new TextMemory()

  read(p: number): number {
    const { input } = this
    if (input.bytes[p] !== QUOTE) return this.readNull(p)
    const from = p + 1
    const to = input.stringEnd(from)
    if (to < 0) return -1
    if (input.hasEscapes) return this.putRuled(this.unescaped(from, to)) ? to + 1 : -1
    if (this.shows) this.shown = input.text(from, to)
    const slot = this.#memory.slotOf(input, from, to)
    if (slot >= 0 && this.#memory.holds(slot, input, from, to)) {
      const changed = this.#memory.changed[slot]
      if (changed === undefined) this.column.putBytes(input, from, to)
      else this.column.putText(changed)
      return to + 1
    }
    const text = input.text(from, to)
    const ruled = this.rule(text)
    if (ruled === undefined) return -1
    if (ruled === text) this.column.putBytes(input, from, to)
    else this.column.putText(ruled)
    if (slot >= 0) this.#memory.keep(slot, input, { from, to, changed: ruled === text ? undefined : ruled })
    return to + 1
  }
}

/** A text that serves as a time. */
class InstantTextReader extends AnyTextReader {
  readonly #instant: Reading['instant']
  /** Whether the rule accepts each instant of the usual form, by its digits after the second. */
  readonly #accepts: ReturnType<typeof datetimeRule>

  constructor(reading: Reading, field: Field, target: Target & { steps: readonly Step[] }) {
    super(reading, field, target)
    this.#instant = reading.instant
    this.#accepts = datetimeRule(target.steps)
  }

  read(p: number): number {
    const { input } = this
    const instant = this.#instant
    if (input.bytes[p] !== QUOTE) return this.readNull(p)
    const from = p + 1
    const to = input.stringEnd(from)
    if (to < 0 || input.hasEscapes) return -1
    if (this.shows) this.shown = input.text(from, to)
    const isUsual = instant.read(input.bytes, input.view, from, to)
    if (isUsual && this.#accepts?.(instant)) {
      if (!putReadTime(this.role.times, instant)) return -1
      this.column.putBytes(input, from, to)
      return to + 1
    }
    const ruled = this.rule(input.text(from, to))
    if (ruled === undefined || !putTime(this.role.times, parseInstant(ruled))) return -1
    this.column.putText(ruled)
    return to + 1
  }
}
