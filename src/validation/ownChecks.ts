/** Checks that a schema has of its own, called without the schema around them. */
import type { Accepts } from '../domain/schema.ts'
import type { ZodLike } from './zodLike.ts'

/** Whether all of them accept a value. One that zod would pass over, by its `when`, may refuse here what zod accepts. */
export function ownChecks(checks: readonly ZodLike[]): Accepts | undefined {
  if (checks.some(({ _zod }) => _zod.check === undefined)) return undefined
  return value => checks.every(({ _zod }) => passes(_zod, value))
}

/** False as well where zod is to tell what is wrong: of a function that fails, or answers later. */
function passes(check: ZodLike['_zod'], value: unknown): boolean {
  const payload = { value, issues: [] }
  try {
    const result = check.check!(payload)
    if (result instanceof Promise) {
      // What it says then nobody waits for.
      result.catch(() => undefined)
      return false
    }
  } catch {
    return false
  }
  return payload.issues.length === 0 && payload.value === value
}
