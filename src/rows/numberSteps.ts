/** What a schema asks of a number, as one function. */
import type { Step } from '../domain/schema.ts'
import { isMultiple } from '../validation/readSteps.ts'

export type NumberRule = (value: number) => boolean
export type BigintRule = (value: bigint) => boolean

/** Undefined where a step is none of a number's. */
export const numberRule = (steps: readonly Step[]): NumberRule | undefined => ruleOf<number>(steps, numberStep)
export const bigintRule = (steps: readonly Step[]): BigintRule | undefined => ruleOf<bigint>(steps, bigintStep)

type Rule<T> = (value: T) => boolean

function ruleOf<T>(steps: readonly Step[], of: (step: Step) => Rule<T> | undefined): Rule<T> | undefined {
  const rules: Rule<T>[] = []
  for (const step of steps) {
    const rule = of(step)
    if (!rule) return undefined
    rules.push(rule)
  }
  if (rules.length === 0) return () => true
  if (rules.length === 1) return rules[0]
  const [first, second] = rules as [Rule<T>, Rule<T>]
  if (rules.length === 2) return value => first(value) && second(value)
  return value => {
    for (let at = 0; at < rules.length; at++) if (!rules[at]!(value)) return false
    return true
  }
}

function numberStep(step: Step): NumberRule | undefined {
  switch (step.kind) {
    case 'integer':
      return Number.isInteger
    case 'safe':
      return value => value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
    case 'multipleOf':
      return typeof step.value === 'number' ? value => isMultiple(value, step.value as number) : undefined
    default:
      return comparison<number>(step)
  }
}

function bigintStep(step: Step): BigintRule | undefined {
  if (step.kind !== 'multipleOf') return comparison<bigint>(step)
  return typeof step.value === 'bigint' ? value => value % (step.value as bigint) === 0n : undefined
}

function comparison<T extends number | bigint>(step: Step): Rule<T> | undefined {
  switch (step.kind) {
    case 'min': {
      const bound = step.value
      return step.inclusive ? value => value >= bound : value => value > bound
    }
    case 'max': {
      const bound = step.value
      return step.inclusive ? value => value <= bound : value => value < bound
    }
    case 'oneOf': {
      const values = new Set<unknown>(step.values)
      return value => values.has(value)
    }
    default:
      return undefined
  }
}
