/** `quern vacuum`: lists what no version needs that is kept, and deletes it with `--apply`. */
import { randomUUID } from 'node:crypto'
import type { App } from '../../app.ts'
import { DefinitionError, EXIT } from '../../domain/errors.ts'
import type { TableStore } from '../../domain/tableStore.ts'
import { parseDuration } from '../../domain/time.ts'
import type { Maintained } from '../../run/resolveRef.ts'
import { maintained } from '../../run/resolveRef.ts'
import type { VacuumPlan } from '../../run/vacuum.ts'
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
  const app = await build()
  const { store, now, signal } = app
  const of = await maintained(store, args[0]!)
  const { name, folder } = of
  const options = { retain, now: now(), signal, folder }
  if (flags.apply && app.config.store.kind === 's3') await requireClock(app)
  const plan = await planVacuum(store, name, options)
  const objects = flags.apply ? await applyVacuum(store, name, plan, options) : plan.objects
  for (const object of objects) {
    if (flags.json) printJson({ name, path: object.name, bytes: object.bytes, why: object.why })
    else printLine(`${object.name}  ${bytes(object.bytes)}  ${object.why}`)
  }
  const size = bytes(objects.reduce((sum, object) => sum + object.bytes, 0))
  note(
    `${name}: ${counted(objects.length, 'object')}, ${size}, ${flags.apply ? 'deleted' : 'can be deleted with --apply'}; ${await keptText(store, of, plan)}`,
  )
  return EXIT.done
}

/** Milliseconds by which two clocks may differ. */
const CLOCKS = 3_600_000

/** Ages are told by this machine's clock and by the store's: by a wrong one, what a run has just written is old enough to go. */
async function requireClock({ objects, now }: App): Promise<void> {
  const key = `_quern/clock-${randomUUID()}`
  await objects.put(key, new Uint8Array())
  const [entry] = await Array.fromAsync(objects.list(key))
  await objects.delete(key)
  const apart = Number(now() / 1000n) - entry!.modifiedAt
  if (Math.abs(apart) < CLOCKS) return
  throw new DefinitionError(
    'definition.clock',
    `the clock of this machine and that of ${objects.uri} are ${Math.round(Math.abs(apart) / CLOCKS)} h apart: what is old cannot be told`,
    {
      hint: 'Set the clock, and run again. Nothing was deleted.',
    },
  )
}

async function keptText(store: TableStore, { folder, name }: Maintained, { from, also }: VacuumPlan): Promise<string> {
  if (from === undefined) return 'no run has committed a version yet'
  const { version } = (await store.table(`${folder}/${name}`).snapshot('latest'))!
  return `versions ${from} to ${version}${also.length > 0 ? ` and ${also.join(', ')}` : ''} stay`
}
