/** An error as people read it: what, what next, and its stable code. */
import type { QuernError } from '../domain/errors.ts'
import { FaultsError } from '../domain/errors.ts'

export function errorText(error: QuernError): string {
  if (error instanceof FaultsError) return error.message
  return error.hint ? `${error.message}\n  ${error.hint}  [${error.code}]` : `${error.message}  [${error.code}]`
}
