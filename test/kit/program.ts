/** The program in this process: what a command line answers, without the start of a process. One at a time. */
import type { MockInstance } from 'vitest'
import { vi } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import type { Outcome } from './cli.ts'
import { documents } from './cli.ts'

export interface Answer extends Outcome {
  /** The documents that `--json` printed. */
  lines: Record<string, unknown>[]
}

/** Runs `quern ...args` in the folder `cwd`. The clock shows `now`, where it is given, and stands still. */
export async function here(cwd: string, args: readonly string[], { now }: { now?: string } = {}): Promise<Answer> {
  const said = { stdout: '', stderr: '' }
  const listenTo = (name: 'stdout' | 'stderr'): MockInstance =>
    vi.spyOn(process[name], 'write').mockImplementation(text => {
      said[name] += text
      return true
    })
  const spies = [vi.spyOn(process, 'cwd').mockReturnValue(cwd), listenTo('stdout'), listenTo('stderr')]
  if (now !== undefined) vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(now) })
  try {
    const { signal } = new AbortController()
    const code = await runProgram(args, { signal, exitCode: () => 130, orderlyEnd: () => signal })
    const lines = args.includes('--json') ? documents({ code, ...said }) : []
    return { code, ...said, lines }
  } finally {
    vi.useRealTimers()
    for (const spy of spies) spy.mockRestore()
  }
}
