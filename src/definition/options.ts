/** Options objects that people write: unknown members, names and words. */
import { nearest } from '../domain/nearest.ts'

/** Members of `options` that no option is called. A mistyped option would else be left out in silence. */
export function unknownOptions(options: object, known: readonly string[]): string[] {
  return Object.keys(options).filter(option => !known.includes(option))
}

/** Names become names of folders, and these have an end. */
const LONGEST = 100

/** Of a feature set or a source. */
export const isName = (name: unknown): name is string =>
  typeof name === 'string' && name.length <= LONGEST && /^[a-z][a-z0-9_]*$/.test(name)

/** A value that is written where it does not belong, as a message shows it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > LONGEST ? `${value.slice(0, 40)}...` : value
  try {
    return typeof value === 'object' && value !== null ? (JSON.stringify(value) ?? typeof value).slice(0, LONGEST) : String(value)
  } catch {
    return typeof value
  }
}

/** How to name it instead. */
export function nameHint(wrong: unknown): string {
  const rule = 'Names begin with a letter and hold a-z, 0-9 and _.'
  if (typeof wrong === 'string' && wrong.length > LONGEST)
    return `It has ${wrong.length} characters; at most ${LONGEST} are allowed.`
  const close = String(wrong)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
  return typeof wrong === 'string' && close !== '' ? `${rule} Write \`${close}\`.` : rule
}

/** One of some words; `usual` where it is left out, or is none of them. */
export function choice<const T extends string>(
  part: string,
  given: unknown,
  words: readonly T[],
  usual: NoInfer<T>,
  fault: (part: string, message: string, hint: string) => void,
): T {
  if (given === undefined) return usual
  const found = words.find(word => word === given)
  if (found === undefined) fault(part, `cannot be \`${shown(given)}\``, `Write ${listed(words)}.`)
  return found ?? usual
}

const listed = (words: readonly string[]): string => {
  const quoted = words.map(word => `'${word}'`)
  return quoted.length === 1 ? quoted[0]! : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
}

/** An object of options within options; undefined where it is none. Its values are not shown: one of them may be a secret. */
export function members(
  part: string,
  given: unknown,
  known: readonly string[],
  fault: (part: string, message: string, hint: string) => void,
): Record<string, unknown> | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    fault(part, 'is no object of options', `Its options are ${known.join(', ')}.`)
    return undefined
  }
  for (const option of unknownOptions(given, known)) fault(`${part}.${option}`, 'there is no such option', nearest(option, known))
  return given as Record<string, unknown>
}
