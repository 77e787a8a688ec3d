/** What a log says of the objects that some versions need and others do not. */
import type { Table } from '../domain/tableStore.ts'
import type { Action } from './actions.ts'
import { inOrder, versions } from './ahead.ts'
import type { Log } from './log.ts'

type Held = Awaited<ReturnType<Table['heldBy']>>

export async function heldBy(log: Log, { from, also }: { from: number; also: readonly number[] }): Promise<Held> {
  const paths = new Set<string>()
  const past = new Set<string>()
  const lineages: unknown[] = []
  const latest = await log.latestVersion()
  const hold = (actions: readonly Action[]): void => {
    for (const { add, commitInfo } of actions) {
      if (add) paths.add(decodeURIComponent(add.path))
      if (commitInfo?.quern !== undefined) lineages.push(commitInfo.quern)
    }
  }
  for (const version of new Set([...also, Math.min(from, latest)])) {
    const state = await log.stateAt(version)
    if (!state) continue
    for (const path of state.adds.keys()) paths.add(decodeURIComponent(path))
    hold([{ commitInfo: state.commitInfo! }].filter(({ commitInfo }) => commitInfo))
  }
  // Every later version holds some of these and of what was added since.
  if (from < latest)
    for await (const [, actions] of inOrder(versions(from + 1, latest), version => log.readCommit(version))) hold(actions)
  for (const path of (await log.stateAt(undefined))?.removes.keys() ?? []) {
    if (!paths.has(decodeURIComponent(path))) past.add(decodeURIComponent(path))
  }
  return { paths, past, lineages }
}

/** The keys of the commits and checkpoints before `version`. */
export async function logBefore(log: Log, version: number): Promise<string[]> {
  const { commits, checkpoints } = await log.list(0)
  return [
    ...[...commits].filter(([at]) => at < version).map(([, { key }]) => key),
    ...[...checkpoints].filter(([at]) => at < version).flatMap(([, keys]) => keys),
  ]
}
