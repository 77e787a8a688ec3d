/** What following says: a line for each commit, and on a terminal the state of each topic on a line that is drawn anew. */
import type { Progress } from '../domain/engine.ts'
import { QuernError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Instant } from '../domain/time.ts'
import type { Lag } from '../run/backlog.ts'
import type { FollowedBatch, FollowedRun, FollowWatcher } from '../run/followWatcher.ts'
import { warningTexts } from './expectationText.ts'
import { counted, note, number, printJson, printLine } from './output.ts'
import { printableLines } from './printable.ts'
import type { ProgressLine, StatusLine } from './progress.ts'
import { progressLine, statusLine } from './progress.ts'
import { landText, runJson, runText } from './runLine.ts'
import { pendingText } from './staleText.ts'

interface State {
  lag: Lag
  /** Of the last commit. */
  rate: number | undefined
  freshness: number | undefined
  rejected: number
  fault: string | undefined
}

export class FollowOutput implements FollowWatcher {
  readonly #options: { json: boolean; plain: boolean; now: () => Instant }
  readonly #line: StatusLine | undefined
  readonly #states = new Map<string, State>()
  #progress: { name: string; line: ProgressLine } | undefined

  constructor(options: { json: boolean; plain: boolean; now: () => Instant }) {
    this.#options = options
    this.#line = statusLine(!options.plain)
  }

  looked({ name }: KafkaSource, lag: Lag): void {
    this.#update(name, { lag })
    this.#draw()
  }

  landed(source: KafkaSource, batch: FollowedBatch): void {
    const { rows, rejected, readableAt, startedAt, lag, freshness } = batch
    const seconds = Number(readableAt - startedAt) / 1e6
    const known = this.#states.get(source.name)?.rejected ?? 0
    const rate = seconds > 0 ? rows / seconds : undefined
    this.#update(source.name, { lag, rate, freshness: freshness.newest, rejected: known + rejected })
    if (this.#options.json) this.#print(() => printJson(landedJson(source, batch, seconds)))
    // A terminal shows the same on its line.
    else if (!this.#line) printLine(`${landText(source, batch, seconds)}; ${standingText(lag, freshness.newest)}`)
    this.#draw()
  }

  computed(set: FeatureSet, { result, seconds, freshness }: FollowedRun): void {
    this.#print(() => {
      if (result.outcome === 'committed') {
        if (this.#options.json) printJson({ ...runJson(set, result, seconds), freshness: freshness ?? null })
        else printLine(`${runText(set, result, seconds)}${freshnessText(freshness)}`)
      }
      for (const warning of warningTexts(set.name, result.expectations)) note(warning)
      for (const range of result.pending) note(pendingText(set.name, range))
    })
  }

  progress(name: string, progress: Progress): void {
    if (this.#progress?.name !== name)
      this.#progress = { name, line: progressLine(name, !this.#options.plain, this.#options.now) }
    this.#progress.line.show(progress)
  }

  note(text: string): void {
    this.#print(() => note(text))
  }

  failed({ name, error }: { name: string; error: Error }, { isNew }: { isNew: boolean }): void {
    const code = error instanceof QuernError ? error.code : 'defect.unexpected'
    if (this.#states.has(name)) this.#update(name, { fault: code })
    if (isNew) this.note(`${name}: ${printableLines(error.message)}; it is tried again until it goes well  [${code}]`)
    this.#draw()
  }

  recovered({ name }: KafkaSource, seconds: number): void {
    this.#update(name, { fault: undefined })
    this.note(`${name}: goes on after ${secondsText(seconds)}`)
  }

  /** Leaves the terminal as it should be. */
  end(): void {
    this.#line?.clear()
  }

  #update(name: string, state: Partial<State>): void {
    const none: State = {
      lag: { messages: 0, seconds: undefined, partitions: new Map() },
      rate: undefined,
      freshness: undefined,
      rejected: 0,
      fault: undefined,
    }
    this.#states.set(name, { ...none, ...this.#states.get(name), ...state })
  }

  #print(what: () => void): void {
    this.#line?.clear()
    what()
    this.#draw()
  }

  #draw(): void {
    this.#progress = undefined
    this.#line?.draw([...this.#states].map(([name, state]) => stateText(name, state)).join(' | '))
  }
}

/** `payments: following, lag 1,234 messages (12.0 s), 85,000 rows/s, freshness 3.1 s` */
export function stateText(name: string, { lag, rate, freshness, rejected, fault }: State): string {
  // How much has come meanwhile nobody knows.
  if (fault !== undefined) return `${name}: waiting until it goes well again (${fault})`
  const parts = [
    'following',
    lagText(lag),
    ...(rate === undefined ? [] : [`${number(Math.round(rate))} rows/s`]),
    ...(rejected > 0 ? [`${number(rejected)} rejected`] : []),
    ...(freshness === undefined ? [] : [`freshness ${secondsText(freshness)}`]),
  ]
  return `${name}: ${parts.join(', ')}`
}

const standingText = (lag: Lag, freshness: number | undefined): string => `${lagText(lag)}${freshnessText(freshness)}`

const freshnessText = (seconds: number | undefined): string =>
  seconds === undefined ? '' : `, freshness ${secondsText(seconds)}`

function lagText({ messages, seconds }: Lag): string {
  if (messages === 0) return 'lag 0'
  return `lag ${counted(messages, 'message')}${seconds === undefined ? '' : ` (${secondsText(seconds)})`}`
}

function secondsText(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(1)} s`
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`
  return seconds < 100 * 3600 ? `${Math.round(seconds / 3600)} h` : `${number(Math.round(seconds / 86_400))} days`
}

function landedJson({ name }: KafkaSource, batch: FollowedBatch, seconds: number): object {
  const { version, rows, rejected, repeats, passed, lost, lag, freshness } = batch
  return {
    source: name,
    outcome: 'landed',
    version,
    rows,
    rejected,
    repeats,
    passed,
    lost: Number(lost),
    lag: { messages: lag.messages, seconds: lag.seconds ?? null },
    freshness: { newest: freshness.newest ?? null, oldest: freshness.oldest ?? null, event: freshness.event ?? null },
    seconds,
  }
}
