/** What a command costs: measured by a small parent process, which alone is told of its children's CPU and memory. */
import { spawnSync } from 'node:child_process'

export interface Cost {
  /** User and system, children included. */
  cpuSeconds: number
  wallSeconds: number
  /** Of the largest process. */
  peakMegabytes: number
}

const PARENT = `
import json, resource, subprocess, sys, time
def used():
  children = resource.getrusage(resource.RUSAGE_CHILDREN)
  return children.ru_utime + children.ru_stime, children.ru_maxrss
# Whatever started this interpreter may have had children too.
before, _ = used()
begun = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
after, peak = used()
print(json.dumps({'code': done.returncode, 'cpuSeconds': after - before,
  'wallSeconds': time.monotonic() - begun, 'peakMegabytes': peak * 1024 / 1e6}))
`

export function measure(command: readonly string[], options: { cwd: string; env?: Record<string, string> }): Cost {
  const { stdout, stderr } = spawnSync('python3', ['-c', PARENT, ...command], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
  })
  const { code, ...cost } = JSON.parse(stdout || '{"code":1}') as Cost & { code: number }
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}\n${stderr}`)
  return cost
}

/** The median of each figure over `rounds` rounds, in each of which every contender runs once. */
export function inTurns(rounds: number, contenders: Record<string, () => Cost>): Record<string, Cost> {
  const costs: Record<string, Cost[]> = {}
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      costs[name] = [...(costs[name] ?? []), run()]
      process.stderr.write(`  round ${round + 1}: ${name} ${costs[name].at(-1)!.cpuSeconds.toFixed(2)} s\n`)
    }
  }
  return Object.fromEntries(Object.entries(costs).map(([name, all]) => [name, medianOf(all)]))
}

/** The median of each figure. */
export function medianOf(costs: readonly Cost[]): Cost {
  const median = (figure: (cost: Cost) => number): number =>
    costs.map(figure).sort((a, b) => a - b)[Math.floor(costs.length / 2)]!
  return {
    cpuSeconds: median(cost => cost.cpuSeconds),
    wallSeconds: median(cost => cost.wallSeconds),
    peakMegabytes: median(cost => cost.peakMegabytes),
  }
}
