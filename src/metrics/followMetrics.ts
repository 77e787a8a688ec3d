/** How following goes, as Prometheus reads it: the only place that knows its client. docs/kafka-follow.md says what each metric means. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { QuernError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Lag } from '../run/backlog.ts'
import type { FollowedBatch, FollowedRun, FollowWatcher } from '../run/followWatcher.ts'

/** Seconds. */
const FRESHNESS = [0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300, 900, 3600, 21_600, 86_400]
const DURATION = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

export class FollowMetrics implements FollowWatcher {
  readonly #registry = new Registry()
  readonly #lag = this.#gauge('quern_lag_messages', 'Offsets between what has landed and the last stable offset', [
    'source',
    'partition',
  ])
  readonly #lagSeconds = this.#gauge('quern_lag_seconds', 'No message that has not landed has waited for longer', ['source'])
  readonly #newest = this.#gauge('quern_newest_message_timestamp_seconds', 'Timestamp of the newest message that has landed', [
    'source',
  ])
  readonly #rows = this.#counter('quern_landed_rows_total', 'Rows that have landed', ['source'])
  readonly #rejected = this.#counter('quern_rejected_rows_total', 'Messages that were refused and kept aside', ['source'])
  readonly #repeats = this.#counter('quern_repeats_total', 'Rows that did not land since they repeat others', ['source'])
  readonly #commits = this.#counter('quern_commits_total', 'Commits to the archive', ['source'])
  readonly #freshness = this.#histogram(
    'quern_freshness_seconds',
    'From the timestamp of the newest message of a commit to when it could be read',
    ['source'],
    FRESHNESS,
  )
  readonly #wait = this.#histogram(
    'quern_wait_seconds',
    'From the timestamp of the oldest message of a commit to when it could be read',
    ['source'],
    FRESHNESS,
  )
  readonly #commitSeconds = this.#histogram(
    'quern_commit_seconds',
    'From the start of a landing to its commit',
    ['source'],
    DURATION,
  )
  readonly #setCommits = this.#counter('quern_feature_commits_total', 'Commits to a feature set', ['feature_set'])
  readonly #setRows = this.#counter('quern_feature_rows_total', 'Rows written to a feature set', ['feature_set'])
  readonly #setSeconds = this.#histogram('quern_feature_run_seconds', 'How long a run took', ['feature_set'], DURATION)
  readonly #setFreshness = this.#histogram(
    'quern_feature_freshness_seconds',
    'From the newest event that the rows of a commit may know of to when they could be read',
    ['feature_set'],
    FRESHNESS,
  )
  readonly #failures = this.#counter('quern_run_failures_total', 'Tries of a source or a feature set that failed', [
    'name',
    'code',
  ])

  /** Of each source, as last seen. */
  readonly #partitions = new Map<string, number[]>()

  constructor() {
    // Milliseconds. Ten, its default, would take more time than following an idle topic does.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 100 })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  looked({ name: source }: KafkaSource, { seconds, partitions }: Lag): void {
    // Rates are of samples that are there before something happens.
    if (!this.#partitions.has(source)) {
      for (const counter of [this.#rows, this.#rejected, this.#repeats, this.#commits]) counter.inc({ source }, 0)
      this.#failures.inc({ name: source, code: 'transient.kafka' }, 0)
    }
    const known = this.#partitions.get(source) ?? []
    this.#partitions.set(source, [...partitions.keys()])
    // A topic that was made anew may have fewer.
    for (const partition of known) if (!partitions.has(partition)) this.#lag.remove({ source, partition })
    for (const [partition, messages] of partitions) this.#lag.set({ source, partition }, messages)
    if (seconds === undefined) this.#lagSeconds.remove({ source })
    else this.#lagSeconds.set({ source }, seconds)
  }

  landed({ name: source }: KafkaSource, batch: FollowedBatch): void {
    this.#rows.inc({ source }, batch.rows)
    this.#rejected.inc({ source }, batch.rejected)
    this.#repeats.inc({ source }, batch.repeats)
    this.#commits.inc({ source })
    const readable = Number(batch.readableAt) / 1e6
    this.#commitSeconds.observe({ source }, Number(batch.readableAt - batch.startedAt) / 1e6)
    const { newest, oldest } = batch.freshness
    if (newest !== undefined) {
      this.#freshness.observe({ source }, newest)
      this.#newest.set({ source }, readable - newest)
    }
    if (oldest !== undefined) this.#wait.observe({ source }, oldest)
  }

  computed({ name }: FeatureSet, { result, seconds, freshness }: FollowedRun): void {
    const labels = { feature_set: name }
    this.#setSeconds.observe(labels, seconds)
    if (result.outcome !== 'committed') return
    this.#setCommits.inc(labels)
    this.#setRows.inc(labels, result.rowsWritten)
    if (freshness !== undefined) this.#setFreshness.observe(labels, freshness)
  }

  failed({ name, error }: { name: string; error: Error }): void {
    this.#failures.inc({ name, code: error instanceof QuernError ? error.code : 'defect.unexpected' })
  }

  progress(): void {}
  note(): void {}
  recovered(): void {}

  #gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] })
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] })
  }

  #histogram<L extends string>(name: string, help: string, labelNames: readonly L[], buckets: number[]): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] })
  }
}
