/** The topics of a command: one client for each source, opened when it is first asked for. */
import type { KafkaSource } from './domain/source.ts'
import type { KafkaConfig } from './kafkaConfig.ts'
import { messageDecoder } from './messages/decoder.ts'
import { registryProbe } from './messages/schemaRegistry.ts'
import type { Topic } from './run/parts.ts'
import { clientLog } from './sources/kafka/clients.ts'

export class Topics {
  readonly #config: KafkaConfig
  readonly #opened = new Map<string, Topic>()

  constructor(config: KafkaConfig) {
    this.#config = config
  }

  of({ name, landing }: KafkaSource): Topic {
    const known = this.#opened.get(name)
    if (known) return known
    const registry = landing.registry && this.#config.registry(name, landing.registry)
    const topic = {
      log: clientLog(landing.client, this.#config.cluster(name, landing.access)),
      decoder: messageDecoder(landing, registry),
      registry: registry && { url: registry.url, probe: registryProbe(registry) },
    }
    this.#opened.set(name, topic)
    return topic
  }

  async close(): Promise<void> {
    await Promise.all([...this.#opened.values()].map(({ log }) => log.close()))
  }
}
