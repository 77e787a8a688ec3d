/** Messages of a topic to a validated, committed archive, beside the usual code; what a run costs that finds nothing new; memory. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Broker, kafkaPrograms, startBroker } from '../../test/kit/kafkaBroker.ts'
import { type Topics, topicsAt } from '../../test/kit/topics.ts'
import type { Cost } from '../measure.ts'
import { inTurns, measure } from '../measure.ts'
import { report, verdict } from '../report.ts'
import { project, quern, ROOT, WORK } from '../setting.ts'

const MESSAGES = 1_000_000
const PARTITIONS = 3
const PER_BATCH = 5_000
const FOLDER = join(WORK, 'kafka')

export async function kafka(rounds: number): Promise<void> {
  const programs = await kafkaPrograms()
  if ('missing' in programs) throw new Error(programs.missing)
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  const broker = await startBroker()
  const topics = topicsAt(broker.bootstrap)
  try {
    await fill(topics, 'payments', MESSAGES)
    await landings(rounds, broker)
    nothingNew(rounds, broker)
    await fill(topics, 'more', 3 * MESSAGES)
    memory(broker)
  } finally {
    await topics.close()
    await broker.stop()
    rmSync(FOLDER, { recursive: true, force: true })
  }
}

async function fill(topics: Topics, name: string, messages: number): Promise<void> {
  const topic = await topics.make({ name, partitions: PARTITIONS })
  for (let from = 0; from < messages; from += PER_BATCH) {
    const batch = Array.from({ length: PER_BATCH }, (_, at) => ({ key: `c${(from + at) % 1000}`, value: paymentOf(from + at) }))
    await topics.produce(topic, (from / PER_BATCH) % PARTITIONS, batch)
  }
}

/** About 200 bytes. */
const paymentOf = (at: number): string =>
  JSON.stringify({
    id: `order-${String(at).padStart(10, '0')}`,
    customer: `customer-${(at * 7919) % 50_000}`,
    at: new Date(1_767_225_600_000 + at * 80).toISOString(),
    amount: (at * 31) % 997,
    currency: 'EUR',
    country: ['DE', 'FR', 'IT', 'ES'][at % 4],
    channel: at % 3 === 0 ? 'store' : 'web',
    note: `left at the door of number ${at % 400}`,
  })

const envOf = ({ bootstrap }: Broker, topic: string): Record<string, string> => ({
  KAFKA_BROKERS: bootstrap,
  QUERN_BENCH_TOPIC: topic,
})

async function landings(rounds: number, broker: Broker): Promise<void> {
  const { bootstrap } = broker
  const cwd = project('topic')
  const env = envOf(broker, 'payments')
  const script = (...args: string[]): string[] => [process.execPath, ...args]
  const costs = inTurns(rounds, {
    'kafkajs, zod, appender': () =>
      measure(
        script(join(ROOT, 'bench/peers/kafkajs_loop.js'), bootstrap, 'payments', String(MESSAGES), join(FOLDER, 'peer.parquet')),
        { cwd },
      ),
    'quern, landing alone': () => {
      rmSync(join(FOLDER, 'alone'), { recursive: true, force: true })
      return measure(script(join(ROOT, 'bench/landAlone.ts'), join(FOLDER, 'alone'), String(MESSAGES)), { cwd, env })
    },
    'quern run, features too': () => {
      rmSync(join(FOLDER, 'store'), { recursive: true, force: true })
      return quern(['run'], { cwd, store: join(FOLDER, 'store'), env })
    },
  })
  report(`kafka: ${MESSAGES} messages of about 200 bytes from ${PARTITIONS} partitions`, costs)
  const [peer, own] = Object.values(costs) as [Cost, Cost]
  console.log(`messages a second: ${Math.round(MESSAGES / peer.wallSeconds)} and ${Math.round(MESSAGES / own.wallSeconds)}`)
  verdict("CPU beside the usual code's", own.cpuSeconds / peer.cpuSeconds, 1 / 1.5)
}

/** The difference to a run that does not look. */
function nothingNew(rounds: number, broker: Broker): void {
  const place = { cwd: project('topic'), store: join(FOLDER, 'store'), env: envOf(broker, 'payments') }
  const costs = inTurns(Math.max(rounds, 5), {
    'without a look': () => quern(['run', '--no-land'], place),
    'nothing new in the topic': () => quern(['run'], place),
  })
  report('kafka: runs that find nothing to do', costs)
  const [without, looked] = Object.values(costs) as [Cost, Cost]
  verdict('milliseconds of CPU to find that nothing is new', (looked.cpuSeconds - without.cpuSeconds) * 1000, 200)
}

function memory(broker: Broker): void {
  const costs: Record<string, Cost> = {}
  for (const [topic, messages] of [
    ['payments', MESSAGES],
    ['more', 3 * MESSAGES],
  ] as const) {
    const store = join(FOLDER, 'bounded')
    rmSync(store, { recursive: true, force: true })
    costs[`${messages} messages`] = measure([process.execPath, join(ROOT, 'bench/landAlone.ts'), store, String(messages)], {
      cwd: project('topic'),
      env: { ...envOf(broker, topic), QUERN_MEMORY: '512MiB' },
    })
  }
  report('kafka: landings within QUERN_MEMORY=512MiB', costs)
  for (const [name, { peakMegabytes }] of Object.entries(costs))
    verdict(`${name}: peak memory beside 512 MiB and 150 MB`, peakMegabytes / (2 ** 29 / 1e6 + 150), 1)
}
