/** Who is told what following does, as it does it: output and metrics. */
import type { Progress } from '../domain/engine.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Lag } from './backlog.ts'
import type { Freshness } from './batchTimes.ts'
import type { LandedBatch } from './landBatch.ts'
import type { RunResult } from './runFeatureSet.ts'

export interface FollowedBatch extends LandedBatch {
  /** Once it was committed. */
  lag: Lag
  freshness: Freshness
}

export interface FollowedRun {
  result: RunResult
  seconds: number
  /** In seconds, of the newest event that its rows may know of; undefined where nothing was committed. */
  freshness: number | undefined
}

export interface FollowWatcher {
  /** A look at the topic. */
  looked(source: KafkaSource, lag: Lag): void
  /** One commit. */
  landed(source: KafkaSource, batch: FollowedBatch): void
  /** A feature set was run, whether it had something to commit or not. */
  computed(set: FeatureSet, run: FollowedRun): void
  /** @param name of the source or feature set that is at work */
  progress(name: string, progress: Progress): void
  note(text: string): void
  /** A passing fault. `isNew`: another than the one before. `retryIn`: seconds. */
  failed(failure: { name: string; error: Error }, how: { isNew: boolean; retryIn: number }): void
  /** A round has gone well again, so many seconds after the first fault. */
  recovered(source: KafkaSource, seconds: number): void
}
