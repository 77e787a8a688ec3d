/** One real broker for all tests of a suite. */
import { afterAll, beforeAll, describe } from 'vitest'
import type { Broker, BrokerOptions } from './kafkaBroker.ts'
import { kafkaPrograms, startBroker } from './kafkaBroker.ts'
import type { Topics } from './topics.ts'
import { topicsAt } from './topics.ts'

const found = await kafkaPrograms()
if ('missing' in found) console.warn(found.missing)

/** A suite that needs one: left out, with the reason, where there can be none. */
export const describeWithBroker = describe.skipIf('missing' in found)

/** For use within a suite; there from its first test on, and removed after the last. */
export function sharedBroker(options: BrokerOptions = {}): { readonly broker: Broker; readonly topics: Topics } {
  let running: { broker: Broker; topics: Topics }
  beforeAll(async () => {
    const broker = await startBroker(options)
    running = { broker, topics: topicsAt(broker.bootstrap) }
  })
  afterAll(async () => {
    await running.topics.close()
    await running.broker.stop()
  })
  return {
    get broker() {
      return running.broker
    },
    get topics() {
      return running.topics
    },
  }
}
