/** The program's parts in this process, over a folder: for tests that run it a great many times. */
import { join } from 'node:path'
import { deltaTableStore } from '../../src/delta/deltaTableStore.ts'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { ObjectStore } from '../../src/domain/objectStore.ts'
import type { ObjectsSource, Source } from '../../src/domain/source.ts'
import { checkpointWriter } from '../../src/engine/duckdb/checkpointWriter.ts'
import { duckdbEngine } from '../../src/engine/duckdb/duckdbEngine.ts'
import { localObjectStore } from '../../src/objects/localObjectStore.ts'
import type { Parts } from '../../src/run/parts.ts'
import type { RunOptions, RunResult } from '../../src/run/runFeatureSet.ts'
import { runFeatureSet } from '../../src/run/runFeatureSet.ts'
import { archiveSource } from '../../src/sources/archive/archiveSource.ts'
import { objectsSource } from '../../src/sources/objects/objectsSource.ts'
import type { ComputedRow } from './computing.ts'
import { snapshotRows } from './computing.ts'
import { objectsOf } from './objectsOf.ts'

export interface InProcess extends Parts {
  close: () => Promise<void>
  run: (set: FeatureSet, options: Partial<RunOptions> & { until: bigint }) => Promise<RunResult>
  /** The rows of a version, by entity and cutoff. */
  rows: (set: FeatureSet, version?: number) => Promise<ComputedRow[]>
}

export const QUIET = { onProgress: () => {}, signal: new AbortController().signal }

const noTopic: Parts['topicOf'] = ({ name }) => {
  throw new Error(`no topic for ${name}`)
}

interface Options {
  /** Keeps the scratch of several workers over one folder apart. */
  worker?: string
  /** Of the store, below the folder. Default `store`. */
  folder?: string
  /** Wraps the store that it sees. */
  objects?: (store: ObjectStore) => ObjectStore
  /** Default: local files. */
  sourceOf?: (source: ObjectsSource) => Source
  /** What topics are read through. Default: none is. */
  topicOf?: Parts['topicOf']
}

export function inProcess(
  folder: string,
  {
    worker = '',
    folder: below = 'store',
    objects = store => store,
    sourceOf = source => objectsSource(source, () => Date.now()),
    topicOf = noTopic,
  }: Options = {},
): InProcess {
  const scratchDir = join(folder, `scratch${worker}`)
  const engine = duckdbEngine({ memory: 2 ** 30, threads: 2, scratchDir })
  const store = deltaTableStore(objects(localObjectStore(join(folder, below))), {
    now: () => Date.now(),
    engineInfo: 'quern/test',
    writeCheckpoint: checkpointWriter(scratchDir),
  })
  const parts: Parts = {
    store,
    engine,
    sourceOf: set =>
      set.source.kind === 'kafka'
        ? archiveSource(set.source, store.table(`archive/${set.source.name}`), engine)
        : sourceOf(objectsOf(set)),
    topicOf,
    now: () => BigInt(Date.now()) * 1000n,
    signal: QUIET.signal,
    versions: { quern: 'test', node: process.versions.node },
    code: null,
    trace: () => {},
  }
  return {
    ...parts,
    close: () => engine.close(),
    run: (set, options) => runFeatureSet(set, parts, { full: false, maxRejected: 1, acceptLoss: false, ...QUIET, ...options }),
    rows: async (set, version) => {
      const table = store.table(`features/${set.name}`)
      const snapshot = await table.snapshot(version === undefined ? 'latest' : { version })
      return snapshot ? snapshotRows(engine, set, await table.localPaths(snapshot.files)) : []
    },
  }
}
