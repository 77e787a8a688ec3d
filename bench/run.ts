/** `npm run bench`: quern beside its peers, in one run, as ratios. README.md beside this file says what the jobs are. */
import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { linkFlights } from '../scripts/data.ts'
import { bucket } from './jobs/bucket.ts'
import { checkColumns } from './jobs/checkColumns.ts'
import { checkRows } from './jobs/checkRows.ts'
import { daily } from './jobs/daily.ts'
import { job1 } from './jobs/job1.ts'
import { kafka } from './jobs/kafka.ts'
import { large } from './jobs/large.ts'
import { late } from './jobs/late.ts'
import { log } from './jobs/log.ts'
import { rejects } from './jobs/rejects.ts'
import { start } from './jobs/start.ts'
import { workers } from './jobs/workers.ts'
import { WORK } from './setting.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, only: { type: 'string' } } })
const rounds = Number(values.rounds)
const jobs: Record<string, (rounds: number) => Promise<void>> = {
  job1,
  large,
  start,
  daily,
  late,
  log,
  workers,
  checkColumns,
  checkRows,
  rejects,
  bucket,
  kafka,
}
mkdirSync(WORK, { recursive: true })
await linkFlights()
const only = values.only?.split(',') ?? Object.keys(jobs)
const unknown = only.filter(name => !(name in jobs))
if (unknown.length > 0) throw new Error(`--only ${unknown}: there is no such job; there are ${Object.keys(jobs).join(', ')}`)
for (const [name, job] of Object.entries(jobs)) if (only.includes(name)) await job(rounds)
