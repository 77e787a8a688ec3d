/** What the stories are given by the composition root. */
import type { Engine } from '../domain/engine.ts'
import type { EventLog } from '../domain/eventLog.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { MessageDecoder } from '../domain/messageDecoder.ts'
import type { KafkaSource, Source } from '../domain/source.ts'
import type { TableStore } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'

/** What reads a source's topic, and makes rows of its messages. */
export interface Topic {
  log: EventLog
  decoder: MessageDecoder
  /** Undefined where no format takes one. `probe` raises what keeps it from answering. */
  registry?: { url: string; probe: (signal: AbortSignal) => Promise<void> } | undefined
}

export interface Parts {
  store: TableStore
  engine: Engine
  sourceOf: (set: FeatureSet) => Source
  topicOf: (source: KafkaSource) => Topic
  now: () => Instant
  /** Aborted by an interrupt. */
  signal: AbortSignal
  versions: { quern: string; node: string }
  code: string | null
  /** Receives what a stage of a run has found or done, for whoever looks for a fault. */
  trace: (message: string) => void
}
