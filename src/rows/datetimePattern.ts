/** zod's expressions for ISO times, known by their text: what they accept of instants in the usual form needs no expression. */
import type { Step } from '../domain/schema.ts'
import type { InstantBytes } from './instantBytes.ts'

const DATE =
  '(?:(?:\\d\\d[2468][048]|\\d\\d[13579][26]|\\d\\d0[48]|[02468][048]00|[13579][26]00)-02-29|\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|(?:02)-(?:0[1-9]|1\\d|2[0-8])))'
const MINUTE = '(?:[01]\\d|2[0-3]):[0-5]\\d'
const OFFSET = '([+-](?:[01]\\d|2[0-3]):[0-5]\\d)'

interface Form {
  /** Digits after the second; undefined where any number will do. */
  precision: number | undefined
  offset: boolean
}

const FORMS = new Map<string, Form>()
for (const precision of [undefined, ...Array.from({ length: 10 }, (_, digits) => digits)]) {
  const second = `${MINUTE}:[0-5]\\d${precision === undefined ? '(?:\\.\\d+)?' : precision === 0 ? '' : `\\.\\d{${precision}}`}`
  for (const offset of [false, true])
    FORMS.set(`^${DATE}T(?:${second}(?:Z${offset ? `|${OFFSET}` : ''}))$`, { precision, offset })
}

/** Whether steps that are such an expression accept an instant; undefined where they are anything else. */
export function datetimeRule(steps: readonly Step[]): ((instant: InstantBytes) => boolean) | undefined {
  const [step] = steps
  if (steps.length !== 1 || step?.kind !== 'pattern' || step.pattern.flags !== '') return undefined
  const form = FORMS.get(step.pattern.source)
  if (!form) return undefined
  const { precision, offset } = form
  return instant => (offset || !instant.hasOffset) && (precision === undefined || instant.fractionDigits === precision)
}
