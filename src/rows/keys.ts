/** The keys of rows, recognised by what stood between the same two values before: programs write each row alike. */
import type { FieldReader } from './fieldReader.ts'
import type { JsonBytes } from './jsonBytes.ts'

const LF = 0x0a
/** Bytes between two values, which are few unless somebody means harm. */
const LONGEST = 1024
/** Different keys that no field has and that are known by name; others are one. */
const MOST_STRANGERS = 1000
const MASKS = [-1, 0xff, 0xffff, 0xffffff]

/** All bytes between two values: `, "delay": ` leads to the key `delay`. */
class Link {
  words = new Int32Array(8)
  /** -1 leads nowhere. */
  length = -1
  /** Undefined at a row's end. */
  key: Key | undefined

  matches({ view }: JsonBytes, p: number): boolean {
    const { words, length } = this
    if (length < 0) return false
    let at = 0
    for (; at < length >> 2; at++) if (view.getInt32(p + 4 * at, true) !== words[at]) return false
    return (length & 3) === 0 || (view.getInt32(p + 4 * at, true) & MASKS[length & 3]!) === words[at]
  }

  set(input: JsonBytes, p: number, to: number, key: Key | undefined): void {
    // Nothing until all is there: this may be left at any point.
    this.length = -1
    this.key = key
    const length = to - p
    const count = (length + 3) >> 2
    if (count > this.words.length) this.words = new Int32Array(2 * count)
    for (let at = 0; at < count; at++) this.words[at] = input.view.getInt32(p + 4 * at, true)
    if ((length & 3) !== 0) this.words[count - 1]! &= MASKS[length & 3]!
    this.length = length
  }
}

export class Key {
  readonly name: string
  readonly bytes: Buffer
  /** Undefined of a key whose value is passed over. */
  readonly reader: FieldReader | undefined
  /** The last row that had it. */
  row = 0
  /** What has followed it last, and before. */
  first = new Link()
  second = new Link()

  constructor(name: string, reader: FieldReader | undefined) {
    this.name = name
    this.bytes = Buffer.from(name)
    this.reader = reader
  }
}

export class Keys {
  /** Before a row's first key. */
  readonly start = new Key('', undefined)
  readonly fields: Key[]
  readonly #input: JsonBytes
  readonly #byHash = new Map<number, Key[]>()
  readonly #takesStrangers: boolean
  #strangers = 0

  constructor(input: JsonBytes, readers: ReadonlyMap<string, FieldReader | undefined>, takesStrangers: boolean) {
    this.#input = input
    this.#takesStrangers = takesStrangers
    const keys = [...readers].map(([name, reader]) => this.#add(new Key(name, reader)))
    this.fields = keys.filter(({ reader }) => reader !== undefined)
  }

  #add(key: Key): Key {
    const hash = hashOf(key.bytes, 0, key.bytes.length)
    this.#byHash.set(hash, [...(this.#byHash.get(hash) ?? []), key])
    return key
  }

  /** What follows `previous` at `p`: undefined where that is no key that is certain to be known, nor the row's end. */
  follow(previous: Key, p: number): Link | undefined {
    const { first, second } = previous
    if (first.matches(this.#input, p)) return first
    if (second.matches(this.#input, p)) return second
    const found = this.#read(previous === this.start, p)
    if (!found || found.to - p > LONGEST) return undefined
    previous.second = first
    previous.first = second
    second.set(this.#input, p, found.to, found.key)
    return second
  }

  #read(isStart: boolean, p: number): { key: Key | undefined; to: number } | undefined {
    const input = this.#input
    const { bytes } = input
    p = input.skipSpace(p)
    const mayEnd = isStart || bytes[p] === 0x7d
    if (isStart ? bytes[p] !== 0x7b : bytes[p] !== 0x2c && !mayEnd) return undefined
    if (isStart || !mayEnd) p = input.skipSpace(p + 1)
    if (mayEnd && bytes[p] === 0x7d) {
      p = input.skipSpace(p + 1)
      return bytes[p] === LF ? { key: undefined, to: p + 1 } : undefined
    }
    if (bytes[p] !== 0x22) return undefined
    const from = p + 1
    const to = input.stringEnd(from)
    if (to < 0 || input.hasEscapes) return undefined
    const key = this.#keyOf(from, to)
    p = input.skipSpace(to + 1)
    if (!key || bytes[p] !== 0x3a) return undefined
    return { key, to: input.skipSpace(p + 1) }
  }

  #keyOf(from: number, to: number): Key | undefined {
    const { bytes } = this.#input
    const known = this.#byHash.get(hashOf(bytes, from, to))
    const key = known?.find(candidate => bytes.compare(candidate.bytes, 0, candidate.bytes.length, from, to) === 0)
    if (key || !this.#takesStrangers) return key
    const name = bytes.toString('utf8', from, to)
    // What JavaScript itself makes of such a key is left to it.
    if (name === '__proto__' || this.#strangers === MOST_STRANGERS) return undefined
    this.#strangers++
    return this.#add(new Key(name, undefined))
  }
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  return hash
}
