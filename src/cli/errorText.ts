/** An error as people read it: what, what next, and its stable code. */
import { EXIT, FaultsError, QuernError } from '../domain/errors.ts'
import { VERSION } from '../version.ts'
import { printableLines } from './printable.ts'

/** Whether an error is one that quern raises on purpose. */
export const isExpected = (error: unknown): error is QuernError => error instanceof QuernError && error.exitCode !== EXIT.defect

export function defectText(error: unknown): string {
  const what = error instanceof Error ? error.stack : String(error)
  return `quern ${VERSION} on Node ${process.versions.node} failed unexpectedly: ${what}
This is a defect of quern: please report it with the lines above and what you ran.`
}

export function errorText(error: QuernError): string {
  const message = printableLines(error.message)
  if (error instanceof FaultsError) return message
  return error.hint ? `${message}\n  ${printableLines(error.hint)}  [${error.code}]` : `${message}  [${error.code}]`
}
