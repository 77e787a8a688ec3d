/** `quern vacuum`: lists what no version needs that is kept, and deletes it with `--apply`. */
import { DefinitionError, EXIT } from '../../domain/errors.ts'
import { parseDuration } from '../../domain/time.ts'
import { resolveRef } from '../../run/resolveRef.ts'
import { applyVacuum, planVacuum } from '../../run/vacuum.ts'
import type { CommandContext } from '../command.ts'
import { bytes, counted, note, printJson, printLine } from '../output.ts'

const RETAIN = '30d'

export async function vacuum({ app: build, args, flags }: CommandContext): Promise<number> {
  const text = flags.retain ?? RETAIN
  const retain = parseDuration(text)
  if (retain === undefined) {
    throw new DefinitionError('definition.retain', `--retain: \`${text}\` is no duration`, { hint: 'Write one such as 30d.' })
  }
  const { store, now } = await build()
  const { name, snapshot } = await resolveRef(store, args[0]!)
  const plan = await planVacuum(store, name, { retain, now: now() })
  const { objects, from, also } = plan
  for (const object of objects) {
    if (flags.json) printJson({ name, path: object.name, bytes: object.bytes, why: object.why })
    else printLine(`${object.name}  ${bytes(object.bytes)}  ${object.why}`)
  }
  if (flags.apply) await applyVacuum(store, name, plan)
  const size = bytes(objects.reduce((sum, object) => sum + object.bytes, 0))
  const kept = `versions ${from} to ${snapshot.version}${also.length > 0 ? ` and ${also.join(', ')}` : ''} stay`
  note(
    `${name}: ${counted(objects.length, 'object')}, ${size}, ${flags.apply ? 'deleted' : 'can be deleted with --apply'}; ${kept}`,
  )
  return EXIT.done
}
