/** Rows that are refused: the example's run where the schema refuses half of the flights, beside one where it refuses none. */
import { inTurns } from '../measure.ts'
import { report, verdict } from '../report.ts'
import { firstRun, project, ROOT } from '../setting.ts'

export async function rejects(rounds: number): Promise<void> {
  const costs = inTurns(rounds, {
    'no row refused': () => firstRun(ROOT),
    'half of them refused': () => firstRun(project('half')),
  })
  report('rejects: 3,000,000 flights to a committed version', costs)
  verdict('half refused beside none', costs['half of them refused']!.cpuSeconds / costs['no row refused']!.cpuSeconds, 3)
}
