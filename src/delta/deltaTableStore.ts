/** Delta tables in an object store. */
import type { ObjectStore } from '../domain/objectStore.ts'
import type { TableStore } from '../domain/tableStore.ts'
import { LOG } from './actions.ts'
import type { DeltaOptions } from './deltaTable.ts'
import { deltaTable } from './deltaTable.ts'

export function deltaTableStore(objects: ObjectStore, options: DeltaOptions): TableStore {
  return {
    uri: objects.uri,
    table: path => deltaTable(objects, path, options),

    async tables(folder: string): Promise<string[]> {
      const names = await objects.folders(`${folder}/`)
      const there = await Promise.all(names.map(async name => (await objects.folders(`${folder}/${name}/`)).includes(LOG)))
      return names.filter((_, at) => there[at])
    },
  }
}
