/** Short texts that a rule has accepted, by their bytes: columns repeat themselves. The newest of a slot stays. */
import type { JsonBytes } from './jsonBytes.ts'

const SLOTS = 1024
const WORDS = 8
const MASKS = [-1, 0xff, 0xffff, 0xffffff]

export class TextMemory {
  readonly #words = new Int32Array(SLOTS * WORDS)
  readonly #lengths = new Int32Array(SLOTS).fill(-1)
  /** What the text came out as, where that is another. */
  readonly changed: (string | undefined)[] = []

  /** -1 of a text that is too long. */
  slotOf({ view }: JsonBytes, from: number, to: number): number {
    const length = to - from
    if (length > 4 * WORDS) return -1
    let hash = length
    const whole = from + (length & ~3)
    for (let p = from; p < whole; p += 4) hash = Math.imul(hash ^ view.getInt32(p, true), 0x9e3779b1)
    if ((length & 3) !== 0) hash = Math.imul(hash ^ (view.getInt32(whole, true) & MASKS[length & 3]!), 0x9e3779b1)
    return (hash >>> 16) & (SLOTS - 1)
  }

  holds(slot: number, { view }: JsonBytes, from: number, to: number): boolean {
    const length = to - from
    if (this.#lengths[slot] !== length) return false
    let at = slot * WORDS
    const whole = from + (length & ~3)
    for (let p = from; p < whole; p += 4) if (view.getInt32(p, true) !== this.#words[at++]) return false
    return (length & 3) === 0 || (view.getInt32(whole, true) & MASKS[length & 3]!) === this.#words[at]
  }

  keep(
    slot: number,
    { view }: JsonBytes,
    { from, to, changed }: { from: number; to: number; changed: string | undefined },
  ): void {
    const length = to - from
    // Nothing until all is there: this may be left at any point.
    this.#lengths[slot] = -1
    let at = slot * WORDS
    const whole = from + (length & ~3)
    for (let p = from; p < whole; p += 4) this.#words[at++] = view.getInt32(p, true)
    if ((length & 3) !== 0) this.#words[at] = view.getInt32(whole, true) & MASKS[length & 3]!
    this.changed[slot] = changed
    this.#lengths[slot] = length
  }
}
