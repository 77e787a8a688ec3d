/** What of a message beside its value becomes columns: the text of their members. */
import type { Message } from '../domain/eventLog.ts'
import type { MessagePart } from '../domain/kafkaSource.ts'
import { asBuffer, memberName } from './rowText.ts'
import { isIsoMillis, isoOfMillis } from './times.ts'

/** The members of a message's parts, without the braces; empty where none is asked for. */
export class Parts {
  readonly #key: string | undefined
  readonly #headers: string | undefined
  readonly #timestamp: string | undefined
  readonly #partition: string | undefined
  readonly #offset: string | undefined
  readonly #times = new MinuteTimes()

  constructor(parts: Partial<Record<MessagePart, string>>) {
    const name = (column: string | undefined): string | undefined => (column === undefined ? undefined : `,${memberName(column)}`)
    this.#key = name(parts.key)
    this.#headers = name(parts.headers)
    this.#timestamp = name(parts.timestamp)
    this.#partition = name(parts.partition)
    this.#offset = name(parts.offset)
  }

  /** `key`: its JSON text, asked for only where it is a column. */
  text(message: Message, partition: number, key: () => string): string {
    let text = ''
    if (this.#key !== undefined) text += this.#key + key()
    if (this.#headers !== undefined) text += this.#headers + headersText(message.headers)
    if (this.#timestamp !== undefined) text += this.#timestamp + this.#times.text(Number(message.timestamp))
    if (this.#partition !== undefined) text += this.#partition + partition
    if (this.#offset !== undefined) text += this.#offset + message.offset
    return text.slice(1)
  }
}

/** Of headers of one name the last; bytes that are not UTF-8 are U+FFFD. */
function headersText(headers: Message['headers']): string {
  const last = new Map<string, Uint8Array | null>()
  for (const [name, value] of headers) last.set(name, value)
  let text = ''
  for (const [name, value] of last) {
    text += `,${JSON.stringify(name)}:${value === null ? 'null' : JSON.stringify(asBuffer(value).toString('utf8'))}`
  }
  return `{${text.slice(1)}}`
}

const MINUTE = 60_000

/** Times of messages, of which many lie in one minute. */
class MinuteTimes {
  #minute = Number.NaN
  #prefix = ''

  /** An ISO instant in quotes; null of -1, which says that there is none, and outside of the years 0000 to 9999. */
  text(millis: number): string {
    if (millis === -1 || !isIsoMillis(millis)) return 'null'
    const minute = Math.floor(millis / MINUTE)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#prefix = `"${isoOfMillis(minute * MINUTE).slice(0, 17)}`
    }
    const rest = millis - minute * MINUTE
    const seconds = Math.floor(rest / 1000)
    const thousandths = rest - seconds * 1000
    return `${this.#prefix}${seconds < 10 ? '0' : ''}${seconds}.${thousandths < 10 ? '00' : thousandths < 100 ? '0' : ''}${thousandths}Z"`
  }
}
