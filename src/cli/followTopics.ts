/** `quern run --follow`: topics are followed until an end is asked for. */
import { DefinitionError, EXIT, QuernError, worstExitCode } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { loadDefinitions } from '../registry.ts'
import type { Followed, FollowFailure } from '../run/follow.ts'
import { follow } from '../run/follow.ts'
import type { CommandContext, Flags } from './command.ts'
import { printFailure } from './eachSet.ts'
import { defectText, errorText, isExpected } from './errorText.ts'
import { countFlag, durationFlag, severityFlag, shareFlag } from './flags.ts'
import { FollowOutput } from './followOutput.ts'
import { note } from './output.ts'

const BATCH = { time: '10s', rows: '500000' }

export async function followTopics({ app: build, args, flags, orderlyEnd }: CommandContext): Promise<number> {
  const batch = {
    time: durationFlag(flags.batchTime ?? BATCH.time, '--batch-time'),
    messages: countFlag(flags.batchRows ?? BATCH.rows, '--batch-rows'),
  }
  refuseOthers(flags)
  const limits = { maxRejected: shareFlag(flags.maxRejected), severity: severityFlag(flags.expectations) }
  const app = await build()
  const followed = bySource(requireTopics(await loadDefinitions(app.config.projectDir, args), args.length > 0))
  const metrics = await app.serveMetrics()
  const output = new FollowOutput({ json: flags.json === true, plain: app.config.plain, now: app.now })
  const ending = orderlyEnd()
  ending.addEventListener('abort', () => output.note('finishing the batch; another signal ends at once'))
  try {
    if (metrics) output.note(`metrics at ${metrics.url}`)
    const watchers = metrics ? [output, metrics.watcher] : [output]
    const options = { ...limits, acceptLoss: flags.acceptLoss === true, batch, ending, watchers }
    const failures = await follow(followed, app, options)
    output.end()
    for (const failure of failures) await say(failure, flags)
    return worstExitCode(failures.map(({ error }) => (isExpected(error) ? error.exitCode : EXIT.defect)))
  } finally {
    output.end()
    metrics?.close()
  }
}

/** What speaks of one run cannot be said of all that follow. */
function refuseOthers(flags: Flags): void {
  const given = [
    ...(flags.until === undefined ? [] : ['--until']),
    ...(flags.full ? ['--full'] : []),
    ...(flags.land === false ? ['--no-land'] : []),
  ][0]
  if (given === undefined) return
  throw new DefinitionError('definition.follow', `--follow and ${given} exclude each other`, {
    hint: `Following lands what comes and computes what is due, again and again. Run once with ${given}, then follow.`,
  })
}

/** Feature sets over files are a scheduler's matter: nothing tells when files come. */
function requireTopics(sets: readonly FeatureSet[], areNamed: boolean): FeatureSet[] {
  const overFiles = sets.filter(({ source }) => source.kind !== 'kafka')
  const names = overFiles.map(({ name }) => `\`${name}\``).join(', ')
  const verb = overFiles.length === 1 ? 'reads' : 'read'
  if (overFiles.length > 0 && (areNamed || overFiles.length === sets.length)) {
    throw new DefinitionError('definition.follow', `--follow: ${names} ${verb} files, and only topics can be followed`, {
      hint: 'Have a scheduler start `quern run` for what reads files.',
    })
  }
  if (overFiles.length > 0) note(`${names} ${verb} files: not followed, \`quern run\` computes what is due`)
  return sets.filter(({ source }) => source.kind === 'kafka')
}

function bySource(sets: readonly FeatureSet[]): Followed[] {
  const followed = new Map<string, { source: Followed['source']; sets: FeatureSet[] }>()
  for (const set of sets) {
    if (set.source.kind !== 'kafka') continue
    const known = followed.get(set.source.name) ?? { source: set.source, sets: [] }
    known.sets.push(set)
    followed.set(set.source.name, known)
  }
  return [...followed.values()]
}

async function say({ name, error }: FollowFailure, { json }: Flags): Promise<void> {
  const { code, hint }: { code: string; hint: string | undefined } =
    error instanceof QuernError ? error : { code: 'defect.unexpected', hint: undefined }
  if (json) await printFailure({ name, error, code, hint })
  note(isExpected(error) ? errorText(error) : defectText(error))
}
