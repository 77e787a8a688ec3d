/** `quern doctor`: each thing that a run needs, tried. */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { App } from '../../app.ts'
import { EXIT, QuernError, TransientError, worstExitCode } from '../../domain/errors.ts'
import type { FeatureSet } from '../../domain/featureSet.ts'
import type { KafkaSource } from '../../domain/source.ts'
import { loadDefinitions } from '../../registry.ts'
import type { CommandContext } from '../command.ts'
import { errorText } from '../errorText.ts'
import { bytes, counted, printJson, printLine } from '../output.ts'

export async function doctor({ app: build, flags }: CommandContext): Promise<number> {
  const app = await build()
  const codes: number[] = []
  const examine = async (what: string, look: () => Promise<string>): Promise<void> => {
    const { ok, text, code } = await look().then(
      found => ({ ok: true, text: found, code: EXIT.done as number }),
      error => ({
        ok: false,
        text: error instanceof QuernError ? errorText(error) : String(error),
        code: error instanceof TransientError ? EXIT.tryAgain : EXIT.definition,
      }),
    )
    codes.push(code)
    if (flags.json) printJson({ check: what, ok, detail: text })
    else printLine(`${ok ? 'ok     ' : 'problem'}  ${what.padEnd(width)}  ${text}`)
  }
  const sets = await loadDefinitions(app.config.projectDir).catch(() => [])
  const topics = uniqueTopics(sets)
  const checks = [
    ...sets.map(({ source }) => `source ${source.name}`),
    ...topics.flatMap(source => [
      `topic ${source.landing.topic}`,
      ...(source.landing.registry ? [`registry of ${source.name}`] : []),
    ]),
  ]
  const width = Math.max(...checks.map(({ length }) => length), 'definitions'.length)
  await examine('node', async () => process.versions.node)
  await examine('engine', async () => `${app.engine.name} ${await app.engine.version()}`)
  await examine('limits', async () => {
    const { memoryBytes, threads } = await app.engine.limits()
    return `${bytes(memoryBytes)} of memory, ${counted(threads, 'thread')}`
  })
  await examine('store', () => probeStore(app))
  await examine('definitions', async () => counted((await loadDefinitions(app.config.projectDir)).length, 'feature set'))
  const seen = new Set<string>()
  for (const set of sets) {
    if (seen.has(set.source.name)) continue
    seen.add(set.source.name)
    await examine(`source ${set.source.name}`, async () => counted((await app.sourceOf(set).pin([])).files.length, 'file'))
  }
  for (const source of topics) {
    await examine(`topic ${source.landing.topic}`, () => probeTopic(app, source))
    if (source.landing.registry) await examine(`registry of ${source.name}`, () => probeRegistry(app, source))
  }
  return worstExitCode(codes)
}

function uniqueTopics(sets: readonly FeatureSet[]): KafkaSource[] {
  const sources = sets.flatMap(({ source }) => (source.kind === 'kafka' ? [source] : []))
  return sources.filter(({ name }, at) => sources.findIndex(other => other.name === name) === at)
}

/** That a topic is told of does not say that it may be read. */
async function probeTopic({ topicOf, signal }: App, source: KafkaSource): Promise<string> {
  const { log } = topicOf(source)
  const { topic } = source.landing
  const { topicId, partitions } = await log.topic(topic, signal)
  const kept = partitions.reduce((sum, { first, end }) => sum + Number(end - first), 0)
  const filled = partitions.find(({ first, end }) => first < end)
  const size = counted(partitions.length, 'partition')
  if (!filled) return `${size}, empty: whether it may be read is told by the first message`
  const range = { topic, topicId, partition: filled.partition, from: filled.end - 1n, to: filled.end }
  for await (const _ of log.readRange(range, { batchBytes: 1, signal })) break
  return `${size}, ${counted(kept, 'offset')}, can be read`
}

async function probeRegistry({ topicOf, signal }: App, source: KafkaSource): Promise<string> {
  const { registry } = topicOf(source)
  await registry?.probe(signal)
  return `${registry?.url} answers`
}

/** Of two who write one key at the same time exactly one may win: commits rest on that. Makes no store that is not there. */
async function probeStore({ objects, config, probe }: App): Promise<string> {
  if (config.store.kind === 'folder' && !existsSync(config.store.path))
    return `${objects.uri} is not there yet; the first run makes it`
  // One after the other, so that what is not permitted is named.
  for await (const _ of objects.list('_quern/')) break
  const key = `_quern/probe-${randomUUID()}`
  await objects.put(key, new Uint8Array())
  await objects.get(key)
  await objects.delete(key)
  // What only a clean-up needs.
  for await (const _ of objects.unfinished('_quern/')) break
  await probe()
  return `${objects.uri} can be listed, read, written and deleted, and of several writers of one file one wins`
}
