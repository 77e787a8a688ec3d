/** The members of a JSON object as the text has them, so that what is not looked at stays as it was written. */

/** Of the text of an object that is well-formed. Of members of one name the last, as for JSON.parse. */
export function membersOf(text: string): Map<string, string> {
  const members = new Map<string, string>()
  let at = afterSpace(text, afterSpace(text, 0) + 1)
  while (text[at] !== '}') {
    const nameEnd = stringEnd(text, at)
    const name: string = JSON.parse(text.slice(at, nameEnd))
    const from = afterSpace(text, afterSpace(text, nameEnd) + 1)
    const to = valueEnd(text, from)
    members.set(name, text.slice(from, to))
    at = afterSpace(text, to)
    if (text[at] === ',') at = afterSpace(text, at + 1)
  }
  return members
}

/** The items of the text of an array that is well-formed. */
export function itemsOf(text: string): string[] {
  const items: string[] = []
  let at = afterSpace(text, afterSpace(text, 0) + 1)
  while (text[at] !== ']') {
    const to = valueEnd(text, at)
    items.push(text.slice(at, to))
    at = afterSpace(text, to)
    if (text[at] === ',') at = afterSpace(text, at + 1)
  }
  return items
}

export const isObjectText = (text: string | undefined): text is string => text !== undefined && /^[ \t\r\n]*\{/.test(text)

const QUOTE = 0x22
const BACKSLASH = 0x5c

function afterSpace(text: string, at: number): number {
  for (;;) {
    const c = text.charCodeAt(at)
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return at
    at++
  }
}

/** Of a string that begins at `at`. */
function stringEnd(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end + 1
  }
}

/** Of a value that begins at `at`. */
function valueEnd(text: string, at: number): number {
  let depth = 0
  for (;;) {
    const c = text.charCodeAt(at)
    if (c === QUOTE) at = stringEnd(text, at)
    else if (c === 0x7b || c === 0x5b) {
      depth++
      at++
    } else if (c === 0x7d || c === 0x5d) {
      depth--
      at++
    } else if (depth > 0) at++
    else return scalarEnd(text, at)
    if (depth === 0) return at
  }
}

const SCALAR = /[-+.\w]*/y

function scalarEnd(text: string, at: number): number {
  SCALAR.lastIndex = at
  SCALAR.test(text)
  return SCALAR.lastIndex
}
