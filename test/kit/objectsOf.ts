/** The source of a set that reads files. */
import type { ObjectsSource, SourceDefinition } from '../../src/domain/source.ts'

export function objectsOf({ source }: { source: SourceDefinition }): ObjectsSource {
  if (source.kind !== 'objects') throw new Error(`${source.name} is no source of files`)
  return source
}
