/**
 * A bound on what a schema may take for one value: JavaScript's regular expressions can go back and forth for ever on a hostile
 * text. The engine's own watchdog stops them, and anything else, from outside.
 */
import type { Context } from 'node:vm'
import { createContext, Script } from 'node:vm'
import { DataError } from '../domain/errors.ts'

/** Milliseconds that one evaluation may take, and what is said of one that takes longer. */
export const TIME_LIMIT = 1000
export const TIMEOUT_ISSUE = {
  path: '',
  code: 'timeout',
  message: `Not judged within ${TIME_LIMIT / 1000} s: a check of the schema takes too long on this value`,
}

/** So many are borne before the run is given up: each costs two limits of time. */
const MOST_TIMEOUTS = 30

/** Counts what took too long. */
export class Timeouts {
  #found = 0

  add(): void {
    if (++this.#found <= MOST_TIMEOUTS) return
    throw new DataError('data.timeout', `More than ${MOST_TIMEOUTS} rows took longer than ${TIME_LIMIT} ms each to be judged`, {
      hint: 'Simplify the checks of the schema: a regular expression with repetitions inside of repetitions can take for ever.',
    })
  }
}

/**
 * Calls `evaluate(i)` for each i from 0 to n - 1, in order. One that does not end within `limit` milliseconds is cut short,
 * wherever it is, and `onTimeout(i)` is called in its place; then the rest goes on.
 *
 * The limit is on all calls together first, so that what is quick costs nothing. Where it passes, the call that it has hit is made
 * once more alone: so `evaluate` must bear to be left anywhere and begun again. What it throws is thrown here.
 */
export function guarded(n: number, evaluate: (i: number) => void, onTimeout: (i: number) => void, limit = TIME_LIMIT): void {
  let next = 0
  const rest = (): void => {
    for (; next < n; next++) evaluate(next)
  }
  const one = (): void => evaluate(next)
  while (next < n) {
    if (endsWithin(limit, rest)) return
    if (!endsWithin(limit, one)) onTimeout(next)
    next++
  }
}

let context: (Context & { work: () => void }) | undefined
let script: Script | undefined

/** False where `work` was cut short. */
export function endsWithin(limit: number, work: () => void): boolean {
  context ??= createContext({ work }) as Context & { work: () => void }
  script ??= new Script('work()')
  context.work = work
  try {
    script.runInContext(context, { timeout: limit })
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return false
    throw error
  } finally {
    context.work = nothing
  }
}

const nothing = (): void => undefined
