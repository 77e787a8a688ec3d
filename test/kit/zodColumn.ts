/** What a generated column is. */
import type fc from 'fast-check'
import { z } from 'zod'
import type { Sample } from './zodSamples.ts'

/** What a schema wants to be given, as its author would say it: by it the oracle decodes. */
export type Shape =
  /** `coerce`: other types are given as they are, and a text that is an instant is a date. */
  | { kind: 'boolean' | 'number' | 'bigint' | 'string' | 'date'; coerce?: true }
  | { kind: 'any' }
  | { kind: 'array'; item: Shape }
  | { kind: 'tuple'; items: Shape[]; rest: Shape | undefined }
  /** `absent`: members that may be left out and may not be null. */
  | { kind: 'object'; fields: Map<string, Shape>; absent: Set<string>; rest: Shape | undefined }
  | { kind: 'union'; options: Shape[] }
  | TaggedShape

/** A union of objects, told apart by the text of one member: which of the options a value is to be. */
export interface TaggedShape {
  kind: 'union'
  options: Shape[]
  tag: { member: string; options: Record<string, number> }
}

export const isTagged = (shape: Shape): shape is TaggedShape => 'tag' in shape

export interface Column {
  /** The schema's text in TypeScript: what a message shows is what was tried. */
  source: string
  /** What the schema wants to be given, as an author would say it. */
  wants: Shape
  samples: fc.Arbitrary<Sample>
  /** Source text of values that the schema may give out. */
  outputs: string[]
}

export const wants = (kind: 'boolean' | 'number' | 'bigint' | 'string' | 'date'): Shape => ({ kind })
export const coerced = (kind: 'boolean' | 'number' | 'bigint' | 'string' | 'date'): Shape => ({ kind, coerce: true })
export const ANYTHING: Shape = { kind: 'any' }

/** The schema that a source text is. */
export const schemaOf = (source: string): z.ZodType => new Function('z', `return ${source}`)(z) as z.ZodType

/** Whether a member may be left out and may not be null: a source's null is absence then. */
export function takesAbsenceOnly({ source }: Column): boolean {
  const object = z.object({ it: schemaOf(source) })
  return !object.safeParse({ it: null }).success && object.safeParse({}).success
}
