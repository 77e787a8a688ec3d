/** A message that is refused, by what of it cannot be read. */
import type { Issue } from '../domain/schema.ts'

/**
 * `malformed`: the bytes are not of their format. `wire-format`: they do not begin as a registry's do. `unknown-schema`: the registry has
 * no such schema. `unreadable-schema`: it has one that cannot be read, or of another format. `envelope`: what surrounds the row stands for
 * none. `tombstone`: there is no value.
 */
export type RefusalCode = 'malformed' | 'wire-format' | 'unknown-schema' | 'unreadable-schema' | 'envelope' | 'tombstone'

/** Ends the decoding of one message. */
export class Refusal extends Error {
  readonly issue: Issue

  constructor(code: RefusalCode, message: string) {
    super(message)
    this.issue = { path: '', code, message }
  }
}

/** An error, which, if it is a refusal, tells of the field that it happened in. */
export function within(error: unknown, field: string): unknown {
  if (error instanceof Refusal) {
    const { path } = error.issue
    // Of a deep one the innermost fields tell enough.
    error.issue.path = path === '' ? field : path.length > 200 ? path : `${field}.${path}`
  }
  return error
}

/** What decoders that are not ours raise at bytes that they cannot read: told as a refusal. */
export function refusalOf(error: unknown, what: string): Refusal {
  if (error instanceof Refusal) return error
  return new Refusal('malformed', `${what}: ${error instanceof Error ? error.message : String(error)}`)
}
