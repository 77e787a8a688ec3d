/** Apache Kafka on loopback: the real broker of the tests. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JVM, type KafkaPrograms, type KafkaVersion, kafkaPrograms, propertiesText } from './kafkaPrograms.ts'
import { addScramUsers, guardedListeners, type Security, security } from './kafkaSecurity.ts'
import { connects, freePort, ServerProcess } from './serverProcess.ts'

export { kafkaPrograms } from './kafkaPrograms.ts'

export interface BrokerOptions {
  version?: KafkaVersion
  /** With listeners that ask for certificates or passwords, and access lists that everybody but those on the plain listener is subject to. */
  secure?: boolean
  /** A second plain listener, which tells clients that it is at this port: that of a line to it (`startLine`). */
  linePort?: number
  /** Further properties of the broker. */
  properties?: Record<string, string>
}

export interface Broker {
  /** `host:port` of the plain listener, on which everything is allowed. */
  bootstrap: string
  /** The port that the line of `linePort` leads to. */
  behindLine: number
  /** Its data: a folder `<topic>-<partition>` for each partition. */
  folder: string
  /** Of a broker that is `secure`. */
  security: Security
  /** `kill -9`. Its data stays. */
  kill: () => Promise<void>
  /** Again, on the same data and ports. */
  start: () => Promise<void>
  /** It neither reads nor answers, and its connections stay (`SIGSTOP`). */
  pause: () => void
  resume: () => void
  /** Ends it, and removes its data. */
  stop: () => Promise<void>
}

/** Answers once the broker does. It ends with `stop`, or with this process, however that ends. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const [broker] = await startCluster(1, options)
  return broker!
}

/** Brokers that keep copies of one another's topics: each one's failure is borne. */
export async function startCluster(count: number, options: BrokerOptions = {}): Promise<Broker[]> {
  const programs = await kafkaPrograms(options.version)
  if ('missing' in programs) throw new Error(programs.missing)
  // Between the search for a free port and its use somebody else may take it.
  for (let attempt = 1; ; attempt++) {
    const clusterId = randomBytes(16).toString('base64url')
    const nodes = await Promise.all(Array.from({ length: count }, (_, at) => nodeOf(programs, at + 1, count, clusterId, options)))
    const voters = nodes.map(({ id, controller }) => `${id}@127.0.0.1:${controller}`).join(',')
    const brokers = nodes.map(node => brokerOf(node, { ...node.properties, 'controller.quorum.voters': voters }))
    try {
      await Promise.all(brokers.map(broker => broker.start()))
      if (options.secure) await addScramUsers(brokers[0]!.bootstrap, brokers[0]!.security)
      return brokers
    } catch (error) {
      await Promise.all(brokers.map(broker => broker.stop()))
      if (attempt === 3) throw error
    }
  }
}

interface Node {
  programs: KafkaPrograms
  id: number
  home: string
  port: number
  controller: number
  behindLine: number
  security: Security
  properties: Record<string, string>
}

async function nodeOf(
  programs: KafkaPrograms,
  id: number,
  count: number,
  clusterId: string,
  { secure = false, linePort, properties }: BrokerOptions,
): Promise<Node> {
  const home = mkdtempSync(join(tmpdir(), 'quern-kafka-'))
  const data = join(home, 'data')
  cpSync(programs.template, data, { recursive: true })
  const meta = join(data, 'meta.properties')
  const ids = { 'node.id': String(id), 'cluster.id': clusterId, 'directory.id': randomBytes(16).toString('base64url') }
  const kept = readFileSync(meta, 'utf8')
    .split('\n')
    .filter(line => !Object.keys(ids).some(name => line.startsWith(`${name}=`)))
  writeFileSync(meta, `${kept.join('\n')}\n${propertiesText(ids)}`)

  const [port, controller, behindLine] = [await freePort(), await freePort(), await freePort()]
  const access = await security(home)
  const listeners = [
    { name: 'PLAINTEXT', protocol: 'PLAINTEXT', port, advertised: port },
    ...(linePort === undefined ? [] : [{ name: 'LINE', protocol: 'PLAINTEXT', port: behindLine, advertised: linePort }]),
    ...(secure ? guardedListeners(access) : []),
  ]
  const controllers = { name: 'CONTROLLER', protocol: 'PLAINTEXT', port: controller }
  const addresses = (of: { name: string; port: number }[]): string =>
    of.map(({ name, port }) => `${name}://127.0.0.1:${port}`).join(',')
  return {
    programs,
    id,
    home,
    port,
    controller,
    behindLine,
    security: access,
    properties: {
      'process.roles': 'broker,controller',
      'node.id': String(id),
      listeners: addresses([...listeners, controllers]),
      'advertised.listeners': addresses(listeners.map(({ name, advertised: port }) => ({ name, port }))),
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map': [...listeners, controllers].map(({ name, protocol }) => `${name}:${protocol}`).join(','),
      'log.dirs': data,
      ...commonProperties(count),
      ...(secure ? access.properties : {}),
      ...properties,
    },
  }
}

/** Small in memory, quick to notice and to tidy, and without an opinion about what messages hold. */
function commonProperties(count: number): Record<string, string> {
  return {
    'auto.create.topics.enable': 'false',
    'default.replication.factor': String(count),
    'offsets.topic.replication.factor': String(count),
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': String(count),
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'message.max.bytes': '33554432',
    'replica.fetch.max.bytes': '33554432',
    'log.message.timestamp.after.max.ms': '9223372036854775807',
    'log.cleaner.dedupe.buffer.size': '4194304',
    'log.cleaner.backoff.ms': '200',
    // After `kill -9` the broker that was has to be given up before its successor is let in.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'background.threads': '2',
  }
}

function brokerOf({ programs, id, home, port, behindLine, security }: Node, properties: Record<string, string>): Broker {
  const file = join(home, 'server.properties')
  writeFileSync(file, propertiesText(properties))
  const options = [...JVM, `-XX:SharedArchiveFile=${programs.archive}`, '-cp', programs.classPath, 'kafka.Kafka', file]
  let server: ServerProcess | undefined
  return {
    bootstrap: `127.0.0.1:${port}`,
    behindLine,
    folder: join(home, 'data'),
    security,
    async kill() {
      await server?.end('SIGKILL')
    },
    async start() {
      server = new ServerProcess(spawn('java', options, { cwd: home, stdio: ['ignore', 'ignore', 'pipe'] }), home)
      await server
        .answers(() => connects(port), 120_000)
        .catch(error => {
          throw new Error(`broker ${id} does not start`, { cause: error })
        })
    },
    pause: () => server?.signal('SIGSTOP'),
    resume: () => server?.signal('SIGCONT'),
    async stop() {
      // What it would write down at an orderly end is removed at once.
      await server?.end('SIGKILL')
      rmSync(home, { recursive: true, force: true })
    },
  }
}
