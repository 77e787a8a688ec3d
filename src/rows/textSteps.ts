/** What a schema asks of a text, and makes of it, as one function. */
import type { Step } from '../domain/schema.ts'

/** What the text comes out as; undefined where it is refused. */
export type TextRule = (text: string) => string | undefined

/** Undefined where a step is none of a text's. */
export function textRule(steps: readonly Step[]): TextRule | undefined {
  const rules: TextRule[] = []
  for (const step of steps) {
    const rule = ruleOf(step)
    if (!rule) return undefined
    rules.push(rule)
  }
  if (rules.length === 1) return rules[0]
  return text => {
    let changed: string | undefined = text
    for (let at = 0; at < rules.length && changed !== undefined; at++) changed = rules[at]!(changed)
    return changed
  }
}

function ruleOf(step: Step): TextRule | undefined {
  const passing =
    (passes: (text: string) => boolean): TextRule =>
    text =>
      passes(text) ? text : undefined
  switch (step.kind) {
    case 'minLength':
      return passing(text => lengthOf(text, step.unit) >= step.value)
    case 'maxLength':
      return passing(text => lengthOf(text, step.unit) <= step.value)
    case 'length':
      return passing(text => lengthOf(text, step.unit) === step.value)
    case 'startsWith':
      return passing(text => text.startsWith(step.value))
    case 'endsWith':
      return passing(text => text.endsWith(step.value))
    case 'includes':
      return passing(text => text.includes(step.value, step.from))
    case 'pattern':
      return passing(text => {
        // Where the expression is global, it would go on from where it last matched.
        step.pattern.lastIndex = 0
        return step.pattern.test(text)
      })
    case 'oneOf': {
      const values = new Set<unknown>(step.values)
      return passing(text => values.has(text))
    }
    case 'trim':
      return text => text.trim()
    case 'lowerCase':
      return text => text.toLowerCase()
    case 'upperCase':
      return text => text.toUpperCase()
    case 'normalize':
      return text => text.normalize(step.form)
    default:
      return undefined
  }
}

function lengthOf(text: string, unit: 'codePoint' | 'codeUnit'): number {
  if (unit === 'codeUnit') return text.length
  let length = 0
  for (const _ of text) length++
  return length
}

/** The lengths that pass, where steps ask for nothing else: of ASCII, bytes. */
export function lengthsOf(steps: readonly Step[]): { min: number; max: number } | undefined {
  let [min, max] = [0, Number.POSITIVE_INFINITY]
  for (const step of steps) {
    if (step.kind === 'minLength' || step.kind === 'length') min = Math.max(min, step.value)
    if (step.kind === 'maxLength' || step.kind === 'length') max = Math.min(max, step.value)
    if (step.kind !== 'minLength' && step.kind !== 'maxLength' && step.kind !== 'length') return undefined
  }
  return { min, max }
}
