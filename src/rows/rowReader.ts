/**
 * NDJSON, read into the columns of a schema.
 *
 * A row is read field by field where it is certain that zod accepts it and gives out just these values; at the first doubt it is
 * left to the judge, which asks zod itself.
 */
import { isUtf8 } from 'node:buffer'
import type { Value } from '../domain/columnType.ts'
import type { Issue, RowSchema } from '../domain/schema.ts'
import { endsWithin, guarded, TIME_LIMIT, TIMEOUT_ISSUE, Timeouts } from '../validation/guard.ts'
import type { RowRoles } from './fastLane.ts'
import { FastLane } from './fastLane.ts'
import type { JsonBytes } from './jsonBytes.ts'
import { RowColumns } from './rowColumns.ts'

/** What the judge makes of a line: a row, a refusal, both where only the key is refused, or nothing of a blank one. */
export interface Judged {
  /** `values` in the order of the fields; the times in microseconds. */
  row?: { values: readonly Value[]; time: bigint; known: bigint | null }
  refused?: { raw: string; issues: Issue[]; refusedByKey?: boolean }
}

/** A line that was refused, counted from 0 in its block. */
export type RefusedLine = NonNullable<Judged['refused']> & { line: number }

/** `isValid`: the line's bytes are UTF-8. What they are not is U+FFFD in the text. */
export type Judge = (text: string, isValid: boolean) => Judged

const LF = 0x0a

export class RowReader {
  readonly columns: RowColumns
  readonly #input: JsonBytes
  readonly #lane: FastLane
  #judge: Judge = () => ({})
  #refused: RefusedLine[] = []
  readonly #timeouts = new Timeouts()
  readonly #isQuick: boolean
  /** Rows that were read without the judge. */
  fastRows = 0

  constructor(schema: RowSchema, roles: RowRoles) {
    this.columns = new RowColumns(schema.fields)
    this.#lane = new FastLane(schema, roles, this.columns)
    this.#input = this.#lane.input
    this.#isQuick = isQuick(schema)
  }

  /** Begins a file. `folder`: values of fields that its folders' names give; undefined where one is refused. */
  open(folder: ReadonlyMap<string, Value> | undefined, judge: Judge): void {
    this.#judge = judge
    this.#lane.open(folder)
  }

  /** Reads whole lines, in pieces; the last may lack its line feed. Answers how many they are, and which were refused. */
  read(...pieces: readonly Buffer[]): { lines: number; refused: RefusedLine[] } {
    const mark = this.columns.mark()
    this.#refused = []
    const length = this.#input.load(pieces)
    const isValid = isUtf8(this.#input.bytes.subarray(0, length))
    let lines = 0
    const all = (): void => {
      for (let p = 0; p < length; lines++) p = this.#line(p, lines, isValid)
    }
    if (this.#isQuick) all()
    else if (!endsWithin(TIME_LIMIT, all)) {
      this.columns.restore(mark)
      this.#refused = []
      lines = this.#readOneByOne(length, isValid)
    }
    return { lines, refused: this.#refused }
  }

  /** Each line may be left at any point and begun again. */
  #readOneByOne(end: number, isValid: boolean): number {
    const starts: number[] = []
    for (let p = 0; p < end; p = this.#lineEnd(p) + 1) starts.push(p)
    let mark = this.columns.mark()
    let refused = 0
    const again = (): void => {
      this.columns.restore(mark)
      this.#refused.length = refused
    }
    const done = (): void => {
      mark = this.columns.mark()
      refused = this.#refused.length
    }
    guarded(
      starts.length,
      line => {
        again()
        this.#line(starts[line]!, line, isValid)
        done()
      },
      line => {
        again()
        this.#refuseTimeout(starts[line]!, line)
        done()
      },
    )
    return starts.length
  }

  #refuseTimeout(p: number, line: number): void {
    this.#timeouts.add()
    this.#refused.push({ line, raw: this.#text(p), issues: [TIMEOUT_ISSUE] })
  }

  /** Answers where the next line begins. */
  #line(p: number, line: number, isValid: boolean): number {
    if (isValid && this.#lane.isOpen) {
      const next = this.#lane.row(p)
      if (next >= 0) {
        this.fastRows++
        return next
      }
    }
    const end = this.#lineEnd(p)
    const bytes = this.#input.bytes.subarray(p, end)
    const { row, refused } = this.#judge(this.#text(p), isValid || isUtf8(bytes))
    if (row) this.columns.append(row.values, row.time, row.known)
    if (refused) this.#refused.push({ line, ...refused })
    return end + 1
  }

  #text(p: number): string {
    return this.#input.bytes.toString('utf8', p, this.#lineEnd(p))
  }

  /** The bytes end with line feeds. */
  #lineEnd(p: number): number {
    return this.#input.bytes.indexOf(LF, p)
  }
}

/**
 * No schema's own function is called and no regular expression of its own runs: nothing can take long, and nobody need watch, which
 * of a small file would be most of the time.
 */
function isQuick({ fields, extra, wholeRow }: RowSchema): boolean {
  const isPlain = fields.every(({ steps, refined }) => steps?.every(({ kind }) => kind !== 'pattern') && refined === undefined)
  return isPlain && extra.kind === 'ignored' && wholeRow === undefined
}
