/** What a transform file exports. Nothing is checked here: `resolveFeatureSet` reports all faults at once. */
import type { CsvDialect } from '../domain/source.ts'
import type { S3Access } from '../domain/storePlace.ts'
import type { DurationText, FeatureDeclaration } from './aggregations.ts'
import { Condition, Operand } from './columns.ts'
import type { ExpectationDeclaration } from './expectations.ts'
import type { KafkaDeclaration } from './kafkaDeclaration.ts'
import type { ColumnName, Input, InstantColumn, NumberColumn, RowObject, Value } from './rowTypes.ts'

export interface ObjectsOptions<S extends RowObject> {
  /** One source per name: the same name with different options is refused. */
  name: string
  /** A file, a folder or a pattern (`*`, `**`, `?`, `{a,b}`), relative to the project; or the same in a bucket: `s3://bucket/...`. */
  uri: string
  schema: S
  /** The column that says when the row's event happened; for numbers since 1970 with their unit. */
  eventTime: InstantColumn<NoInfer<S>> | { column: NumberColumn<NoInfer<S>>; unit: 's' | 'ms' | 'us' }
  /** The column that says when the pipeline could have used the row. Default: none. */
  knownTime?: InstantColumn<NoInfer<S>>
  /** Columns whose equal values make two rows one: the one known last stays. Default: rows count as they come. */
  rowKey?: readonly ColumnName<NoInfer<S>>[]
  /** The IANA zone of timestamps that carry no offset. Default: none; such a column is refused. */
  zone?: string
  /** The pattern may match nothing. Default false. */
  allowEmpty?: boolean
  csv?: Partial<CsvDialect>
  /**
   * Of a bucket. 'all', the default: every run lists all that the uri means. 'afterLast': only what comes after the last key that is
   * known, for buckets where keys of new objects come after those of all older ones, as in folders called by dates. Then a run asks
   * for what is new and no more, and does not notice that an older object has changed or gone, or was put among older ones;
   * `quern verify` and `quern run --full` do.
   */
  listing?: 'all' | 'afterLast'
  /**
   * Of a bucket: the manifest of an S3 Inventory of it, made as CSV with Size and ETag, such as 's3://inventories/daily/manifest.json'.
   * Objects are taken from it in place of a listing. With stars, as in 's3://inventories/shop/all/20*\/manifest.json', the last of
   * those that are there.
   */
  inventory?: string
}

export interface ObjectsDeclaration<S extends RowObject = RowObject> {
  readonly kind: 'objects'
  readonly options: ObjectsOptions<S>
}

export type SourceDeclaration<S extends RowObject = RowObject> = ObjectsDeclaration<S> | KafkaDeclaration<S>

/** Immutable files, read in place: Parquet, CSV or NDJSON, the text formats also as .gz or .zst. */
export function objects<S extends RowObject>(options: ObjectsOptions<S>): ObjectsDeclaration<S> {
  return { kind: 'objects', options }
}

/** The schema's columns, each a typed operand. */
export type Columns<S extends RowObject> = {
  readonly [K in ColumnName<S>]-?: [Value<Input<S>[K]>] extends [boolean] ? Condition : Operand<Value<Input<S>[K]>>
}

export interface FeatureSetOptions<S extends RowObject, E extends ColumnName<S>, F extends Record<string, FeatureDeclaration>> {
  /** `[a-z][a-z0-9_]*`, one of its kind in the project. */
  name: string
  description?: string
  source: SourceDeclaration<S>
  /** The key's columns. */
  entity: readonly E[]
  /** Cutoffs are the instants `k * every + offset` since 1970. */
  every: DurationText
  /** Default '0s'. */
  offset?: DurationText
  /** How long a run takes to publish: a row serves moments from its cutoff plus this on. Default '0s'. */
  delay?: DurationText
  /** What counts of rows that come late. Default 'asKnown' where the source declares a knownTime, else 'restate'. */
  late?: 'restate' | 'asKnown'
  /** How far back a scheduled run reaches by itself. Default: without bound. */
  lateness?: DurationText
  /** The share of validated rows, 0 to 1, that may be rejected in a run. Default 0. */
  maxRejected?: number
  /** Of the rows that a run reads anew, taken together; a broken one ends the run, or only warns. Default: nothing is expected. */
  expect?: readonly ExpectationDeclaration<NoInfer<ColumnName<S>>>[]
  /** The features, in the order of their columns. */
  features: (f: Columns<S>) => F
}

export interface FeatureSetDeclaration<
  S extends RowObject = RowObject,
  E extends string = string,
  F extends Record<string, FeatureDeclaration> = Record<string, FeatureDeclaration>,
> {
  readonly kind: 'featureSet'
  readonly options: FeatureSetOptions<S, E & ColumnName<S>, F>
}

/** Features of one kind of entity, computed at each cutoff of a grid from the rows of one source. */
export function defineFeatureSet<
  S extends RowObject,
  const E extends ColumnName<S>,
  F extends Record<string, FeatureDeclaration>,
>(options: FeatureSetOptions<S, E, F>): FeatureSetDeclaration<S, E, F> {
  return { kind: 'featureSet', options } as unknown as FeatureSetDeclaration<S, E, F>
}

type Flat<T> = { [K in keyof T]: T[K] } & {}
type FeatureColumns<F> = {
  [K in keyof F & string as F[K] extends FeatureDeclaration<unknown, infer W>
    ? `${K}_${W}`
    : never]: F[K] extends FeatureDeclaration<infer V, string> ? V : never
}

/** A row of a feature set as TypeScript sees it: the key, `cutoff`, and a value for each feature and window. */
export type RowOf<D> =
  D extends FeatureSetDeclaration<infer S, infer E, infer F>
    ? Flat<{ [K in E & ColumnName<S>]: NonNullable<Input<S>[K]> } & { cutoff: Date } & FeatureColumns<F>>
    : never

/** A project's own settings. Every field has an environment variable that goes before it. */
export interface ProjectConfig {
  /** Where tables live: `file:` and a path relative to this file, or `s3://bucket/prefix`. Default 'file:.quern'. */
  store?: string
  /** The engine's memory, such as '2GiB'. Default: half of what the container or the machine has. */
  memory?: string
  /** Default: the processors that the process may use. */
  threads?: number
  /** How much of what was read from buckets is kept on the local disk, such as '10GiB', or '0'. Default '2GiB'. */
  cache?: string
  /** How much of a bucket's objects may be on the local disk while they are read. Default: half of what is free there. */
  scratch?: string
  /** How buckets are reached, beside what the AWS environment variables and profiles say. */
  s3?: Omit<S3Access, 'caBundle'>
}

export function defineConfig(config: ProjectConfig): ProjectConfig {
  return config
}

/** Columns at run time. An unknown name gives a column all the same; the check names it with what was probably meant. */
export function columnProxy(isBoolean: (name: string) => boolean): unknown {
  return new Proxy(
    {},
    {
      get: (_, name) => {
        if (typeof name !== 'string') return undefined
        return isBoolean(name) ? new Condition({ op: 'column', name }) : new Operand({ op: 'column', name })
      },
    },
  )
}
