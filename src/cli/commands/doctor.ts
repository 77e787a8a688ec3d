/** `quern doctor`: each thing that a run needs, tried. */
import { randomUUID } from 'node:crypto'
import type { App } from '../../app.ts'
import { EXIT, QuernError, TransientError, worstExitCode } from '../../domain/errors.ts'
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
    else printLine(`${ok ? 'ok     ' : 'problem'}  ${what.padEnd(12)} ${text}`)
  }
  await examine('node', async () => process.versions.node)
  await examine('engine', async () => `${app.engine.name} ${await app.engine.version()}`)
  await examine('limits', async () => {
    const { memoryBytes, threads } = await app.engine.limits()
    return `${bytes(memoryBytes)} of memory, ${counted(threads, 'thread')}`
  })
  await examine('store', () => probeStore(app))
  await examine('definitions', async () => counted((await loadDefinitions(app.config.projectDir)).length, 'feature set'))
  for (const set of await loadDefinitions(app.config.projectDir).catch(() => [])) {
    await examine(`source ${set.source.name}`, async () => counted((await app.sourceOf(set).pin([])).files.length, 'file'))
  }
  return worstExitCode(codes)
}

/** Two writers of one key: exactly one may win. */
async function probeStore({ objects }: App): Promise<string> {
  const key = `_quern/probe-${randomUUID()}`
  const results = await Promise.all(['a', 'b'].map(text => objects.putIfAbsent(key, new TextEncoder().encode(text))))
  await objects.delete(key)
  if (results.filter(result => result === 'written').length !== 1) throw new Error(`${objects.uri} let two writers win`)
  return `${objects.uri} is writable and lets one writer win`
}
