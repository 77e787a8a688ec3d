/** `quern run --follow` over a real broker, as a person or Kubernetes runs it. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { archivedRows, refusedRows } from './kit/archives.ts'
import { documents, REPOSITORY } from './kit/cli.ts'
import { inProcess } from './kit/inProcess.ts'
import { here } from './kit/program.ts'
import { ORDERS_CSV, orders, project } from './kit/project.ts'
import { seeded } from './kit/random.ts'
import { describeWithBroker, sharedBroker } from './kit/sharedBroker.ts'

const spend = (broker: string, topic: string): string => `import { count, defineFeatureSet, kafka, sum } from 'quern'
import { z } from 'zod'

const payments = kafka({
  name: 'payments', topic: '${topic}', brokers: ['${broker}'], eventTime: 'at',
  schema: z.object({ id: z.string(), customer: z.string(), at: z.iso.datetime(), amount: z.int().nonnegative() }),
})

export default defineFeatureSet({
  name: 'spend', source: payments, entity: ['customer'], every: '1h',
  features: f => ({ payments: count().over('1d'), amount: sum(f.amount).over('1d') }),
})
`

/** A program that follows, and what it has said so far. */
class Follower {
  readonly #child
  readonly ended: Promise<number | NodeJS.Signals>
  stdout = ''
  stderr = ''
  #heard: () => void = () => {}

  constructor(cwd: string, args: readonly string[] = []) {
    const more = ['--batch-time', '200ms', '--json', ...args]
    this.#child = spawn(process.execPath, [join(REPOSITORY, 'bin/quern.js'), 'run', '--follow', ...more], {
      cwd,
      env: { ...process.env, QUERN_MEMORY: '1GiB', QUERN_STORE: 'file:store' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const name of ['stdout', 'stderr'] as const)
      this.#child[name].setEncoding('utf8').on('data', text => {
        this[name] += text
        this.#heard()
      })
    this.ended = new Promise(resolve =>
      this.#child.on('close', (code, signal) => {
        resolve(code ?? signal!)
        this.#heard()
      }),
    )
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Waits until it holds, which is looked at whenever something is said. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#child.exitCode !== null) throw new Error(`it has ended with ${this.#child.exitCode}: ${this.stderr}`)
      await new Promise<void>(resolve => {
        this.#heard = resolve
      })
    }
  }

  get lines(): Record<string, unknown>[] {
    const whole = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1)
    return documents({ code: 0, stdout: whole, stderr: '' })
  }

  /** Where its metrics are. */
  get metrics(): string {
    return /metrics at (http:\/\/127\.0\.0\.1:\d+\/metrics)/.exec(this.stderr)![1]!
  }

  /** Of all labels, in their order. */
  async metric(name: string): Promise<number[]> {
    const text = await (await fetch(this.metrics)).text()
    return [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) => Number(value))
  }

  get landed(): Record<string, unknown>[] {
    return this.lines.filter(({ outcome }) => outcome === 'landed')
  }
}

describeWithBroker('following a topic', () => {
  const shared = sharedBroker()

  it('lands every message once, though workers are killed at any time and the broker too, and ends well', async () => {
    const random = seeded()
    const topic = await shared.topics.make({ partitions: 3 })
    const cwd = project({ 'transforms/spend.ts': spend(shared.broker.bootstrap, topic) })
    const sent: string[] = []
    let poison = 0
    let isOver = false
    const producing = (async () => {
      for (let batch = 0; !isOver; batch++) {
        const messages = Array.from({ length: random.whole(1, 40) }, (_, at) => {
          if (at === 7) return { value: 'no json' }
          const row = { id: `p${batch}-${at}`, customer: `c${at % 5}`, at: new Date(Date.now() - 3_600_000).toISOString() }
          return { value: JSON.stringify({ ...row, amount: at }) }
        })
        await shared.topics.produce(topic, batch % 3, messages)
        for (const { value } of messages)
          if (value === 'no json') poison++
          else sent.push((JSON.parse(value) as { id: string }).id)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    })()

    const batchRows = ['--batch-rows', '60']
    for (let life = 0; life < 3; life++) {
      const worker = new Follower(cwd, batchRows)
      if (life === 1) {
        await worker.until(() => worker.landed.length > 0)
        await shared.broker.kill()
        await shared.broker.start()
        const before = worker.landed.length
        await worker.until(() => worker.landed.length > before)
      }
      const commits = random.whole(0, 6)
      await worker.until(() => worker.landed.length >= commits)
      await new Promise(resolve => setTimeout(resolve, random.whole(0, 150)))
      worker.signal('SIGKILL')
      expect(await worker.ended).toBe('SIGKILL')
    }
    const last = new Follower(cwd, [...batchRows, '--metrics', '0'])
    await last.until(() => last.landed.length > 2)
    isOver = true
    await producing
    await last.until(() => {
      const { lag } = last.landed.at(-1) as { lag: { messages: number } }
      return lag.messages === 0
    })

    const url = /metrics at (http:\/\/127\.0\.0\.1:\d+\/metrics)/.exec(last.stderr)![1]!
    const metric = async (name: string): Promise<number[]> =>
      [...(await (await fetch(url)).text()).matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) =>
        Number(value),
      )
    // A look may come before the line of the last commit is heard, and one more batch after it.
    while ((await metric('quern_lag_messages')).some(lag => lag > 0)) await new Promise(resolve => setTimeout(resolve, 50))
    const rows = last.landed.reduce((sum, line) => sum + (line.rows as number), 0)
    expect(await metric('quern_landed_rows_total')).toEqual([rows])
    expect(await metric('quern_commits_total')).toEqual([last.landed.length])
    expect(await metric('quern_freshness_seconds_count')).toEqual([last.landed.length])
    expect(await metric('quern_lag_messages')).toEqual([0, 0, 0])
    expect((await metric('process_cpu_seconds_total'))[0]).toBeGreaterThan(0)
    expect((await fetch(last.metrics.replace('/metrics', '/'))).status).toBe(404)

    last.signal('SIGTERM')
    expect(await last.ended).toBe(0)
    expect(last.stderr).toContain('finishing the batch')
    expect(last.landed[0]).toMatchObject({ source: 'payments', outcome: 'landed', repeats: 0, lost: 0 })

    const parts = inProcess(cwd)
    const ids = (await archivedRows(parts, { name: 'payments' })).map(({ id }) => id)
    expect(ids.sort()).toEqual(sent.sort())
    expect(await refusedRows(parts, { name: 'payments' } as never)).toHaveLength(poison)
    expect(await countOf(cwd)).toBe(sent.length)
    await parts.close()
  })

  it('ends at once at the second signal, with nothing half-done', async () => {
    const topic = await shared.topics.make()
    const cwd = project({ 'transforms/spend.ts': spend(shared.broker.bootstrap, topic) })
    const row = { customer: 'c', at: '2026-01-01T00:00:00Z', amount: 1 }
    await shared.topics.produce(topic, 0, [{ value: JSON.stringify({ id: 'a', ...row }) }])
    const worker = new Follower(cwd, ['--batch-time', '1h'])
    await worker.until(() => worker.landed.length === 1)
    await shared.topics.produce(topic, 0, [{ value: JSON.stringify({ id: 'b', ...row }) }])
    // It has seen that something waits for its batch before nobody answers any more.
    await new Promise(resolve => setTimeout(resolve, 3000))
    shared.broker.pause()
    try {
      worker.signal('SIGINT')
      await worker.until(() => worker.stderr.includes('another signal ends at once'))
      worker.signal('SIGTERM')
      expect(await worker.ended).toBe(143)
      expect(worker.stderr).toContain('nothing half-done is visible')
    } finally {
      shared.broker.resume()
    }
    const next = new Follower(cwd)
    await next.until(() => next.lines.some(({ name }) => name === 'spend') || next.landed.length === 1)
    next.signal('SIGINT')
    expect(await next.ended).toBe(0)
    const parts = inProcess(cwd)
    expect((await archivedRows(parts, { name: 'payments' })).map(({ id }) => id)).toEqual(['a', 'b'])
    await parts.close()
  })

  it('ends with exit code 3 where messages were gone before they were read', async () => {
    const topic = await shared.topics.make()
    const cwd = project({ 'transforms/spend.ts': spend(shared.broker.bootstrap, topic) })
    const value = JSON.stringify({ id: 'a', customer: 'c', at: '2026-01-01T00:00:00Z', amount: 1 })
    await shared.topics.produce(topic, 0, [{ value }])
    const worker = new Follower(cwd, ['--batch-time', '2s'])
    await worker.until(() => worker.landed.length === 1)
    await shared.topics.produce(topic, 0, [{ value }, { value }, { value }])
    await shared.topics.deleteRecords(topic, 0, 3n)
    expect(await worker.ended).toBe(3)
    expect(worker.stderr).toContain('data.offsets-gone')
    expect(worker.lines.at(-1)).toMatchObject({ name: 'payments', outcome: 'failed', code: 'data.offsets-gone' })
  })
})

/** The payments that the last version counts, of all customers. */
async function countOf(cwd: string): Promise<number> {
  vi.stubEnv('QUERN_STORE', 'file:store')
  const lines = documents(await here(cwd, ['read', 'spend', '--latest', '--format', 'json']))
  vi.unstubAllEnvs()
  return lines.reduce((sum, line) => sum + Number(line.payments_1d), 0)
}

describe('what cannot be followed', () => {
  const files = (): string => project({ 'transforms/o.ts': orders(), 'data/a.csv': ORDERS_CSV })
  const refusals: [why: string, args: string[], said: RegExp][] = [
    ['files', [], /--follow: `orders_daily` reads files, and only topics can be followed\n {2}Have a scheduler/],
    ['a run as of then', ['--until', '2026-01-01T00:00:00Z'], /--follow and --until exclude each other/],
    ['a run over everything', ['--full'], /--follow and --full exclude each other/],
    ['a run without landings', ['--no-land'], /--follow and --no-land exclude each other/],
    ['no time', ['--batch-time', 'soon'], /--batch-time: `soon` is no duration\n {2}Write a number/],
    ['no number', ['--batch-rows', '0'], /--batch-rows: `0` is no whole number from 1 on/],
    ['no port', ['--metrics', 'here'], /--metrics: `here` is not a port, or `host:port`/],
  ]
  for (const [why, args, said] of refusals)
    it(`is told: ${why}`, async () => {
      const { code, stderr } = await here(files(), ['run', '--follow', ...args])
      expect(stderr).toMatch(said)
      expect(code).toBe(2)
    })

  it('is told of what only following knows', async () => {
    const { code, stderr } = await here(files(), ['run', '--metrics', '9464'])
    expect(stderr).toMatch(/--metrics is a matter of --follow alone/)
    expect(code).toBe(2)
  })
})
