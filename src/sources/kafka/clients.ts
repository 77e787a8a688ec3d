/** The clients that can make the connections to a cluster. */
import type { EventLog } from '../../domain/eventLog.ts'
import type { KafkaSettings } from '../../domain/kafkaSource.ts'
import { directClient } from './directLine.ts'
import { kafkajsClient } from './kafkajsLine.ts'
import { kafkaLog } from './kafkaLog.ts'
import type { Patience } from './patience.ts'
import { platformaticClient } from './platformaticLine.ts'

/** Node's own sockets. */
export const directLog = (settings: KafkaSettings, patience?: Patience): EventLog => kafkaLog(settings, directClient, patience)
/** @platformatic/kafka, whose loading takes more than half a second of a processor. */
export const platformaticLog = (settings: KafkaSettings, patience?: Patience): EventLog =>
  kafkaLog(settings, platformaticClient, patience)
/** kafkajs. */
export const kafkajsLog = (settings: KafkaSettings, patience?: Patience): EventLog => kafkaLog(settings, kafkajsClient, patience)
