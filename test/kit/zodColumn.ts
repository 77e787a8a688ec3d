/** What a generated column is. */
import type fc from 'fast-check'
import { z } from 'zod'
import type { InputShape } from '../../src/domain/schema.ts'
import type { Sample } from './zodSamples.ts'

export interface Column {
  /** The schema's text in TypeScript: what a message shows is what was tried. */
  source: string
  /** What the schema wants to be given, as an author would say it. */
  wants: InputShape
  samples: fc.Arbitrary<Sample>
  /** Source text of values that the schema may give out. */
  outputs: string[]
}

export const wants = (kind: 'boolean' | 'number' | 'bigint' | 'string' | 'date'): InputShape => ({ kind })
export const coerced = (kind: 'boolean' | 'number' | 'bigint' | 'string' | 'date'): InputShape => ({ kind, coerce: true })
export const ANYTHING: InputShape = { kind: 'any' }

/** A union of objects, told apart by the text of one member: which of the options a value is to be. */
export type TaggedShape = InputShape & { kind: 'union'; tag: { member: string; options: Record<string, number> } }

export const isTagged = (shape: InputShape): shape is TaggedShape => 'tag' in shape

/** The schema that a source text is. */
export const schemaOf = (source: string): z.ZodType => new Function('z', `return ${source}`)(z) as z.ZodType

/** Whether a member may be left out and may not be null: a source's null is absence then. */
export function takesAbsenceOnly({ source }: Column): boolean {
  const object = z.object({ it: schemaOf(source) })
  return !object.safeParse({ it: null }).success && object.safeParse({}).success
}
