/** What long work is at, on one line of a terminal; nothing elsewhere. */
import type { Progress } from '../domain/engine.ts'
import { number } from './output.ts'

const WIDTH = 24

export function progressLine(name: string, wanted: boolean): { show: (progress: Progress) => void; clear: () => void } {
  const stream = process.stderr
  if (!wanted || !stream.isTTY) return { show: () => {}, clear: () => {} }
  return {
    show({ stage, done, total }: Progress): void {
      const share = total === null || total === 0 ? undefined : done / total
      const bar =
        share === undefined ? '' : ` ${'█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '░')} ${Math.round(share * 100)}%`
      const rows = total === null ? (done > 0 ? ` ${number(done)} rows` : '') : ` ${number(done)} of ${number(total)} rows`
      stream.write(`\r\x1b[K${name}: ${stage}${bar}${rows}`)
    },
    clear: () => stream.write('\r\x1b[K'),
  }
}
