/** JavaScript regular expressions in RE2's dialect, where both provably mean the same. */
import type { Re2 } from '../domain/schema.ts'

interface Context {
  /** Letters match in either case. */
  ignoreCase: boolean
  /** `.` matches line ends too. */
  dotAll: boolean
}

interface Token {
  re2: string
  length: number
  /** It takes one code unit of JavaScript and a whole character here. */
  wide?: boolean
}

/**
 * RE2's form of a JavaScript expression; undefined where the two could differ on any text, or where RE2 has no such thing:
 * look-around, back references, unicode classes, the flags m, y and v, characters outside ASCII, repetitions too large for RE2.
 */
export function toRe2({ source, flags }: RegExp): Re2 | undefined {
  if (/[myv]/.test(flags) || (flags.includes('i') && flags.includes('u'))) return undefined
  const context = { ignoreCase: flags.includes('i'), dotAll: flags.includes('s') }
  let pattern = ''
  let wide = false
  let at = 0
  while (at < source.length) {
    const token = nextToken(source.slice(at), context)
    if (token === undefined) return undefined
    pattern += token.re2
    wide ||= token.wide === true
    at += token.length
  }
  // With the u flag JavaScript goes by characters, too.
  return repeatsTooMuch(pattern) ? undefined : { pattern, basicPlane: wide && !flags.includes('u') }
}

const SPACE = '\\t\\n\\x0b\\f\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}'
const LINE_ENDS = '\\n\\r\\x{2028}\\x{2029}'

const SHORTHANDS: Record<string, Token> = {
  '\\d': { re2: '[0-9]', length: 2 },
  '\\w': { re2: '[0-9A-Za-z_]', length: 2 },
  '\\s': { re2: `[${SPACE}]`, length: 2 },
  '\\D': { re2: '[^0-9]', length: 2, wide: true },
  '\\W': { re2: '[^0-9A-Za-z_]', length: 2, wide: true },
  '\\S': { re2: `[^${SPACE}]`, length: 2, wide: true },
  '\\b': { re2: '\\b', length: 2 },
  '\\B': { re2: '\\B', length: 2 },
}

function nextToken(rest: string, context: Context): Token | undefined {
  const shorthand = SHORTHANDS[rest.slice(0, 2)]
  if (shorthand) return shorthand
  const literal = /^\\([-/^$.*+?()[\]{}|\\])/.exec(rest)
  if (literal) return { re2: character(literal[1]!), length: 2 }
  const control = /^\\([tnrf])/.exec(rest)
  if (control) return { re2: control[0], length: 2 }
  if (rest.startsWith('[')) return classToken(rest, context)
  if (rest.startsWith('.')) return { re2: context.dotAll ? '(?s:.)' : `[^${LINE_ENDS}]`, length: 1, wide: true }
  const group = /^(\(\?:|\((?!\?)|\)|\||\^|\$)/.exec(rest)
  // In RE2 `$` without the m flag is the end of the text, as in JavaScript.
  if (group) return { re2: group[0] === '(' ? '(?:' : group[0], length: group[0].length }
  const quantifier = /^([*+?]|\{(\d{1,3})(,(\d{1,3})?)?\})\??/.exec(rest)
  if (quantifier) return { re2: quantifier[0], length: quantifier[0].length }
  const plain = /^[A-Za-z0-9 !"#%&',\-/:;<=>@_`~]/.exec(rest)?.[0]
  if (plain === undefined) return undefined
  const folded = context.ignoreCase && /[A-Za-z]/.test(plain)
  return { re2: folded ? `[${plain.toLowerCase()}${plain.toUpperCase()}]` : plain, length: 1 }
}

const character = (text: string): string => `\\x{${text.charCodeAt(0).toString(16)}}`

const ESCAPES: Record<string, string> = { t: '\\t', n: '\\n', r: '\\r', f: '\\f', d: '0-9', w: '0-9A-Za-z_', s: SPACE }

/** A class of ASCII characters, ranges of letters or digits, and shorthands. */
function classToken(rest: string, { ignoreCase }: Context): Token | undefined {
  let at = rest[1] === '^' ? 2 : 1
  const negated = at === 2
  let members = ''
  for (;;) {
    const range = /^([A-Za-z0-9])-([A-Za-z0-9])/.exec(rest.slice(at))
    const escaped = /^\\([tnrfdws\-\]\\/.^$*+?()[{}|'"@_,:;!#%&<>=~` ])/.exec(rest.slice(at))
    // The class of everything, which is how JavaScript writes "any character".
    const everything = /^(\\s\\S|\\S\\s|\\d\\D|\\D\\d|\\w\\W|\\W\\w)\]/.exec(rest.slice(at))
    if (rest[at] === ']') break
    if (everything && members === '' && !negated) return { re2: '(?s:.)', length: at + 5, wide: true }
    if (range) {
      if (!isPlainRange(range[1]!, range[2]!)) return undefined
      members += ignoreCase && /[A-Za-z]/.test(range[0]) ? `${range[0].toLowerCase()}${range[0].toUpperCase()}` : range[0]
      at += 3
    } else if (escaped) {
      members += ESCAPES[escaped[1]!] ?? character(escaped[1]!)
      at += 2
    } else {
      const [plain] = /^[A-Za-z0-9 !"#%&'(),./:;<=>@_`~*+?{}|$^-]/.exec(rest.slice(at)) ?? []
      // A dash that is neither first nor last would have to be understood.
      if (plain === undefined || (plain === '-' && members !== '' && rest[at + 1] !== ']')) return undefined
      const folded = ignoreCase && /[A-Za-z]/.test(plain)
      members += folded ? `${plain.toLowerCase()}${plain.toUpperCase()}` : /[A-Za-z0-9]/.test(plain) ? plain : character(plain)
      at += 1
    }
  }
  if (members === '') return undefined
  return { re2: `[${negated ? '^' : ''}${members}]`, length: at + 1, ...(negated ? { wide: true } : {}) }
}

const isPlainRange = (from: string, to: string): boolean =>
  from <= to && [/[A-Z]/, /[a-z]/, /[0-9]/].some(kind => kind.test(from) && kind.test(to))

/** RE2 refuses what comes to more than 1,000 copies of a part. */
function repeatsTooMuch(pattern: string): boolean {
  const counts = [...pattern.matchAll(/(?<!\\x)\{(\d+)(?:,(\d*))?\}/g)].map(([, low, high]) => Math.max(1, Number(high || low)))
  const nested = /\)\{\d/.test(pattern)
  return nested ? counts.reduce((product, count) => product * count, 1) > 1000 : counts.some(count => count > 999)
}
