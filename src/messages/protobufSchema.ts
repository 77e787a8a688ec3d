/** A `.proto` file, read by protobufjs, as a reader of its messages that writes them as JSON. */
import type { Root, Type } from 'protobufjs'
import { ProtobufText } from './protobufText.ts'
import { Refusal, refusalOf } from './refusal.ts'
import { asBuffer } from './rowText.ts'
import { messageIndexes } from './wireFormat.ts'

type Protobuf = typeof import('protobufjs')

/** A whole message, its five bytes and its list of message indexes included, as JSON. */
export type ReadMessage = (message: Uint8Array) => string

/**
 * The reader of the messages of a file. `imports`: the texts of the files that it imports, and these in turn, by the names that they are
 * imported by. Those of `google/protobuf` are known. Raises what protobufjs raises where one cannot be read.
 */
export async function protobufReader(file: string, imports: ReadonlyMap<string, string>): Promise<ReadMessage> {
  const { default: protobuf } = await import('protobufjs')
  const { root, messages } = parsedFiles(protobuf, file, imports)
  root.resolveAll()
  const texts = new ProtobufText(protobuf)
  const known = new Map<string, { type: Type; text: (message: object) => string }>()
  const find = (indexes: readonly number[]) => {
    const key = indexes.join()
    const found = known.get(key)
    if (found) return found
    const type = messageAt(protobuf, messages, indexes)
    const made = { type, text: texts.of(type) }
    known.set(key, made)
    return made
  }
  return message => {
    const { indexes, body } = messageIndexes(message)
    const { type, text } = find(indexes)
    const reader = protobuf.Reader.create(asBuffer(message).subarray(body))
    reader.discardUnknown = true
    let decoded: object
    try {
      decoded = type.decode(reader)
    } catch (error) {
      throw refusalOf(error, `Not a message \`${type.fullName.slice(1)}\``)
    }
    return text(decoded)
  }
}

/** The messages that stand at the top of the file, in its order. */
function parsedFiles(protobuf: Protobuf, file: string, imports: ReadonlyMap<string, string>): { root: Root; messages: Type[] } {
  const root = new protobuf.Root()
  const done = new Set<string>()
  const parse = (text: string): ReturnType<Protobuf['parse']> => protobuf.parse(text, root, { keepCase: true })
  const main = parse(file)
  // While there is nothing else in the root, these are the file's own.
  const scope = main.package === undefined ? root : root.lookup(main.package)
  const messages = messagesOf(protobuf, scope ?? root)
  const waiting = [...(main.imports ?? []), ...(main.weakImports ?? [])]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (done.has(name)) continue
    done.add(name)
    const wellKnown = protobuf.common.get(name)?.nested
    if (wellKnown) {
      root.addJSON(wellKnown as Parameters<Root['addJSON']>[0])
      continue
    }
    const text = imports.get(name) ?? BUILT_IN.get(name)
    if (text === undefined) throw new Error(`it imports ${JSON.stringify(name)}, which is not among its references`)
    const parsed = parse(text)
    waiting.push(...(parsed.imports ?? []), ...(parsed.weakImports ?? []))
  }
  return { root, messages }
}

/** What a registry knows without a reference. Options say nothing of what the bytes are. */
const BUILT_IN = new Map([
  ['google/protobuf/descriptor.proto', ''],
  ['confluent/meta.proto', ''],
  [
    'confluent/type/decimal.proto',
    'syntax = "proto3"; package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }',
  ],
])

function messagesOf(protobuf: Protobuf, scope: object): Type[] {
  const inside = scope instanceof protobuf.Namespace ? scope.nestedArray : []
  return inside.filter(object => object instanceof protobuf.Type)
}

function messageAt(protobuf: Protobuf, messages: Type[], indexes: readonly number[]): Type {
  let among = messages
  let found: Type | undefined
  for (const index of indexes) {
    found = among[index]
    if (!found) break
    among = messagesOf(protobuf, found)
  }
  if (!found) throw new Refusal('wire-format', `The schema has no message ${indexes.join('.')}, counted from 0`)
  return found
}
