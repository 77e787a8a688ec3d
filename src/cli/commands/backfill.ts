/** `quern backfill`: a range of cutoffs computed anew, a line for each chunk. */
import { DefinitionError, EXIT } from '../../domain/errors.ts'
import { formatInstant, parseDuration, requireInstant } from '../../domain/time.ts'
import { loadDefinitions } from '../../registry.ts'
import { backfill as backfillRange, chunkText } from '../../run/backfill.ts'
import type { CommandContext } from '../command.ts'
import { warningTexts } from '../expectationText.ts'
import { requireFlag, severityFlag, shareFlag, untilFlag } from '../flags.ts'
import { note, printJson, printLine } from '../output.ts'
import { progressLine } from '../progress.ts'
import { runJson, runText } from '../runLine.ts'

export async function backfill({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const from = requireInstant(requireFlag(flags.from, '--from'), '--from')
  const to = untilFlag(requireFlag(flags.to, '--to'), app.now(), '--to')
  if (from >= to) {
    throw new DefinitionError('definition.range', `--from ${flags.from} is not before --to ${flags.to}`, {
      hint: 'The range is half-open: it holds the cutoffs from --from on and before --to.',
    })
  }
  const chunk = flags.chunk === undefined ? undefined : parseDuration(flags.chunk)
  if (flags.chunk !== undefined && !chunk) {
    throw new DefinitionError('definition.chunk', `--chunk: \`${flags.chunk}\` is no duration`, {
      hint: 'Write one such as 30d.',
    })
  }
  const [set] = await loadDefinitions(app.config.projectDir, args)
  const progress = progressLine(set!.name, !app.config.plain, app.now)
  const options = {
    from,
    to,
    chunk,
    maxRejected: shareFlag(flags.maxRejected),
    severity: severityFlag(flags.expectations),
    acceptLoss: flags.acceptLoss === true,
    onProgress: progress.show,
    signal: app.signal,
  }
  let startedAt = app.now()
  let chunks = 0
  try {
    for await (const { chunk: part, ...result } of backfillRange(set!, app, options)) {
      progress.clear()
      const seconds = Number(app.now() - startedAt) / 1e6
      if (flags.json) {
        printJson({ ...runJson(set!, result, seconds), chunk: { from: formatInstant(part.from), to: formatInstant(part.to) } })
      } else printLine(`${chunkText(part, set!.every)}: ${runText(set!, result, seconds)}`)
      for (const warning of warningTexts(set!.name, result.expectations)) note(warning)
      startedAt = app.now()
      chunks++
    }
  } finally {
    progress.clear()
  }
  if (chunks === 0) note(`${set!.name}: no cutoff from ${flags.from} and before ${flags.to} is due`)
  return EXIT.done
}
