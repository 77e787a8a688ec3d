/** Flags that several commands read the same way. */
import { DefinitionError } from '../domain/errors.ts'
import type { Severity } from '../domain/expectations.ts'
import { SEVERITIES } from '../domain/expectations.ts'
import type { Duration, Instant } from '../domain/time.ts'
import { parseDuration, requireInstant } from '../domain/time.ts'

/** `--until`; now where it is absent, never later. */
export function untilFlag(text: string | undefined, now: Instant, flag = '--until'): Instant {
  if (text === undefined) return now
  const until = requireInstant(text, flag)
  if (until <= now) return until
  throw new DefinitionError('definition.until', `${flag}: \`${text}\` lies in the future`, {
    hint: `Name an instant that has passed${flag === '--until' ? ', or leave it out for now' : ''}.`,
  })
}

export function requireFlag(text: string | undefined, flag: string): string {
  if (text !== undefined) return text
  throw new DefinitionError('definition.flag', `${flag} is missing`, {
    hint: `Write ${flag} and an instant, such as 2026-01-31T00:00:00Z.`,
  })
}

export function limitFlag(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new DefinitionError('definition.limit', `--limit: \`${text}\` is no whole number`, { hint: 'Write a number such as 20.' })
}

/** `1%` or `0.01`. */
export function shareFlag(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text)
  const share = match ? Number(match[1]) / (match[2] ? 100 : 1) : Number.NaN
  if (share >= 0 && share <= 1) return share
  throw new DefinitionError('definition.max-rejected', `--max-rejected: \`${text}\` is no share`, {
    hint: 'Write a percentage such as 1%, or a number from 0 to 1 such as 0.01.',
  })
}

/** `warn` or `stop`: what broken expectations do, whatever the definition says. */
export function severityFlag(text: string | undefined): Severity | undefined {
  const severity = SEVERITIES.find(one => one === text)
  if (text === undefined || severity) return severity
  throw new DefinitionError('definition.expectations', `--expectations: \`${text}\` is no severity`, {
    hint: 'Write `warn`, so that broken ones only warn this once, or `stop`.',
  })
}

/** A duration such as `10s`; 0 is one. */
export function durationFlag(text: string, flag: string): Duration {
  const duration = parseDuration(text)
  if (duration !== undefined) return duration
  throw new DefinitionError('definition.flag', `${flag}: \`${text}\` is no duration`, {
    hint: 'Write a number and `ms`, `s`, `m`, `h` or `d`, such as 10s.',
  })
}

/** A whole number from 1 on. */
export function countFlag(text: string, flag: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text)
  throw new DefinitionError('definition.flag', `${flag}: \`${text}\` is no whole number from 1 on`, {
    hint: 'Write a number such as 500000.',
  })
}
