/** Apache Kafka from Maven's central repository, installed once in the repository: jars, and what makes its start fast. */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connects, freePort, ServerProcess } from './serverProcess.ts'
import { installedOnce, orMissing, TOOLS } from './tool.ts'

const run = promisify(execFile)

export type KafkaVersion = '4.1.0' | '3.9.1'

export interface KafkaPrograms {
  /** All jars, in an order that does not change: the archive of classes is of that order. */
  classPath: string
  /** A formatted data folder of node 1, whose ids are to be replaced. */
  template: string
  /** Classes as the machine keeps them in memory: a start takes half the time. */
  archive: string
}

/** What all brokers run with: started often, for a short time. */
export const JVM = [
  '-Xms64m',
  '-Xmx320m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
]

/** Where the broker is, or why there is none. On a build server that is an error. */
export function kafkaPrograms(version: KafkaVersion = '4.1.0', tools = TOOLS): Promise<KafkaPrograms | { missing: string }> {
  return orMissing(`Apache Kafka ${version}`, async () => {
    const folder = join(tools, `kafka-${version}`)
    const jars = await installedOnce(folder, 'libs', place => download(version, place))
    const names = readdirSync(jars).filter(name => name.endsWith('.jar'))
    const classPath = names
      .sort()
      .map(name => join(jars, name))
      .join(':')
    const template = await installedOnce(folder, 'template', place => format(classPath, place))
    const archive = await installedOnce(folder, 'kafka.jsa', place => archiveOf(classPath, template, place))
    return { classPath, template, archive }
  })
}

async function download(version: KafkaVersion, place: string): Promise<void> {
  const dependency = (group: string, artifact: string, of: string): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${of}</version></dependency>`
  // The second prints what the broker has to say.
  const dependencies = [dependency('org.apache.kafka', 'kafka_2.13', version), dependency('org.slf4j', 'slf4j-simple', '1.7.36')]
  const project = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
    <groupId>quern</groupId><artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>
    <dependencies>${dependencies.join('')}</dependencies></project>`
  writeFileSync(join(place, 'pom.xml'), project)
  const copy = ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=libs']
  // Maven says on its standard output what went wrong.
  await run('mvn', copy, { cwd: place }).catch((error: { stdout?: string; message: string }) => {
    throw Object.assign(new Error(error.message), { stderr: error.stdout?.match(/^\[ERROR\].*/m)?.[0] })
  })
}

async function format(classPath: string, place: string): Promise<void> {
  const properties = join(place, 'server.properties')
  writeFileSync(properties, propertiesText(ownProperties(join(place, 'template'), 1, 2)))
  const id = randomBytes(16).toString('base64url')
  await run('java', [...JVM, '-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', id, '-c', properties])
}

/** A broker that has started and ended tells which classes that takes. */
async function archiveOf(classPath: string, template: string, place: string): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'quern-kafka-'))
  const [port, controller] = [await freePort(), await freePort()]
  const data = join(home, 'data')
  mkdirSync(data)
  await run('cp', ['-r', `${template}/.`, data])
  writeFileSync(join(home, 'server.properties'), propertiesText(ownProperties(data, port, controller)))
  const options = [...JVM, `-XX:ArchiveClassesAtExit=${join(place, 'kafka.jsa')}`, '-cp', classPath, 'kafka.Kafka']
  const child = spawn('java', [...options, join(home, 'server.properties')], { stdio: ['ignore', 'ignore', 'pipe'] })
  const server = new ServerProcess(child, home)
  try {
    await server.answers(() => connects(port), 120_000)
    await server.end('SIGTERM', 120_000)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** One node that is alone. */
function ownProperties(data: string, port: number, controller: number): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
  }
}

export function propertiesText(properties: Record<string, string>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('')
}
