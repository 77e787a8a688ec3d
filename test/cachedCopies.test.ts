/** Local copies: fetched once, kept within a limit, shared by processes that may take them away from each other. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { cachedCopies } from '../src/objects/cachedCopies.ts'
import { REPOSITORY } from './kit/cli.ts'
import { scratch } from './kit/scratch.ts'

interface Cache {
  get: (id: string) => Promise<string>
  /** What was written, in this order. */
  made: string[]
  scratchDir: string
  /** A copy that is read and let go. */
  use: (id: string) => Promise<string>
}

/** A block of the disk: nothing takes less. */
const SIZE = 4096

function cache(cacheDir: string, limit = 20 * SIZE, start = 'today'): Cache {
  const scratchDir = scratch('copies')
  let clock = Date.now()
  const copies = cachedCopies({ scratchDir, cacheDir, limit, start, now: () => (clock += 1000) })
  const made: string[] = []
  const get = (id: string): Promise<string> =>
    copies.get(id, async path => {
      made.push(id)
      await pause(5)
      await writeFile(path, id.padEnd(SIZE, '.'))
    })
  return {
    get,
    made,
    scratchDir,
    async use(id) {
      const path = await get(id)
      const text = readFileSync(path, 'utf8')
      rmSync(path)
      return text
    },
  }
}
const folder = (): string => join(scratch('cache'), 'cache')
const held = (dir: string): number => readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0)

describe('local copies', () => {
  it('are fetched once, and are the own file of each who asked', async () => {
    const dir = folder()
    const copies = cache(dir)
    const paths = [await copies.get('a'), await copies.get('a')]
    expect(paths[0]).not.toBe(paths[1])
    for (const path of paths) rmSync(path)
    expect(await copies.use('a')).toMatch(/^a\.+$/)
    expect(await cache(dir).use('a')).toMatch(/^a\.+$/)
    expect(copies.made).toEqual(['a'])
    expect(readdirSync(copies.scratchDir)).toEqual([])
    expect(statSync(dir).mode & 0o777).toBe(0o700)
  })

  it('are fetched once for many who ask at the same time, with a cache and without', async () => {
    for (const copies of [cache(folder()), cache(folder(), 0)]) {
      const paths = await Promise.all(Array.from({ length: 9 }, () => copies.get('a')))
      expect(new Set(paths).size).toBe(9)
      expect(copies.made).toEqual(['a'])
      for (const path of paths) rmSync(path)
    }
  })

  it('are made anew after the machine was started anew', async () => {
    const dir = folder()
    await cache(dir).use('a')
    const [same, after] = [cache(dir), cache(dir, undefined, 'tomorrow')]
    for (const copies of [same, after]) await copies.use('a')
    expect([same.made, after.made]).toEqual([[], ['a']])
  })

  it('are tried by the next where the first fails, and nothing is left', async () => {
    const dir = folder()
    const { scratchDir } = cache(dir)
    const copies = cachedCopies({ scratchDir, cacheDir: dir, limit: 1e6, start: '', now: () => 0 })
    let tries = 0
    const failing = (path: string): Promise<void> => {
      writeFileSync(path, 'half')
      return tries++ < 2 ? Promise.reject(new Error('broken')) : Promise.resolve()
    }
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => copies.get('a', failing)))
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled'])
    expect(tries).toBe(3)
    await expect(copies.get('b', () => Promise.reject(new Error('at once')))).rejects.toThrow('at once')
    expect(readdirSync(scratchDir)).toHaveLength(2)
    expect(readdirSync(dir)).toHaveLength(1)
  })

  it('stay within the limit, and what was used longest ago goes first', async () => {
    const dir = folder()
    const copies = cache(dir)
    for (let n = 0; n < 15; n++) await copies.use(`n${n}`)
    await copies.use('n0')
    for (let n = 15; n < 25; n++) {
      await copies.use(`n${n}`)
      await copies.use('n0')
      expect(held(dir)).toBeLessThanOrEqual(20 * SIZE)
    }
    expect(copies.made).toHaveLength(25)
    // One that has gone is fetched again; of all that was fetched before it, what is used stays.
    await copies.use('n1')
    expect(copies.made.slice(25)).toEqual(['n1'])
  })

  it('that are too large for the cache are there all the same', async () => {
    const dir = folder()
    const copies = cache(dir, 4 * SIZE)
    expect(await copies.use('a')).toMatch(/^a/)
    expect(existsSync(dir) ? readdirSync(dir) : []).toEqual([])
  })

  it('that are in use outlive the cache', async () => {
    const dir = folder()
    const copies = cache(dir)
    const path = await copies.get('a')
    for (let n = 0; n < 40; n++) await copies.use(`n${n}`)
    rmSync(dir, { recursive: true })
    expect(readFileSync(path, 'utf8')).toMatch(/^a\.+$/)
    // Without a folder there is none to put into.
    expect(await copies.use('b')).toMatch(/^b/)
    expect(readdirSync(copies.scratchDir)).toHaveLength(1)
  })

  describe('are not looked for', () => {
    const planted = async (dir: string): Promise<void> => {
      await cache(dir).use('a')
      for (const name of readdirSync(dir)) writeFileSync(join(dir, name), 'planted')
    }
    const unused = async (dir: string): Promise<void> => {
      const copies = cache(dir)
      expect(await copies.use('a')).toMatch(/^a\.+$/)
      expect(await copies.use('a')).toMatch(/^a\.+$/)
      expect(copies.made).toEqual(['a', 'a'])
      expect(readdirSync(copies.scratchDir)).toEqual([])
    }

    it.skipIf(process.getuid?.() !== 0)("in another user's folder", async () => {
      const dir = folder()
      await planted(dir)
      chownSync(dir, 12_345, 12_345)
      await unused(dir)
    })

    it('behind a link', async () => {
      const [dir, real] = [folder(), folder()]
      await planted(real)
      symlinkSync(real, dir)
      await unused(dir)
    })

    it('where there can be no folder', async () => {
      const file = join(scratch('cache'), 'file')
      writeFileSync(file, '')
      await unused(file)
      await unused(join(file, 'cache'))
    })

    it('in a folder that nobody may write', () => unused('/proc/cache'))

    it('where there is to be no cache', async () => {
      const dir = folder()
      const copies = cache(dir, 0)
      await copies.use('a')
      await copies.use('a')
      expect(copies.made).toEqual(['a', 'a'])
      expect(existsSync(dir)).toBe(false)
    })
  })

  it('make a folder that was open to others their own', async () => {
    const dir = folder()
    mkdirSync(dir, { mode: 0o777 })
    chmodSync(dir, 0o777)
    await cache(dir).use('a')
    expect(statSync(dir).mode & 0o777).toBe(0o700)
  })

  it('are shared by processes, which together stay near the limit', async () => {
    const dir = folder()
    const limit = 100 * SIZE
    const program = `
      import { readFile, rm, writeFile } from 'node:fs/promises'
      import { cachedCopies } from ${JSON.stringify(join(REPOSITORY, 'src/objects/cachedCopies.ts'))}
      const [scratchDir, cacheDir] = process.argv.slice(1)
      const copies = cachedCopies({ scratchDir, cacheDir, limit: ${limit}, start: '', now: () => Date.now() })
      let made = 0
      for (let n = 0; n < 400; n++) {
        const id = 'n' + Math.floor(Math.random() * 150)
        const path = await copies.get(id, async path => { made++; await writeFile(path, id.padEnd(${SIZE}, '.')) })
        if ((await readFile(path, 'utf8')) !== id.padEnd(${SIZE}, '.')) throw new Error('another copy')
        await rm(path)
      }
      console.log(made)`
    const counts = await Promise.all(
      [1, 2, 3].map(async () => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program, scratch('copies'), dir], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        const text = Array.fromAsync(child.stdout.setEncoding('utf8') as AsyncIterable<string>)
        expect(await once(child, 'exit')).toEqual([0, null])
        return Number((await text).join(''))
      }),
    )
    expect(held(dir)).toBeLessThanOrEqual(limit * 1.1)
    expect(held(dir)).toBeGreaterThan(limit * 0.5)
    // What one has fetched serves the others.
    expect(counts.reduce((sum, made) => sum + made)).toBeLessThan(900)
  })
})
