/** What can go wrong, told apart by whose fault it is and whether trying again can help. */

/** Process exit codes; the contract that schedulers rely on. */
export const EXIT = { done: 0, defect: 1, definition: 2, data: 3, tryAgain: 75, interrupted: 130, terminated: 143 } as const

interface ErrorDetails {
  /** What to do next, in a sentence. */
  hint?: string
  /** The values that the message speaks of, for `--json` and logs. */
  values?: Record<string, unknown>
  cause?: unknown
}

/** The root of every error that quern raises on purpose. `code` is stable: `<kind>.<what>`. */
export abstract class QuernError extends Error {
  abstract readonly exitCode: number
  readonly code: string
  readonly hint: string | undefined
  readonly values: Record<string, unknown>

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.code = code
    this.hint = details.hint
    this.values = details.values ?? {}
  }
}

/** The definition, the configuration or the command line is wrong. Never retried. */
export class DefinitionError extends QuernError {
  override readonly exitCode = EXIT.definition
}

/** The input is wrong: unreadable, lost, of the wrong type, or rejected beyond what is allowed. Nothing was committed. */
export class DataError extends QuernError {
  override readonly exitCode = EXIT.data
}

/** Out of reach, conflicting or full just now. Trying again may help. */
export class TransientError extends QuernError {
  override readonly exitCode = EXIT.tryAgain
}

/** A defect of quern's own. Asks for a report. */
export class InvariantError extends QuernError {
  override readonly exitCode = EXIT.defect
}

/** One fault of a definition: where it stands, and what is wrong there. */
export interface Fault {
  /** File or definition, then the place in it: "transforms/x.ts: feature `spend`". */
  place: string
  message: string
  hint?: string
  code: string
}

/** All faults of a set of definitions, reported at once. */
export class FaultsError extends DefinitionError {
  readonly faults: readonly Fault[]
  constructor(faults: readonly Fault[]) {
    const lines = faults.map(f => `${f.place}: ${f.message}${f.hint ? `\n  ${f.hint}` : ''}  [${f.code}]`)
    super('definition.faults', lines.join('\n'), { values: { faults } })
    this.faults = faults
  }
}

/** The exit code of several outcomes: the first present of 1, 2, 3, 75, else 0. */
export function worstExitCode(codes: Iterable<number>): number {
  const seen = new Set(codes)
  for (const code of [EXIT.interrupted, EXIT.terminated, EXIT.defect, EXIT.definition, EXIT.data, EXIT.tryAgain]) {
    if (seen.has(code)) return code
  }
  return EXIT.done
}
