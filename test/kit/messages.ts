/** Messages, and what decoders make of them. */
import type { Message } from '../../src/domain/eventLog.ts'
import type { MessageFormat, RegistrySettings } from '../../src/domain/kafkaSource.ts'
import type { Decoded, MessageDecoder } from '../../src/domain/messageDecoder.ts'
import { messageDecoder } from '../../src/messages/decoder.ts'
import type { Random } from './random.ts'

type Bytes = Uint8Array | string | null

export const bytesOf = (text: Bytes): Uint8Array | null => (typeof text === 'string' ? Buffer.from(text, 'utf8') : text)

export function message(value: Bytes, more: { key?: Bytes } & Partial<Omit<Message, 'key' | 'value'>> = {}): Message {
  const { key = null, ...rest } = more
  return { offset: 7n, timestamp: 1_767_322_984_567n, headers: [], ...rest, key: bytesOf(key), value: bytesOf(value) }
}

interface Options {
  value?: MessageFormat['value']
  key?: MessageFormat['key']
  envelope?: MessageFormat['envelope']
  parts?: Parameters<typeof messageDecoder>[0]['parts']
  tombstones?: Parameters<typeof messageDecoder>[0]['tombstones']
  registry?: RegistrySettings | { url: string }
  retries?: Parameters<typeof messageDecoder>[2]
}

export function decoderOf(options: Options = {}): MessageDecoder {
  const { value = 'json', key = 'string', envelope, parts = {}, tombstones = 'reject', registry, retries = {} } = options
  const settings = registry && { username: undefined, password: undefined, ...registry }
  return messageDecoder({ format: { value, key, envelope }, parts, tombstones }, settings, retries)
}

export async function decodeAll(decoder: MessageDecoder, messages: readonly Message[], partition = 3): Promise<Decoded[]> {
  await decoder.prepare(messages, new AbortController().signal)
  return messages.map(one => decoder.decode(one, partition))
}

export async function decodeOne(options: Options, one: Message): Promise<Decoded> {
  return (await decodeAll(decoderOf(options), [one]))[0]!
}

/** The row's text; what else the decoder made of the message, in words, where it is no row. */
export function shown(decoded: Decoded): string {
  if (decoded.kind === 'row') return `${decoded.retracts ? 'retracts ' : ''}${Buffer.from(decoded.json).toString('utf8')}`
  if (decoded.kind === 'nothing') return `nothing: ${decoded.why}`
  const { code, path, message: words } = decoded.issue
  return `${code}${path === '' ? '' : ` at ${path}`}: ${words}`
}

/** A JSON value of a few levels. */
export function someJson(random: Random, depth = 3): unknown {
  switch (random.whole(0, depth === 0 ? 4 : 7)) {
    case 0:
      return null
    case 1:
      return random.chance(0.5)
    case 2:
      return random.pick([0, -0, 1, -1, 1.5, 1e21, 5e-324, 2 ** 53 - 1, random.next() * 1e6])
    case 3:
    case 4:
      return someText(random)
    case 5:
      return Array.from({ length: random.whole(0, 3) }, () => someJson(random, depth - 1))
    default:
      return someObject(random, depth - 1)
  }
}

/** Names are without a backslash: V8's JSON.parse mistakes names with escapes for one with a backslash that it met before (nodejs/node#63785). */
export const someObject = (random: Random, depth = 3): object =>
  Object.fromEntries(
    Array.from({ length: random.whole(0, 4) }, () => [someText(random).replaceAll('\\', ''), someJson(random, depth)]),
  )

const PIECES = [
  'a',
  'key',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '\n',
  '\r',
  '\u2028',
  'é',
  '漢',
  '😀',
  '\u0000',
  '1',
  '__proto__',
]

export const someText = (random: Random): string => Array.from({ length: random.whole(0, 4) }, () => random.pick(PIECES)).join('')

/** Bytes with something wrong about them, or not. */
export function damaged(random: Random, bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes)
  const at = random.whole(0, copy.length)
  switch (random.whole(0, 4)) {
    case 0:
      return copy.subarray(0, at)
    case 1:
      return Buffer.concat([copy, Buffer.from(Array.from({ length: random.whole(1, 4) }, () => random.whole(0, 255)))])
    case 2:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1)])
    case 3:
      return Buffer.concat([copy.subarray(0, at), Buffer.from([random.whole(0, 255)]), copy.subarray(at)])
    default:
      if (copy.length > 0) copy[Math.min(at, copy.length - 1)] = random.whole(0, 255)
      return copy
  }
}
