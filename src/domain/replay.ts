/** What has become of refused rows: judged again by today's schema, grouped by why they had been refused. Pure. */

/** Why rows of a file, or of a topic's partition, cannot be judged again. */
export type Unseen = 'gone' | 'changed' | 'unreadable' | 'no feature set' | 'not kept'

export interface ReplayedGroup {
  /** The first issue that the rows were refused for. */
  code: string
  reason: string
  rows: number
  /** So many are accepted by now, and so many of these were marked: a version had been computed without them, or an archive lacked them. */
  passing: number
  marked: number
  /** Why the others are refused now: the first issue, and how many rows have it. */
  failing: { code: string; reason: string; rows: number }[]
  /** Rows that cannot be looked at any more, by file. */
  unseen: { path: string; why: Unseen; rows: number }[]
}

/** Counts rows into groups, the largest first. */
export class ReplayedGroups {
  readonly #groups = new Map<string, ReplayedGroup>()

  group(code: string, reason: string): ReplayedGroup {
    const key = JSON.stringify([code, reason])
    const group = this.#groups.get(key) ?? { code, reason, rows: 0, passing: 0, marked: 0, failing: [], unseen: [] }
    this.#groups.set(key, group)
    return group
  }

  passes(group: ReplayedGroup, isMarked: boolean): void {
    group.rows++
    group.passing++
    if (isMarked) group.marked++
  }

  fails(group: ReplayedGroup, issue: { code: string; reason: string }): void {
    group.rows++
    const same = group.failing.find(({ code, reason }) => code === issue.code && reason === issue.reason)
    if (same) same.rows++
    else group.failing.push({ ...issue, rows: 1 })
  }

  isUnseen(group: ReplayedGroup, path: string, why: Unseen): void {
    group.rows++
    const same = group.unseen.find(other => other.path === path && other.why === why)
    if (same) same.rows++
    else group.unseen.push({ path, why, rows: 1 })
  }

  all(): ReplayedGroup[] {
    const byRows = (a: { rows: number }, b: { rows: number }): number => b.rows - a.rows
    for (const { failing, unseen } of this.#groups.values()) {
      failing.sort(byRows)
      unseen.sort(byRows)
    }
    return [...this.#groups.values()].sort(byRows)
  }
}
