import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { localObjectStore } from '../src/objects/localObjectStore.ts'
import { describeObjectStore } from './conformance/objectStore.ts'
import { scratch } from './kit/scratch.ts'

describeObjectStore('local folder', () => localObjectStore(scratch('objects')))

it('a local folder hides what is being written', async () => {
  const root = scratch('objects')
  mkdirSync(join(root, 'log'))
  writeFileSync(join(root, 'log', '.tmp-half'), 'ha')
  expect(await Array.fromAsync(localObjectStore(root).list(''))).toEqual([])
})

it('a local folder that is a file is refused as a store', async () => {
  const file = join(scratch('objects'), 'file')
  writeFileSync(file, '')
  await expect(localObjectStore(file).putIfAbsent('k', new Uint8Array())).rejects.toMatchObject({ code: 'definition.store' })
})
