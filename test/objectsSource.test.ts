import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { resolveSource } from '../src/definition/resolveSource.ts'
import type { Source } from '../src/domain/source.ts'
import { objects } from '../src/index.ts'
import { objectsSource } from '../src/sources/objects/objectsSource.ts'
import { objectsOf } from './kit/objectsOf.ts'
import { scratch } from './kit/scratch.ts'

const HOUR_AGO = new Date(Date.now() - 3_600_000)

/** A source over `uri` in a folder with given files, all written an hour ago. */
function sourceOf(
  uri: string,
  files: Record<string, string>,
  more: { allowEmpty?: boolean } = {},
): { folder: string; source: Source } {
  const folder = scratch('source')
  for (const [name, text] of Object.entries(files)) write(join(folder, name), text)
  const declaration = objects({
    name: 's',
    uri,
    schema: z.object({ t: z.date(), day: z.string().optional() }),
    eventTime: 't',
    ...more,
  })
  const definition = resolveSource(declaration as never, folder, (_, fault) => {
    throw new Error(fault.message)
  })!
  return { folder, source: objectsSource(objectsOf({ source: definition }), () => Date.now()) }
}

function write(path: string, text: string, at = HOUR_AGO): void {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  utimesSync(path, at, at)
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

describe('an objects source', () => {
  it('pins files by their content, in an order that names do not decide', async () => {
    const { source } = sourceOf('*.csv', { 'b.csv': 'one', 'a.csv': 'two', 'c.csv.gz': 'three', 'd.txt': '' })
    const one = (await source.pin([])).files
    expect(one.map(({ hash }) => hash)).toEqual([hashOf('one'), hashOf('two')].sort())
    const other = sourceOf('*.csv', { 'x.csv': 'two', 'y.csv': 'one' })
    expect((await other.source.pin([])).files.map(({ hash }) => hash)).toEqual(one.map(({ hash }) => hash))
  })

  it('counts two equal files twice', async () => {
    const { source } = sourceOf('*.csv', { 'a.csv': 'same', 'b.csv': 'same' })
    expect((await source.pin([])).files.map(({ hash }) => hash)).toEqual([hashOf('same'), hashOf('same')])
  })

  it('keeps the hash of a file that was only renamed or touched', async () => {
    const { folder, source } = sourceOf('*.csv', { 'a.csv': 'text' })
    const before = await source.pin([])
    renameSync(join(folder, 'a.csv'), join(folder, 'z.csv'))
    utimesSync(join(folder, 'z.csv'), 1, 1)
    const after = await source.pin(before.files)
    expect(after.files.map(({ hash }) => hash)).toEqual(before.files.map(({ hash }) => hash))
  })

  it('trusts size and time of a file at rest, and reads anew one that was written just now', async () => {
    const { folder, source } = sourceOf('*.csv', { 'a.csv': 'text' })
    const before = await source.pin([])
    write(join(folder, 'a.csv'), 'next')
    expect((await source.pin(before.files)).files[0]!.hash).toBe(hashOf('text'))
    write(join(folder, 'a.csv'), 'one!', new Date())
    const racy = await source.pin([])
    write(join(folder, 'a.csv'), 'two!', new Date())
    expect((await source.pin(racy.files)).files[0]!.hash).toBe(hashOf('two!'))
  })

  it('notices a file that changes or goes after it was pinned', async () => {
    const { folder, source } = sourceOf('*.csv', { 'a.csv': 'text', 'b.csv': 'rest' })
    const inputs = await source.pin([])
    expect(await source.changedSince(inputs)).toEqual([])
    write(join(folder, 'a.csv'), 'longer text')
    rmSync(join(folder, 'b.csv'))
    expect((await source.changedSince(inputs)).sort()).toEqual([join(folder, 'a.csv'), join(folder, 'b.csv')])
  })

  it('notices a file that is written twice within the resolution of its times', async () => {
    const { folder, source } = sourceOf('*.csv', {})
    const now = new Date()
    write(join(folder, 'a.csv'), 'one!', now)
    const inputs = await source.pin([])
    write(join(folder, 'a.csv'), 'two!', now)
    expect(await source.changedSince(inputs)).toEqual([join(folder, 'a.csv')])
  })

  it('reads folders, skips hidden names, and takes columns from folders', async () => {
    const files = {
      'in/day=2026-01-01/a.parquet': '1',
      'in/day=b%20c/x.csv.gz': '2',
      'in/day=1/part=2/y.ndjson.zst': '3',
      'in/_tmp/z.csv': '4',
      'in/.hidden.csv': '5',
      'in/readme.txt': '6',
    }
    const found = (await sourceOf('in', files).source.pin([])).files
    // A folder that is named after no column of the schema says nothing of the rows.
    const told = found.map(({ format, compression, partition }) => [format, compression, ...Object.entries(partition).flat()])
    expect(told.sort()).toEqual([
      ['csv', 'gzip', 'day', 'b c'],
      ['ndjson', 'zstd', 'day', '1'],
      ['parquet', 'none', 'day', '2026-01-01'],
    ])
  })

  it('takes a path that exists as that file, whatever characters are in its name', async () => {
    const { source } = sourceOf('a[1]*.csv', { 'a[1]*.csv': 'this', 'a1x.csv': 'not this' })
    expect((await source.pin([])).files.map(({ hash }) => hash)).toEqual([hashOf('this')])
  })

  it('refuses a pattern that matches nothing, unless that is declared', async () => {
    await expect(sourceOf('*.csv', {}).source.pin([])).rejects.toMatchObject({ code: 'data.no-match', exitCode: 3 })
    expect((await sourceOf('*.csv', {}, { allowEmpty: true }).source.pin([])).files).toEqual([])
  })

  it('refuses a file of no known format that its pattern names', async () => {
    await expect(sourceOf('*', { 'a.xlsx': '' }).source.pin([])).rejects.toMatchObject({ code: 'data.format' })
  })
})
