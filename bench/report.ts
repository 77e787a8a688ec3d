/** What the benchmark prints: a table of costs as ratios, and whether a target is reached. */
import type { Cost } from './measure.ts'

export function report(title: string, costs: Record<string, Cost>): void {
  console.log(
    `\n${title}\n${''.padEnd(WIDTH)}${'CPU s'.padStart(9)}${'ratio'.padStart(8)}${'wall s'.padStart(9)}${'peak MB'.padStart(9)}`,
  )
  const [first] = Object.values(costs)
  for (const [name, { cpuSeconds, wallSeconds, peakMegabytes }] of Object.entries(costs)) {
    const ratio = (cpuSeconds / first!.cpuSeconds).toFixed(2)
    console.log(
      `${name.padEnd(WIDTH)}${cpuSeconds.toFixed(2).padStart(9)}${ratio.padStart(8)}${wallSeconds.toFixed(2).padStart(9)}${peakMegabytes.toFixed(0).padStart(9)}`,
    )
  }
}

const WIDTH = 28

export function verdict(what: string, ratio: number, target: number): void {
  console.log(`${ratio <= target ? 'reached' : 'MISSED '}  ${what}: ${Number(ratio.toFixed(3))}, target at most ${target}`)
}
