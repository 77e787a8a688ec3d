/** What a fixture file exports: unit cases of one definition. Nothing is checked here; `resolveCases` reports all faults at once. */
import type { z } from 'zod'
import type { FeatureDeclaration } from './aggregations.ts'
import type { FeatureSetDeclaration, RowOf } from './declarations.ts'
import type { RowObject } from './rowTypes.ts'

/** Instants may be written as ISO 8601 text, 64-bit integers as numbers. */
type Written<T> = T extends Date ? Date | string : T extends bigint ? bigint | number : T

/** An instant: a Date, or ISO 8601 text with its offset. */
export type Moment = Date | string

type Output<S extends RowObject, K> = K extends keyof z.output<S> ? z.output<S>[K] : never

/** A row as zod sees it: what is optional may be left out. Of a coerced column, which takes anything, as it comes out. */
export type CaseRow<S extends RowObject> = GivenRow<S, z.input<S>>
type GivenRow<S extends RowObject, I> = I extends unknown
  ? { [K in keyof I]: Written<unknown extends I[K] ? Output<S, K> : I[K]> }
  : never

/** A row that the schema must refuse, so anything may stand in its columns; and why: one issue must have all that is named. */
export interface RejectedCase<S extends RowObject> {
  row: { [K in keyof z.input<S>]?: unknown }
  /** The column. */
  path?: string
  /** zod's code, such as 'too_big'. */
  code?: string
  /** A part of the words. */
  message?: string
}

type Features<R, E> = { [K in Exclude<keyof R, E | 'cutoff'>]?: Written<R[K]> }
type Key<R, E> = { [K in E & keyof R]: Written<R[K]> }
type Flat<T> = { [K in keyof T]: T[K] } & {}

/** A row of the table: its key, and of the features those that matter. */
export type ExpectedCase<D, E extends string> = Flat<Key<RowOf<D>, E> & Features<RowOf<D>, E>>

/** Of a topic: a message that takes back the rows of its row key, which it names, with other columns or without. */
export interface RetractionCase<S extends RowObject> {
  retracts: Partial<CaseRow<S>>
  /** Default: when the row before it did. */
  landedAt?: Moment
}

/** Of a topic: a row that did not land at its event's time. */
export interface LandedCase<S extends RowObject> {
  row: CaseRow<S>
  landedAt: Moment
}

interface Given<S extends RowObject> {
  /** Rows that the schema accepts; of a topic in the order of its messages. Default: none. */
  rows?: readonly (CaseRow<S> | RetractionCase<S> | LandedCase<S>)[]
  /** Rows that the schema, or the key, refuses. They stand behind `rows` in the same file. */
  rejects?: readonly RejectedCase<S>[]
}

interface AtOne<D, E extends string> {
  /** Of the grid. */
  cutoff: Moment
  cutoffs?: never
  /** All rows of the table at the cutoff, in any order. */
  expect: readonly Flat<ExpectedCase<D, E> & { cutoff?: Moment }>[]
}

interface AtSeveral<D, E extends string> {
  cutoff?: never
  /** Of the grid. */
  cutoffs: readonly Moment[]
  /** All rows of the table at the cutoffs, in any order. */
  expect: readonly Flat<ExpectedCase<D, E> & { cutoff: Moment }>[]
}

/** Only that rows are rejected. */
interface AtNone {
  cutoff?: never
  cutoffs?: never
  expect?: never
}

export type CaseOptions<S extends RowObject, E extends string, F extends Record<string, FeatureDeclaration>> = Given<S> &
  (AtOne<FeatureSetDeclaration<S, E, F>, E> | AtSeveral<FeatureSetDeclaration<S, E, F>, E> | AtNone)

export interface CasesDeclaration {
  readonly kind: 'cases'
  readonly definition: unknown
  /** By what each one proves. */
  readonly cases: Readonly<Record<string, object>>
}

/**
 * Unit cases of a feature set, by what each one proves, for `quern test`: input rows, cutoffs, and the rows that must come out.
 * Rows, keys and features are typed by the definition.
 */
export function defineCases<S extends RowObject, E extends string, F extends Record<string, FeatureDeclaration>>(
  definition: FeatureSetDeclaration<S, E, F>,
  cases: Record<string, CaseOptions<S, E, F>>,
): CasesDeclaration {
  return { kind: 'cases', definition, cases }
}
