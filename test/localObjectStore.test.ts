import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { storeError } from '../src/objects/fileErrors.ts'
import { localObjectStore } from '../src/objects/localObjectStore.ts'
import { describeObjectStore } from './conformance/objectStore.ts'
import { scratch } from './kit/scratch.ts'

describeObjectStore('local folder', () => localObjectStore(scratch('objects')))

it('a local folder hides what is being written, and tells of it to who asks', async () => {
  const root = scratch('objects')
  mkdirSync(join(root, 'log'))
  writeFileSync(join(root, 'log', '.tmp-half'), 'ha')
  const store = localObjectStore(root)
  expect(await Array.fromAsync(store.list(''))).toEqual([])
  expect(await Array.fromAsync(store.unfinished('log/'))).toMatchObject([{ key: 'log/.tmp-half', size: 2 }])
  expect(await Array.fromAsync(store.unfinished('other/'))).toEqual([])
  await store.delete('log/.tmp-half')
  expect(readdirSync(join(root, 'log'))).toEqual([])
})

it('a local folder that is a file is refused as a store', async () => {
  const file = join(scratch('objects'), 'file')
  writeFileSync(file, '')
  await expect(localObjectStore(file).putIfAbsent('k', new Uint8Array())).rejects.toMatchObject({ code: 'definition.store' })
})

it('a local folder follows links to folders, once where they lead round in a circle', async () => {
  const [root, elsewhere] = [scratch('objects'), scratch('elsewhere')]
  const store = localObjectStore(root)
  await store.put('sets/here/a', new Uint8Array())
  writeFileSync(join(elsewhere, 'b'), '')
  symlinkSync(elsewhere, join(root, 'sets/linked'))
  symlinkSync(root, join(elsewhere, 'round'))
  symlinkSync(join(root, 'nowhere'), join(root, 'sets/lost'))
  symlinkSync('itself', join(root, 'sets/itself'))
  expect(await store.folders('sets/')).toEqual(['here', 'linked'])
  const keys = (await Array.fromAsync(store.list('sets/'))).map(({ key }) => key)
  expect(keys.slice(0, 2)).toEqual(['sets/here/a', 'sets/linked/b'])
  expect(keys.length).toBeLessThan(10)
})

it('a local folder names what is too long, and a link that leads to itself', async () => {
  const root = scratch('objects')
  const long = 'x'.repeat(300)
  const store = localObjectStore(root)
  const tooLong = { code: 'definition.store', exitCode: 2, message: expect.stringMatching(/cannot hold a name of this length/) }
  await expect(store.putIfAbsent(long, new Uint8Array())).rejects.toMatchObject(tooLong)
  await expect(store.get(long)).rejects.toMatchObject(tooLong)
  symlinkSync('round', join(root, 'round'))
  const circle = { code: 'definition.store', exitCode: 2, message: expect.stringMatching(/is a link that leads to itself/) }
  await expect(localObjectStore(join(root, 'round')).putIfAbsent('k', new Uint8Array())).rejects.toMatchObject(circle)
  await expect(localObjectStore(join(root, 'round')).get('k')).rejects.toMatchObject(circle)
})

it.each(['EIO', 'ESTALE', 'ETIMEDOUT', 'EMFILE'])('a file system that answers %s just now is one to try again', code => {
  const error = Object.assign(new Error(code), { code, path: '/store/k' })
  expect(storeError('/store', 'read', error)).toMatchObject({
    code: 'transient.store',
    exitCode: 75,
    message: `the store /store cannot be read just now (${code}): /store/k`,
  })
})

it('a local folder whose files may not be deleted says so', async () => {
  const root = scratch('objects')
  const store = localObjectStore(root)
  await store.put('closed/k', new Uint8Array())
  chmodSync(join(root, 'closed'), 0o555)
  chmodSync(root, 0o755)
  // Root may delete everything.
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid!(65534)
  try {
    await expect(store.delete('closed/k')).rejects.toMatchObject({ code: 'definition.store', exitCode: 2 })
  } finally {
    if (isRoot) process.seteuid!(0)
  }
  chmodSync(join(root, 'closed'), 0o755)
})

it('a local folder has no empty folders: the last file takes its own along, and writers make it again', async () => {
  const root = scratch('objects')
  const store = localObjectStore(root)
  await store.put('a/b/c/k', new Uint8Array())
  await store.put('a/other', new Uint8Array())
  await store.delete('a/b/c/k')
  expect(readdirSync(join(root, 'a'))).toEqual(['other'])
  await store.delete('a/other')
  expect(readdirSync(root)).toEqual([])
  await store.delete('a/b/c/k')
  const rounds = Array.from({ length: 200 }, async (_, at) => {
    await store.putIfAbsent(`a/b/${at}`, new Uint8Array())
    await store.delete(`a/b/${at}`)
  })
  await Promise.all(rounds)
  expect(readdirSync(root)).toEqual([])
})
