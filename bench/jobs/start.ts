/** Commands that do no work. */
import { join } from 'node:path'
import { inTurns, measure } from '../measure.ts'
import { report, verdict } from '../report.ts'
import { firstRun, QUERN, ROOT, WORK } from '../setting.ts'

export async function start(rounds: number): Promise<void> {
  const node = (...args: string[]) => measure([process.execPath, ...args], { cwd: ROOT })
  const quern = (...args: string[]) => measure([...QUERN, ...args], { cwd: ROOT })
  firstRun(ROOT)
  const store = ['--store', `file:${join(WORK, 'store')}`]
  const costs = inTurns(Math.max(rounds, 5), {
    'node -e 0': () => node('-e', '0'),
    'quern --help': () => quern('--help'),
    'quern check': () => quern('check'),
    'quern run, unchanged': () => quern('run', 'origin_delays', ...store),
  })
  report('start: commands that do no work', costs)
  verdict('--help, CPU seconds beside 0.15', costs['quern --help']!.cpuSeconds / 0.15, 1)
  verdict('check, CPU seconds beside 0.15', costs['quern check']!.cpuSeconds / 0.15, 1)
  verdict('run with nothing to do, CPU seconds beside 0.3', costs['quern run, unchanged']!.cpuSeconds / 0.3, 1)
}
