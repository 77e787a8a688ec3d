/** Stale ranges as people read them. */
import type { ListedStale } from '../domain/plan.ts'
import { formatInstant, formatInstantShort } from '../domain/time.ts'
import { number } from './output.ts'

/** The command that repairs what no scheduled run does. */
export function backfillCommand(name: string, { backfill }: ListedStale): string | undefined {
  return backfill && `quern backfill ${name} --from ${formatInstant(backfill.from)} --to ${formatInstant(backfill.to)}`
}

export function staleText(name: string, range: ListedStale): string {
  const repair = backfillCommand(name, range)
  return `stale: ${rangeText(range)}${repair === undefined ? '' : `; repair with ${repair}`}`
}

export function pendingText(name: string, range: ListedStale): string {
  return `${name}: rows came too late for ${rangeText(range)}; repair with ${backfillCommand(name, range)}`
}

function rangeText({ from, to, entities }: ListedStale): string {
  const cutoffs =
    from === to ? `cutoff ${formatInstantShort(from)}` : `cutoffs ${formatInstantShort(from)} to ${formatInstantShort(to)}`
  return entities === null ? cutoffs : `${cutoffs}, ${number(entities)} ${entities === 1 ? 'entity' : 'entities'}`
}
