/** What every source of files must do, wherever they lie. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { contentOf, type LocalFile, type PinnedFile, type Source } from '../../src/domain/source.ts'
import type { SourceOptions } from '../kit/bucketSources.ts'

/** A place with files, new and empty. Names are paths below it. */
export interface Place {
  put(files: Record<string, string>): Promise<void>
  remove(name: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Over a path, folder or pattern below it. */
  source(uri: string, more?: SourceOptions): Source
  /** What is `path` of a file. */
  pathOf(name: string): string
}

const SIGNAL = new AbortController().signal

export function describeSource(name: string, make: () => Promise<Place>): void {
  describe(`${name} (source)`, () => {
    let place: Place
    beforeEach(async () => {
      place = await make()
    })
    const pinned = async (uri: string, more?: SourceOptions): Promise<PinnedFile[]> =>
      (await place.source(uri, more).pin([])).files
    const namesOf = (files: readonly PinnedFile[]): string[] =>
      files.map(({ path }) => path.slice(place.pathOf('').length)).sort()
    const names = async (uri: string, more?: SourceOptions): Promise<string[]> => namesOf(await pinned(uri, more))
    const textOf = ({ localPath, path }: LocalFile): string => readFileSync(localPath ?? path, 'utf8')
    const opened = async (source: Source): Promise<string[]> => {
      const local = await source.open(await source.pin([]), { what: 'rows', signal: SIGNAL })
      const texts = local.files.map(textOf)
      await local.release()
      return texts.sort()
    }

    it('pins by content, in an order that names do not decide', async () => {
      await place.put({
        'in/b.csv': 'one',
        'in/a.csv': 'two',
        'in/c.csv.gz': 'three',
        'other/a.csv': 'two',
        'other/x.csv': 'one',
      })
      const hashes = (await pinned('in/*.csv')).map(({ hash }) => hash)
      expect(hashes).toEqual([...hashes].sort())
      expect(new Set(hashes).size).toBe(2)
      expect((await pinned('other/*.csv')).map(({ hash }) => hash)).toEqual(hashes)
    })

    it('counts two equal files twice', async () => {
      await place.put({ 'a.csv': 'same', 'b.csv': 'same' })
      const [one, other] = await pinned('*.csv')
      expect(contentOf(one!)).toBe(contentOf(other!))
      expect(await opened(place.source('*.csv'))).toEqual(['same', 'same'])
    })

    it('knows a renamed file by its content, and another content under its name', async () => {
      await place.put({ 'a.csv': 'text' })
      const source = place.source('*.csv')
      const before = await source.pin([])
      await place.rename('a.csv', 'z.csv')
      const after = await source.pin(before.files)
      expect(namesOf(after.files)).toEqual(['z.csv'])
      expect(after.files.map(contentOf)).toEqual(before.files.map(contentOf))
      await place.put({ 'z.csv': 'another' })
      expect((await source.pin(after.files)).files.map(contentOf)).not.toEqual(before.files.map(contentOf))
    })

    it('opens what was pinned, and nothing is left of it', async () => {
      await place.put({ 'a.csv': 'one', 'b.ndjson': '{}\n', 'empty.csv': '', 'c.csv': 'x'.repeat(300_000) })
      const source = place.source('*')
      const inputs = await source.pin([])
      const bytes: number[] = []
      const local = await source.open(inputs, { what: 'rows', signal: SIGNAL, onBytes: done => bytes.push(done) })
      expect(local.files.map(({ path }) => path)).toEqual(inputs.files.map(({ path }) => path))
      expect(local.files.map(textOf).sort()).toEqual(['', 'one', 'x'.repeat(300_000), '{}\n'])
      expect(local.files.map(({ size }) => size)).toEqual(inputs.files.map(({ size }) => size))
      await local.release()
      for (const { localPath } of local.files) if (localPath !== undefined) expect(existsSync(localPath)).toBe(false)
      expect(bytes).toEqual([...bytes].sort((a, b) => a - b))
    })

    it('notices a file that changes or goes after it was pinned', async () => {
      for (const change of [() => place.put({ 'b.csv': 'other rest' }), () => place.remove('b.csv')]) {
        await place.put({ 'a.csv': 'text', 'b.csv': 'rest' })
        const source = place.source('*.csv')
        const inputs = await source.pin([])
        expect(await source.changedSince(inputs)).toEqual([])
        await change()
        const told = await source.open(inputs, { what: 'rows', signal: SIGNAL }).then(
          async local => {
            await local.release()
            return source.changedSince(inputs)
          },
          error => {
            expect(error).toMatchObject({ code: 'transient.input-changed' })
            return [error.uri as string]
          },
        )
        expect(told).toEqual([place.pathOf('b.csv')])
      }
    })

    it('reads folders, skips hidden names, and takes columns from folders', async () => {
      await place.put({
        'in/day=2026-01-01/a.parquet': '1',
        'in/day=b%20c/x.csv.gz': '2',
        'in/day=1/part=2/y.ndjson.zst': '3',
        'in/_tmp/z.csv': '4',
        'in/.hidden.csv': '5',
        'in/_SUCCESS': '',
        'in/readme.txt': '6',
        'inner/a.csv': '7',
      })
      const files = await pinned('in')
      const told = files.map(({ format, compression, partition }) => [format, compression, ...Object.entries(partition).flat()])
      expect(told.sort()).toEqual([
        ['csv', 'gzip', 'day', 'b c'],
        ['ndjson', 'zstd', 'day', '1'],
        ['parquet', 'none', 'day', '2026-01-01'],
      ])
      expect(await names('in/')).toEqual(namesOf(files))
    })

    it('means what its pattern means', async () => {
      await place.put(
        Object.fromEntries(
          [
            'a.csv',
            'b.csv',
            'ab.csv',
            'é.csv',
            'x/a.csv',
            'x/b.ndjson',
            'x/y/c.csv',
            'x/y/_d.csv',
            'x/.y/e.csv',
            'z.q/f.csv',
          ].map(name => [name, name]),
        ),
      )
      expect(await names('*.csv')).toEqual(['a.csv', 'ab.csv', 'b.csv', 'é.csv'])
      expect(await names('?.csv')).toEqual(['a.csv', 'b.csv', 'é.csv'])
      expect(await names('a*.csv')).toEqual(['a.csv', 'ab.csv'])
      expect(await names('[ab].csv')).toEqual(['a.csv', 'b.csv'])
      expect(await names('{a,é}.csv')).toEqual(['a.csv', 'é.csv'])
      expect(await names('x/*.{csv,ndjson}')).toEqual(['x/a.csv', 'x/b.ndjson'])
      expect(await names('x/*')).toEqual(['x/a.csv', 'x/b.ndjson'])
      expect(await names('*/a.csv')).toEqual(['x/a.csv'])
      expect(await names('*/*.csv')).toEqual(['x/a.csv', 'z.q/f.csv'])
      expect(await names('**/*.csv')).toEqual(['a.csv', 'ab.csv', 'b.csv', 'x/a.csv', 'x/y/c.csv', 'z.q/f.csv', 'é.csv'])
      expect(await names('x/**')).toEqual(['x/a.csv', 'x/b.ndjson', 'x/y/c.csv'])
      expect(await names('x/**/c.csv')).toEqual(['x/y/c.csv'])
      expect(await names('**/y/*')).toEqual(['x/y/c.csv'])
      expect(await names('{x,z.q}/{a,f}.csv')).toEqual(['x/a.csv', 'z.q/f.csv'])
      expect(await names('x/{a.csv,y/c.csv}')).toEqual(['x/a.csv', 'x/y/c.csv'])
      expect(await names('z.q/*')).toEqual(['z.q/f.csv'])
      // A dot in a pattern is a dot.
      await expect(pinned('z?q/g*.csv')).rejects.toMatchObject({ code: 'data.no-match' })
    })

    it('takes a name that exists as that file, whatever characters are in it', async () => {
      const odd = [
        'a[1]*.csv',
        'a?.csv',
        'sp ace.csv',
        '100%.csv',
        'p%20q.csv',
        'a+b.csv',
        "it's.csv",
        'say "x".csv',
        '日本.csv',
        'a&b=c;d.csv',
        'a#b.csv',
        'a\\b.csv',
      ]
      await place.put(Object.fromEntries([...odd, 'a1x.csv', 'ab.csv', 'a!.csv'].map(name => [name, name])))
      for (const name of odd) {
        expect(await names(name)).toEqual([name])
        expect(await opened(place.source(name))).toEqual([name])
      }
      expect(await opened(place.source('*.csv'))).toEqual([...odd, 'a1x.csv', 'ab.csv', 'a!.csv'].sort())
    })

    it('refuses a pattern that matches nothing, unless that is declared', async () => {
      await place.put({ 'x/a.csv': '' })
      for (const uri of ['*.csv', 'y', 'a.csv', 'x/b.csv', 'x/*.ndjson']) {
        await expect(pinned(uri)).rejects.toMatchObject({ code: 'data.no-match', exitCode: 3 })
        expect(await pinned(uri, { allowEmpty: true })).toEqual([])
      }
    })

    it('refuses a file of no known format that its pattern names', async () => {
      await place.put({ 'a.xls': '', 'b.csv': '' })
      await expect(pinned('*')).rejects.toMatchObject({ code: 'data.format', exitCode: 3 })
      expect(await names('')).toEqual(['b.csv'])
      expect(await names('*.csv')).toEqual(['b.csv'])
    })

    it('gives up at a signal', async () => {
      await place.put({ 'a.csv': 'text' })
      const source = place.source('*.csv')
      const inputs = await source.pin([])
      // What is read where it lies has nothing to give up.
      if (inputs.files[0]!.hash === createHash('sha256').update('text').digest('hex')) return
      await expect(source.open(inputs, { what: 'rows', signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
        'enough',
      )
      await expect(source.pin([], { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow()
    })
  })
}
