/** Text of other people's data, made safe for a terminal: what would move its cursor, colour it or turn its direction is spelled. */

const SPELLED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

// Control characters of both blocks, separators of lines, and marks and overrides of direction.
const UNSAFE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** In one line. */
export function printable(text: string): string {
  return text.replace(UNSAFE, spelled)
}

/** Line feeds stay. */
export function printableLines(text: string): string {
  return text.replace(UNSAFE, sign => (sign === '\n' ? sign : spelled(sign)))
}

function spelled(sign: string): string {
  const code = sign.codePointAt(0)!
  return SPELLED[sign] ?? (code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`)
}
