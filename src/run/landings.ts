/** Landings of one command: a source lands once, however many feature sets read it. */
import type { KafkaSource } from '../domain/source.ts'
import type { LandOptions, LandResult } from './landTopic.ts'
import { landTopic } from './landTopic.ts'
import type { Parts } from './parts.ts'

export class Landings {
  readonly #parts: Parts
  readonly #bySource = new Map<string, Promise<LandResult>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Lands what is new, the first time; what has failed then, fails again. */
  land(source: KafkaSource, options: LandOptions): Promise<LandResult> {
    const known = this.#bySource.get(source.name)
    if (known) return known
    const landing = landTopic(source, this.#parts, options)
    this.#bySource.set(source.name, landing)
    return landing
  }
}
