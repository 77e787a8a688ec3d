/** One column of a zod object, read into a field. */
import type { Value } from '../domain/columnType.ts'
import { typeName } from '../domain/columnType.ts'
import type { Field, Parsed, Step } from '../domain/schema.ts'
import { isChange } from '../domain/schema.ts'
import { contradiction } from './contradictions.ts'
import type { Output } from './outputs.ts'
import { meaninglessPart, outputOf, storedValue } from './outputs.ts'
import type { Read } from './readSteps.ts'
import { readSteps } from './readSteps.ts'
import { isScalar, shapeOf } from './shapes.ts'
import type { ZodLike } from './zodLike.ts'
import { innerOf, isNothing, meaningfulOptions, WRAPPERS } from './zodLike.ts'

export interface FieldFault {
  message: string
  hint: string
}

/** `alone` makes an object of this one column: what it says of null and absence, zod says of the column. */
export function readField(
  name: string,
  column: ZodLike,
  alone: (name: string, column: ZodLike) => ZodLike,
): Field | { fault: FieldFault } {
  const odd = meaninglessPart(column)
  if (odd) return refused(`\`z.${odd.type}()\` has no meaning in a table`, odd.why)
  const output = outputOf(column)
  if ('fault' in output) return refused(`\`${nameOf(column)}\` cannot be a column`, output.fault)
  const { core, nullable, optional, isPlain, caught, byZod } = unwrapped(column, output)
  // A bigint that 64 bits do not hold zod accepts, and then nothing catches it.
  const isWide = caught !== undefined && core._zod.def.type === 'bigint'
  const read: Read = byZod !== undefined ? { byZod } : isWide ? { byZod: 'a catch of big integers' } : readSteps(core)
  const steps = 'steps' in read ? read.steps : undefined
  const refined = 'byZod' in read ? read.refined : undefined
  const contradicts = steps && caught === undefined ? contradiction(steps) : undefined
  if (contradicts) return refused(`no value can satisfy it: ${contradicts}`, 'Change one of the two.')
  const shape = shapeOf(column)
  const parse = (value: unknown): Parsed => parsedBy(column, output, value)
  const empty = isPlain ? { nullable, optional, whenNull: null, whenAbsent: null } : emptiness(name, alone(name, column), output)
  if ('fault' in empty) return empty
  const description = descriptionOf(column)
  const { def } = core._zod
  return {
    name,
    ...output,
    shape,
    input: isScalar(shape) ? shape.kind : 'any',
    ...empty,
    coerce: isScalar(shape) && shape.coerce === true,
    instantText: steps?.some(isInstantPattern) === true && def.format === 'datetime' && def.local !== true,
    steps,
    // Where zod judges, it has caught already.
    caught: steps && caught,
    byZod: 'byZod' in read ? read.byZod : undefined,
    refined,
    keeps: isPlain && (steps ?? refined?.steps)?.some(isChange) === false,
    parse,
    ...(description === undefined ? {} : { description }),
  }
}

const nameOf = ({ _zod: { def } }: ZodLike): string =>
  def.out?._zod.def.type === 'transform' ? '.transform(...)' : `z.${def.type}()`

const refused = (message: string, hint: string): { fault: FieldFault } => ({
  fault: { message, hint: hint.endsWith('.') ? hint : `${hint[0]!.toUpperCase()}${hint.slice(1)}.` },
})

const isInstantPattern = ({ kind }: Step): boolean => kind === 'pattern'

interface Unwrapped {
  core: ZodLike
  nullable: boolean
  optional: boolean
  /** Null and absence come out as they went in, if at all. */
  isPlain: boolean
  caught: { value: Value } | undefined
  byZod?: string
}

/** What the wrappers around a column say. */
function unwrapped(column: ZodLike, output: Output): Unwrapped {
  const found: Unwrapped = { core: column, nullable: false, optional: false, isPlain: true, caught: undefined }
  for (;;) {
    const { def } = found.core._zod
    if ((def.checks?.length ?? 0) > 0 && (WRAPPERS.has(def.type) || def.type === 'lazy')) {
      found.byZod ??= 'a refinement'
      found.isPlain = false
    }
    if (def.type === 'nullable') found.nullable = true
    else if (def.type === 'optional') found.optional = true
    else if (def.type === 'catch') {
      found.isPlain = false
      const caught = caughtValue(def.catchValue!, output)
      if (caught === undefined) found.byZod ??= 'a catch that depends on what it catches'
      // The innermost one is asked first.
      else found.caught = { value: caught }
    } else if (def.type === 'union') {
      // A union of one schema and nothing is that schema, or null.
      const options = meaningfulOptions(def.options ?? [])
      const rest = (def.options ?? []).filter(isNothing)
      if (options.length !== 1 || (def.checks?.length ?? 0) > 0) return { ...found, isPlain: false }
      if (rest.length > 0) found.isPlain = false
      found.core = options[0]!
      continue
    } else if (!['readonly', 'string', 'number', 'bigint', 'boolean', 'date', 'enum'].includes(def.type)) found.isPlain = false
    if (def.coerce) found.isPlain = false
    const inner = innerOf(found.core)
    if (!inner) return found
    found.core = inner
  }
}

/** What a catch always gives; undefined where it depends on what was caught. */
function caughtValue(catchValue: (context: unknown) => unknown, output: Output): Value | undefined {
  if (catchValue.length > 0) return undefined
  try {
    const [one, other] = [0, 1].map(() =>
      storedValue(output, catchValue({ value: undefined, input: undefined, issues: [], error: { issues: [] } })),
    )
    return Object.is(one, other) ? one : undefined
  } catch {
    return undefined
  }
}

type Emptiness = Pick<Field, 'nullable' | 'optional' | 'whenNull' | 'whenAbsent'>

/** What becomes of null and absence, by zod itself. */
function emptiness(name: string, alone: ZodLike, column: Output): Emptiness | { fault: FieldFault } {
  let unheld: unknown
  let given: unknown
  const of = (row: object): Value | undefined => {
    try {
      const result = alone.safeParse(Object.assign(Object.create(null), row))
      if (!result.success) return undefined
      const output = result.data as Record<string, unknown>
      // What zod gives out inherits, unlike what it was given.
      given = Object.hasOwn(output, name) ? output[name] : undefined
      const value = storedValue(column, given)
      if (value === undefined) unheld = given
      return value
    } catch {
      // A function of the schema that fails on nothing accepts no nothing.
      return undefined
    }
  }
  const absent = of({})
  const first = given
  const again = of({})
  // Of a constant date zod gives out the same object: two that are equal may be two moments of one millisecond.
  const later = first instanceof Date && first !== given ? afterwards(() => of({})) : again
  const none = of({ [name]: null })
  if (unheld !== undefined) {
    return refused(
      `what stands for nothing, \`${unheld}\`, is no ${typeName(column.type)}`,
      'give a default that the schema itself accepts',
    )
  }
  if (!Object.is(absent, again) || !Object.is(absent, later)) {
    return refused(
      'its default is another each time',
      'a run must give the same values again: write a constant, or fill it in where the event is made',
    )
  }
  return {
    nullable: none !== undefined,
    optional: absent !== undefined,
    whenNull: none ?? null,
    whenAbsent: absent ?? null,
  }
}

/** What `work` gives some milliseconds later. */
function afterwards<T>(work: () => T): T {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3)
  return work()
}

const REFUSED: Parsed = { ok: false }

/** As `safeParse`, whose answer is an object more for each value. */
function parsedBy(column: ZodLike, output: Output, given: unknown): Parsed {
  const result = column._zod.run({ value: given, issues: [] }, { async: false })
  if (result instanceof Promise) {
    // The verdict on the row tells of functions that answer later; what they say then nobody waits for.
    result.catch(() => undefined)
    return REFUSED
  }
  if (result.issues.length > 0) return REFUSED
  const value = storedValue(output, result.value)
  return value === undefined ? REFUSED : { ok: true, output: result.value, value }
}

/** The outermost description there is. */
function descriptionOf(column: ZodLike): string | undefined {
  for (let schema: ZodLike | undefined = column; schema; schema = innerOf(schema))
    if (schema.description !== undefined) return schema.description
  return undefined
}
