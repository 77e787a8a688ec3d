/** A file's bytes and lines: whole, as they are asked for, and never more than a bounded part of them at once. */
import { createWriteStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip, createZstdCompress, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Compression, PinnedFile } from '../src/domain/source.ts'
import { bytesOf } from '../src/engine/duckdb/fileBytes.ts'
import { linesOf, ROW_LIMIT } from '../src/engine/duckdb/pieces.ts'
import { documents, quern } from './kit/cli.ts'
import { orders, project } from './kit/project.ts'
import { scratch } from './kit/scratch.ts'

const folder = scratch('bytes')
const fileOf = (name: string, compression: Compression): PinnedFile => ({
  path: join(folder, name),
  hash: name,
  size: 0,
  modifiedAt: '0',
  format: 'csv',
  compression,
  partition: {},
})

async function lengthOf(bytes: AsyncIterable<Buffer>): Promise<number> {
  let length = 0
  for await (const chunk of bytes) length += chunk.length
  return length
}

describe('a compressed file', () => {
  const MEGABYTE = Buffer.alloc(2 ** 20, '2026-01-05T12:00:00Z,ada,7,EUR\n')
  const megabytes = (n: number): Readable => Readable.from(Array.from({ length: n }, () => MEGABYTE))

  it('is decompressed as it is read, however much a few of its bytes hold', async () => {
    await pipeline(megabytes(300), createZstdCompress(), createWriteStream(join(folder, 'a.zst')))
    await pipeline(megabytes(300), createGzip(), createWriteStream(join(folder, 'a.gz')))
    for (const file of [fileOf('a.zst', 'zstd'), fileOf('a.gz', 'gzip')]) {
      const before = process.memoryUsage().arrayBuffers
      let [peak, length] = [0, 0]
      for await (const chunk of bytesOf(file)) {
        length += chunk.length
        // Not each time: asking takes longer than reading.
        if (length % 2 ** 20 < chunk.length) peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)
      }
      expect(length).toBe(300 * 2 ** 20)
      expect(peak).toBeLessThan(100 * 2 ** 20)
    }
  })

  it('may be left before its end', async () => {
    for (const file of [fileOf('a.zst', 'zstd'), fileOf('a.gz', 'gzip')]) {
      for await (const chunk of bytesOf(file)) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
    }
  })

  it('of many frames is read through all of them', async () => {
    const parts = Array.from({ length: 300 }, (_, at) => Buffer.from('x'.repeat(at * 97)))
    const frames = [...parts, Buffer.alloc(2 ** 21, 'y'), Buffer.alloc(0)].map(part => zstdCompressSync(part))
    writeFileSync(join(folder, 'frames.zst'), Buffer.concat(frames))
    const expected = (299 * 300 * 97) / 2 + 2 ** 21
    expect(await lengthOf(bytesOf(fileOf('frames.zst', 'zstd')))).toBe(expected)
    writeFileSync(join(folder, 'cut.zst'), Buffer.concat(frames).subarray(0, -15))
    await expect(lengthOf(bytesOf(fileOf('cut.zst', 'zstd')))).rejects.toThrow()
    writeFileSync(join(folder, 'more.zst'), Buffer.concat([...frames, Buffer.from('more')]))
    await expect(lengthOf(bytesOf(fileOf('more.zst', 'zstd')))).rejects.toThrow()
  })
})

describe('a line', () => {
  const lengthsOf = async (chunks: readonly string[]): Promise<(number | 'too long')[]> => {
    const lengths: (number | 'too long')[] = []
    const bytes = Readable.from(chunks.map(chunk => Buffer.from(chunk)))
    for await (const { pieces, tooLong } of linesOf(bytes)) {
      if (tooLong) lengths.push('too long')
      else for (const line of String(Buffer.concat(pieces)).replace(/\n$/, '').split('\n')) lengths.push(line.length)
    }
    return lengths
  }

  it('may come in pieces', async () => {
    expect(await lengthsOf(['ab\nc', 'd', 'e', '\n', '\n\nf'])).toEqual([2, 3, 0, 0, 1])
    expect(await lengthsOf(['a\n'])).toEqual([1])
  })

  it('is bounded, wherever its pieces end', async () => {
    const piece = 'x'.repeat(2 ** 18)
    const just = Array.from({ length: ROW_LIMIT / 2 ** 18 }, () => piece)
    expect(await lengthsOf(['a\n', ...just, '\nb\n'])).toEqual([1, ROW_LIMIT, 1])
    expect(await lengthsOf(['a\n', ...just, 'x\nb\n', ...just, ...just])).toEqual([1, 'too long', 1, 'too long'])
    expect(await lengthsOf([`a\n${just.join('')}x\nb\n${just.join('')}\nc`])).toEqual([1, 'too long', 1, ROW_LIMIT, 1])
  })

  it('of JSON that is too long is one malformed row', async () => {
    const row = '{"time":"2026-01-05T12:00:00Z","customer":"ada","note":""}\n'
    for (const long of [row.replace('""', `"${'x'.repeat(ROW_LIMIT)}"`), `${' '.repeat(ROW_LIMIT)}${row}`]) {
      const cwd = project({
        'transforms/o.ts': orders({
          uri: 'data',
          schema: 'time: z.coerce.date(), customer: z.string(), note: z.string()',
          features: "n: count().over('1d')",
        }),
        'data/a.ndjson': `${row}${long}${row}`,
      })
      const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
      expect(documents(run)[0]).toMatchObject({ outcome: 'committed', rowsRead: 3, rowsRejected: 1 })
      const [rejected] = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
      expect(rejected).toMatchObject({ row: 2, code: 'malformed', reason: 'Longer than 16 MiB', raw: long.slice(0, 10_000) })
    }
  })
})
