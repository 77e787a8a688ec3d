/** Checks of one column that no value can meet together. */
import type { Step } from '../domain/schema.ts'
import { isChange } from '../domain/schema.ts'

/** The contradiction in words; undefined where there is none to be seen. */
export function contradiction(steps: readonly Step[]): string | undefined {
  for (const part of unchanged(steps)) {
    const found = bounds(part) ?? lengths(part) ?? instants(part) ?? choices(part)
    if (found !== undefined) return found
  }
  return undefined
}

/** Parts whose checks see one value: what `.trim()` leaves of a text may be short where the text was long. */
function unchanged(steps: readonly Step[]): Step[][] {
  const parts: Step[][] = [[]]
  for (const step of steps) {
    if (isChange(step)) parts.push([])
    else parts.at(-1)!.push(step)
  }
  return parts
}

type Of<K extends Step['kind']> = Step & { kind: K }
const all = <K extends Step['kind']>(steps: readonly Step[], ...kinds: K[]): Of<K>[] =>
  steps.filter((step): step is Of<K> => (kinds as string[]).includes(step.kind))

function bounds(steps: readonly Step[]): string | undefined {
  const isInteger = steps.some(({ kind }) => kind === 'integer')
  for (const low of all(steps, 'min')) {
    for (const high of all(steps, 'max')) {
      const from = isInteger && typeof low.value === 'number' ? firstInteger(low.value, low.inclusive) : low.value
      const isOpen = !high.inclusive || (!low.inclusive && from === low.value)
      if (from > high.value || (from >= high.value && isOpen))
        return `${low.inclusive ? 'at least' : 'more than'} ${low.value} and ${high.inclusive ? 'at most' : 'less than'} ${high.value}`
    }
  }
  return undefined
}

const firstInteger = (value: number, inclusive: boolean): number => (inclusive ? Math.ceil(value) : Math.floor(value) + 1)

function lengths(steps: readonly Step[]): string | undefined {
  const floors = all(steps, 'minLength', 'length')
  const ceilings = all(steps, 'maxLength', 'length')
  for (const low of floors)
    for (const high of ceilings)
      if (low.value > high.value) return `a length of ${low.value} or more and one of ${high.value} or less`
  const longest = Math.min(...ceilings.map(({ value }) => value))
  const part = all(steps, 'startsWith', 'endsWith', 'includes').find(({ value }) => [...value].length > longest)
  return part && `a length of ${longest} or less and the text '${part.value}' in it`
}

function instants(steps: readonly Step[]): string | undefined {
  const [low] = all(steps, 'minInstant').sort((a, b) => Number(b.value - a.value))
  const [high] = all(steps, 'maxInstant').sort((a, b) => Number(a.value - b.value))
  if (!low || !high || low.value < high.value) return undefined
  return low.value === high.value && low.inclusive && high.inclusive
    ? undefined
    : 'dates after the bound that they must lie before'
}

function choices(steps: readonly Step[]): string | undefined {
  const [choice] = all(steps, 'oneOf')
  if (!choice) return undefined
  return choice.values.length === 0 ? 'one of no values' : undefined
}
