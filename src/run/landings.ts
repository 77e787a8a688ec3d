/** Landings of one command: a source lands once, however many feature sets read it. */
import { QuernError } from '../domain/errors.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { LandOptions, LandResult } from './landBatch.ts'
import { landTopic } from './landTopic.ts'
import type { Parts } from './parts.ts'

/** Several sources may have failed. */
function ofSource({ name }: KafkaSource, error: unknown): unknown {
  if (error instanceof QuernError && !error.message.includes(`\`${name}\``))
    error.message = `source \`${name}\`: ${error.message}`
  return error
}

export class Landings {
  readonly #parts: Parts
  readonly #bySource = new Map<string, Promise<LandResult>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Lands what is new, the first time: `isNew`. What has failed then, fails again. */
  async land(source: KafkaSource, options: LandOptions): Promise<{ result: LandResult; isNew: boolean }> {
    const known = this.#bySource.get(source.name)
    if (known) return { result: await known, isNew: false }
    const landing = landTopic(source, this.#parts, options).catch(error => {
      throw ofSource(source, error)
    })
    this.#bySource.set(source.name, landing)
    return { result: await landing, isNew: true }
  }
}
