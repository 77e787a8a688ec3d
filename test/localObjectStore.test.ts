import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
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
