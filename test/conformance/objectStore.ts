/** What every object store must do. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../../src/domain/objectStore.ts'
import { scratch } from '../kit/scratch.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** @param setsTimes whether an object can be given a time to come; else it becomes as young as a new one */
export function describeObjectStore(name: string, make: () => ObjectStore, setsTimes = true): void {
  describe(`${name} (object store)`, () => {
    let store: ObjectStore
    beforeEach(() => {
      store = make()
    })
    const text = async (key: string): Promise<string | undefined> => {
      const found = await store.get(key)
      return found && new TextDecoder().decode(found)
    }
    const keys = async (prefix: string, startAfter?: string): Promise<string[]> =>
      (await Array.fromAsync(store.list(prefix, startAfter))).map(({ key }) => key)

    it('gives back what was put, and undefined where nothing was', async () => {
      expect(await store.putIfAbsent('a/b.json', bytes('one'))).toBe('written')
      expect(await text('a/b.json')).toBe('one')
      expect(await text('a/c.json')).toBeUndefined()
      expect(await text('a/b.json/c')).toBeUndefined()
    })

    it('keeps the first of two objects under one key', async () => {
      await store.putIfAbsent('k', bytes('first'))
      expect(await store.putIfAbsent('k', bytes('second'))).toBe('exists')
      expect(await text('k')).toBe('first')
    })

    it('lets exactly one of eight concurrent writers win, again and again', async () => {
      for (let round = 0; round < 20; round++) {
        const writers = Array.from({ length: 8 }, (_, at) => store.putIfAbsent(`race/${round}`, bytes(`writer ${at}`)))
        const outcomes = await Promise.all(writers)
        expect(outcomes.filter(outcome => outcome === 'written')).toHaveLength(1)
        expect(await text(`race/${round}`)).toBe(`writer ${outcomes.indexOf('written')}`)
      }
    })

    it('lists keys by their UTF-8 bytes, by prefix and after a key', async () => {
      const all = ['a', 'b/0', 'b/1', 'b/10', 'b/2', 'b/é', 'b/\uffee', 'b/\u{1f600}', 'b0', 'c']
      for (const key of [...all].reverse()) await store.putIfAbsent(key, bytes(key))
      expect(await keys('')).toEqual(all)
      expect(await keys('b/')).toEqual(all.filter(key => key.startsWith('b/')))
      expect(await keys('b/1')).toEqual(['b/1', 'b/10'])
      expect(await keys('b/', 'b/10')).toEqual(['b/2', 'b/é', 'b/\uffee', 'b/\u{1f600}'])
      expect(await keys('nothing/')).toEqual([])
    })

    it('tells sizes and times of what it lists', async () => {
      const before = Date.now()
      await store.putIfAbsent('k', bytes('12345'))
      const [entry] = await Array.fromAsync(store.list('k'))
      expect(entry).toMatchObject({ key: 'k', size: 5 })
      expect(Math.abs(entry!.modifiedAt - before)).toBeLessThan(60_000)
    })

    it('replaces on put, and forgets on delete', async () => {
      await store.put('k', bytes('one'))
      await store.put('k', bytes('two'))
      expect(await text('k')).toBe('two')
      await store.delete('k')
      await store.delete('k')
      expect(await text('k')).toBeUndefined()
      expect(await keys('')).toEqual([])
    })

    it('moves local files in, and leaves what is there as it is', async () => {
      const path = join(scratch(), 'staged')
      for (const content of ['first', 'second']) {
        writeFileSync(path, content)
        await store.putFile('data/part', path)
        expect(await text('data/part')).toBe('first')
        expect(existsSync(path)).toBe(false)
      }
      expect(await keys('')).toEqual(['data/part'])
    })

    it('makes an object younger, never older, and leaves its bytes', async () => {
      await store.putIfAbsent('a/k', bytes('one'))
      const modifiedAt = async (): Promise<number> => (await Array.fromAsync(store.list('a/k')))[0]!.modifiedAt
      const written = await modifiedAt()
      // Times of whole seconds.
      if (!setsTimes) await new Promise(resolve => setTimeout(resolve, 1100))
      const later = Date.now() + 1_000_000
      for (const at of [later, later - 500_000]) {
        expect(await store.renew('a/k', at)).toBe(true)
        if (setsTimes) expect(Math.abs((await modifiedAt()) - later)).toBeLessThan(60_000)
        else expect(await modifiedAt()).toBeGreaterThan(written)
      }
      expect(await text('a/k')).toBe('one')
      expect(await store.renew('a/nothing', later)).toBe(false)
      expect(await keys('')).toEqual(['a/k'])
    })

    it('has nothing unfinished when nobody writes', async () => {
      await store.putIfAbsent('a/k', bytes('one'))
      await store.putIfAbsent('a/k', bytes('two'))
      await store.put('a/hint', bytes('three'))
      expect(await Array.fromAsync(store.unfinished('a/'))).toEqual([])
    })

    it('names a local path that holds the object', async () => {
      await store.put('a/k', bytes('local'))
      const { readFile } = await import('node:fs/promises')
      expect(await readFile(await store.localPath('a/k'), 'utf8')).toBe('local')
    })
  })
}
