/** What of a message beside its value becomes columns: the text of their members. */
import type { Message } from '../domain/eventLog.ts'
import type { MessagePart } from '../domain/kafkaSource.ts'
import { asBuffer } from './rowText.ts'
import { isIsoMillis, isoOfMillis } from './times.ts'

/** The members of a message's parts, without the braces; empty where none is asked for. */
export class Parts {
  readonly isEmpty: boolean
  /** A column's name could go on behind a string that the value has left open: such a value must be looked at first. */
  readonly isDoubtful: boolean
  readonly #key: string | undefined
  readonly #headers: string | undefined
  readonly #timestamp: string | undefined
  readonly #partition: string | undefined
  readonly #offset: string | undefined

  constructor(parts: Partial<Record<MessagePart, string>>) {
    const name = (column: string | undefined): string | undefined =>
      column === undefined ? undefined : `,${JSON.stringify(column)}:`
    this.#key = name(parts.key)
    this.#headers = name(parts.headers)
    this.#timestamp = name(parts.timestamp)
    this.#partition = name(parts.partition)
    this.#offset = name(parts.offset)
    const first = [this.#key, this.#headers, this.#timestamp, this.#partition, this.#offset].find(text => text !== undefined)
    this.isEmpty = first === undefined
    this.isDoubtful = first !== undefined && /^,"[ ,:}\]]/.test(first)
  }

  /** `key`: its JSON text, asked for only where it is a column. */
  text(message: Message, partition: number, key: () => string): string {
    let text = ''
    if (this.#key !== undefined) text += this.#key + key()
    if (this.#headers !== undefined) text += this.#headers + headersText(message.headers)
    if (this.#timestamp !== undefined) text += this.#timestamp + timestampText(message.timestamp)
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

/** An ISO instant in quotes; null of -1, which says that there is none, and outside of the years 0000 to 9999. */
function timestampText(timestamp: bigint): string {
  const millis = Number(timestamp)
  return millis === -1 || !isIsoMillis(millis) ? 'null' : `"${isoOfMillis(millis)}Z"`
}
