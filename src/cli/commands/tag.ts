/** `quern tag`: gives a version a name, moves the name, or takes it away. */
import { DefinitionError, EXIT, TransientError } from '../../domain/errors.ts'
import { removedVersion, resolveRef } from '../../run/resolveRef.ts'
import type { CommandContext } from '../command.ts'
import { printJson, printLine } from '../output.ts'

/** Tags become names of folders, and these have an end. */
const LONGEST = 100

export async function tag({ app: build, args, flags }: CommandContext): Promise<number> {
  const { store } = await build()
  const [ref, name] = args as [string, string]
  if (!/^[a-z][a-z0-9._-]*$/i.test(name)) {
    throw new DefinitionError('definition.tag', `\`${name}\` is no name for a tag`, {
      hint: 'Tags begin with a letter and hold letters, digits, `.`, `_` and `-`.',
    })
  }
  if (name.length > LONGEST) {
    throw new DefinitionError('definition.tag', `a tag of ${name.length} characters is too long`, {
      hint: `At most ${LONGEST} are allowed.`,
    })
  }
  if (name === 'latest') {
    throw new DefinitionError('definition.tag', '`latest` cannot be a tag', {
      hint: 'The latest version is what the name alone means. Choose another word.',
    })
  }
  const { table, snapshot, name: set } = await resolveRef(store, ref)
  const before = (await table.tags()).get(name)
  if (flags.delete && before === undefined) {
    throw new DefinitionError('definition.tag', `\`${set}\` has no tag \`${name}\``, { hint: `See \`quern log ${set}\`.` })
  }
  const version = flags.delete ? undefined : snapshot.version
  const outcome = before === version ? 'written' : await table.moveTag(name, version, before)
  if (outcome === 'gone') {
    // Which says of what is gone why.
    await resolveRef(store, `${set}@${snapshot.version}`)
    throw removedVersion(set, snapshot.version)
  }
  if (outcome === 'moved') {
    const now = (await table.tags()).get(name)
    throw new TransientError(
      'transient.conflict',
      `\`${set}\`: somebody else has just moved tag \`${name}\`; ${now === undefined ? 'it is gone now' : `it names version ${now} now`}`,
      { hint: 'Look whether that is what you wanted, and tag again if not.' },
    )
  }
  const was = before === undefined || before === version ? '' : ` (was ${before})`
  if (flags.json) printJson({ name: set, tag: name, version: version ?? null, previous: before ?? null })
  else printLine(`${set}: tag \`${name}\` ${version === undefined ? 'is gone' : `names version ${version}`}${was}`)
  return EXIT.done
}
