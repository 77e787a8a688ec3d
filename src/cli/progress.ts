/** What long work is at, on one line of a terminal; nothing elsewhere. */
import type { Progress } from '../domain/engine.ts'
import type { Instant } from '../domain/time.ts'
import { bytes, number } from './output.ts'

const WIDTH = 24
/** Between two pictures of the line. */
const REDRAW: Instant = 100_000n

export interface ProgressLine {
  show: (progress: Progress) => void
  clear: () => void
}

/** One line of the terminal that is drawn anew again and again; undefined elsewhere. */
export interface StatusLine {
  draw: (text: string) => void
  clear: () => void
}

/** @param wanted is false where bars go away: in CI, under NO_COLOR */
export function statusLine(wanted: boolean): StatusLine | undefined {
  const stream = process.stderr
  if (!wanted || !stream.isTTY) return undefined
  return {
    // A line that wraps could not be drawn over.
    draw: text => stream.write(`\r\x1b[K${text.slice(0, (stream.columns ?? 80) - 1)}`),
    clear: () => stream.write('\r\x1b[K'),
  }
}

/** @param wanted is false where bars go away: in CI, under NO_COLOR */
export function progressLine(name: string, wanted: boolean, now: () => Instant): ProgressLine {
  const line = statusLine(wanted)
  if (!line) return { show: () => {}, clear: () => {} }
  let begun = { stage: '', at: 0n, done: 0 }
  let drawn = 0n
  return {
    show(progress: Progress): void {
      const at = now()
      // Each pass over the rows begins anew.
      if (progress.stage !== begun.stage || progress.done < begun.done) begun = { stage: progress.stage, at, done: progress.done }
      else if (at - drawn < REDRAW) return
      drawn = at
      line.draw(`${name}: ${progressText(progress, Number(at - begun.at) / 1e6, progress.done - begun.done)}`)
    },
    clear: line.clear,
  }
}

/** `read ████░░ 40%  1,200,000 of 3,000,000 rows, 2,400,000 rows/s, 1 s left` */
export function progressText({ stage, unit, done, total }: Progress, seconds: number, since: number): string {
  const amount = (value: number): string => (unit === 'rows' ? number(Math.round(value)) : bytes(value))
  const word = unit === 'rows' ? ' rows' : ''
  const parts: string[] = []
  if (done > 0) parts.push(total === null ? `${amount(done)}${word}` : `${amount(done)} of ${amount(total)}${word}`)
  const rate = seconds > 0 ? since / seconds : 0
  if (rate > 0) parts.push(`${amount(rate)}${word}/s`)
  if (rate > 0 && total !== null) parts.push(`${Math.ceil((total - done) / rate)} s left`)
  return [stage, ...(total ? [bar(done / total)] : []), parts.join(', ')].join(' ').trimEnd()
}

function bar(share: number): string {
  const full = Math.round(share * WIDTH)
  return `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${Math.floor(share * 100)}% `
}
