/** The order of keys in a listing, which is that of their UTF-8 bytes. */
export function byKey(a: string, b: string): number {
  if (SURROGATES.test(a) || SURROGATES.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : a > b ? 1 : 0
}

/** Where there is none the order of UTF-16 is the same. */
const SURROGATES = /[\ud800-\udfff]/
