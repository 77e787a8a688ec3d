/**
 * The story of a landing: what is new in a topic is read up to where it ended when the run began, judged, and appended to
 * `archive/<source>/` with the positions that the next landing begins at, in the same commit. A topic with much that is new lands in
 * several commits. A run that dies lands nothing of the one that it was at; the next one reads the same again.
 */
import { TransientError } from '../domain/errors.ts'
import { ReplacedTopicError } from '../domain/eventLog.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { LandOptions, LandResult } from './landBatch.ts'
import { landBatch } from './landBatch.ts'
import { isDue } from './landingPlan.ts'
import type { Parts } from './parts.ts'
import { endsOf, planTopic } from './planTopic.ts'
import { standAside } from './standAside.ts'

const ATTEMPTS = 20

export async function landTopic(source: KafkaSource, parts: Parts, options: LandOptions): Promise<LandResult> {
  const { log } = parts.topicOf(source)
  const table = parts.store.table(`archive/${source.name}`)
  const name = source.landing.topic
  // Read before the topic is: what another run lands in between is not beyond where the topic ends.
  let archive = await table.snapshot('latest')
  const first = await log.topic(name, options.signal)
  const ends = endsOf(first)
  const counts = { commits: 0, rows: 0, rejected: 0, repeats: 0, passed: 0, lost: 0n }
  const result: LandResult = { ...counts, isWhole: false, version: undefined }
  let topic = first
  for (let failed = 0; failed < ATTEMPTS; ) {
    result.version = archive?.version
    const { acceptLoss, signal } = options
    const plans = await planTopic(source, topic, { log, archive, ends, acceptLoss, signal })
    // Where reading begins at the end, that is to be remembered.
    const begins = source.landing.start === 'latest' && !archive
    if (!plans.some(isDue) && !begins) return { ...result, isWhole: true }
    const done = await landBatch(source, parts, { table, archive, topic, plans }, options)
    if (done) {
      failed = 0
      result.commits++
      for (const what of ['rows', 'rejected', 'repeats', 'passed'] as const) result[what] += done[what]
      result.lost += done.lost
      result.version = done.version
      await options.onCommit?.(done)
      if (done.isLast || options.ending?.aborted) return { ...result, isWhole: done.isLast }
    } else {
      parts.trace(`${source.name}: another run was first`)
      await standAside(++failed)
    }
    archive = await table.snapshot('latest')
    // Of what is still to be read some may be gone by now.
    topic = await log.topic(name, options.signal)
    if (topic.topicId !== first.topicId) throw new ReplacedTopicError(name, first.topicId, topic.topicId)
  }
  throw new TransientError(
    'transient.conflict',
    `source \`${source.name}\`: its archive changed during ${ATTEMPTS} attempts to land`,
    { hint: 'Run again when no other run is under way.' },
  )
}
