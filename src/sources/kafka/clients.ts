/** The clients that can make the connections to a cluster. */
import type { EventLog } from '../../domain/eventLog.ts'
import type { KafkaLanding, KafkaSettings } from '../../domain/kafkaSource.ts'
import { directClient } from './directLine.ts'
import { kafkajsClient } from './kafkajsLine.ts'
import { kafkaLog } from './kafkaLog.ts'
import type { Patience } from './patience.ts'
import { platformaticClient } from './platformaticLine.ts'

/** Node's own sockets: nothing has to be loaded. */
export const directLog = (settings: KafkaSettings, patience?: Patience): EventLog => kafkaLog(settings, directClient, patience)
/** @platformatic/kafka, whose loading takes half a second of a processor. */
export const platformaticLog = (settings: KafkaSettings, patience?: Patience): EventLog =>
  kafkaLog(settings, platformaticClient, patience)
/** kafkajs. */
export const kafkajsLog = (settings: KafkaSettings, patience?: Patience): EventLog => kafkaLog(settings, kafkajsClient, patience)

const CLIENTS = { platformatic: platformaticLog, kafkajs: kafkajsLog }

/**
 * Messages come by a client. Whether there are any is asked without one: of runs that find nothing new, loading it would be the
 * greatest part.
 */
export function clientLog(client: KafkaLanding['client'], settings: KafkaSettings, patience?: Patience): EventLog {
  const [states, messages] = [directLog(settings, patience), CLIENTS[client](settings, patience)]
  return {
    topic: (name, signal) => states.topic(name, signal),
    heldUpTo: (topic, positions, signal) => states.heldUpTo(topic, positions, signal),
    readRange: (range, options) => messages.readRange(range, options),
    close: async () => void (await Promise.all([states.close(), messages.close()])),
  }
}
