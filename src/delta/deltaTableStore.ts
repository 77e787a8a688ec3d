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
      const names = new Set<string>()
      for await (const { key } of objects.list(`${folder}/`)) {
        const [name, part] = key.slice(folder.length + 1).split('/')
        if (part === LOG) names.add(name!)
      }
      return [...names].sort()
    },
  }
}
