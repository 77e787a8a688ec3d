/** JavaScript regular expressions in RE2's dialect, where both provably mean the same. */

/**
 * RE2's text for a JavaScript expression; undefined where the two could differ: look-around, back references, `\b`, unicode
 * classes, any flag, characters outside ASCII (without the u flag JavaScript sees them as one or two code units).
 */
export function toRe2({ source, flags }: RegExp): string | undefined {
  if (flags !== '') return undefined
  let out = ''
  let at = 0
  while (at < source.length) {
    const token = nextToken(source.slice(at))
    if (token === undefined) return undefined
    out += token.re2
    at += token.length
  }
  return out
}

interface Token {
  re2: string
  length: number
}

const SPACE = '\\t\\n\\x0b\\f\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}'

function nextToken(rest: string): Token | undefined {
  const shorthand = /^\\([dDwW])/.exec(rest)
  if (shorthand) {
    // A negated class takes one code unit in JavaScript and a whole character here.
    return shorthand[1] === 'd' || shorthand[1] === 'w' ? { re2: shorthand[0], length: 2 } : undefined
  }
  if (rest.startsWith('\\s')) return { re2: `[${SPACE}]`, length: 2 }
  const literal = /^\\([-/^$.*+?()[\]{}|\\])/.exec(rest)
  if (literal)
    return {
      re2: literal[1] === '/' || literal[1] === '-' ? `\\x{${literal[1].charCodeAt(0).toString(16)}}` : literal[0],
      length: 2,
    }
  const control = /^\\([tnrf])/.exec(rest)
  if (control) return { re2: control[0], length: 2 }
  if (rest.startsWith('[')) return classToken(rest)
  const group = /^(\(\?:|\((?!\?)|\)|\||\^|\$)/.exec(rest)
  // In RE2 `$` without the m flag is the end of the text, as in JavaScript.
  if (group) return { re2: group[0], length: group[0].length }
  const quantifier = /^([*+?]|\{(\d{1,3})(,(\d{1,3})?)?\})\??/.exec(rest)
  if (quantifier) return { re2: quantifier[0], length: quantifier[0].length }
  const plain = /^[A-Za-z0-9 !"#%&',\-/:;<=>@_`~]/.exec(rest)
  return plain ? { re2: plain[0], length: 1 } : undefined
}

/** A positive class of ASCII characters, ranges, `\d` and `\w`. */
function classToken(rest: string): Token | undefined {
  const match = /^\[((?:[A-Za-z0-9 !"#%&'(),./:;<=>@_`~*+?{}|$-]|\\[dw\-\]\\/.^$*+?()[{}|])+)\]/.exec(rest)
  if (!match) return undefined
  const body = match[1]!.replace(/\\\//g, '/').replace(/\[/g, '\\[')
  return { re2: `[${body.replace(/\\\\\[/g, '\\[')}]`, length: match[0].length }
}
