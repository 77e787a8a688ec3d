/** Readers of messages by the ids of their schemas in a registry. */
import { avroReader } from './avroSchema.ts'
import { protobufReader } from './protobufSchema.ts'
import { Refusal } from './refusal.ts'
import type { RegisteredSchema, SchemaReference, SchemaRegistry } from './schemaRegistry.ts'
import { BODY } from './wireFormat.ts'

/** A whole message, its five bytes included, as JSON. */
type ReadMessage = (message: Uint8Array) => string

type Outcome = { read: ReadMessage } | { refusal: () => Refusal }

/** Requests at once. */
const AT_ONCE = 8

/** Of what the registry does not have: for how many milliseconds that is taken to be so, and of how many ids at most. */
const MISSES = { lifetime: 10_000, most: 100_000 }

const TYPES = { avro: 'AVRO', protobuf: 'PROTOBUF' } as const

export class RegisteredReaders {
  readonly #registry: SchemaRegistry
  readonly #format: 'avro' | 'protobuf'
  /** A registry never changes what an id stands for. */
  readonly #known = new Map<number, Outcome>()
  /**
   * What the registry did not have is asked for again some time later: by then it may. Until then it is not asked, since messages that
   * name nothing it has may be many, each with an id of its own. The oldest come first.
   */
  readonly #missing = new Map<number, Outcome & { until: number }>()
  readonly #clock: () => number

  /** @param clock milliseconds since any moment */
  constructor(registry: SchemaRegistry, format: 'avro' | 'protobuf', clock = (): number => performance.now()) {
    this.#registry = registry
    this.#format = format
    this.#clock = clock
  }

  async prepare(ids: ReadonlySet<number>, signal: AbortSignal): Promise<void> {
    const now = this.#clock()
    for (const [id, { until }] of this.#missing) {
      if (until > now && this.#missing.size <= MISSES.most) break
      this.#missing.delete(id)
    }
    const wanted = [...ids].filter(id => !this.#known.has(id) && !this.#missing.has(id))
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      await Promise.all(wanted.slice(at, at + AT_ONCE).map(id => this.#bring(id, signal)))
    }
  }

  /** Raises a Refusal where there is none, or none that can be read. */
  reader(id: number): ReadMessage {
    const outcome = this.#known.get(id) ?? this.#missing.get(id)
    if (!outcome) throw new Refusal('unknown-schema', `The schema ${id} was not brought from the registry`)
    if ('refusal' in outcome) throw outcome.refusal()
    return outcome.read
  }

  async #bring(id: number, signal: AbortSignal): Promise<void> {
    const schema = await this.#registry.schema(id, signal)
    if (!schema) {
      this.#miss(id, `The registry has no schema ${id}`)
      return
    }
    const references = new Map<string, Referred>()
    const lacks = await this.#gather(schema, references, signal)
    if (lacks) {
      const { subject, version } = lacks
      this.#miss(id, `The schema ${id} refers to version ${version} of \`${subject}\`, which the registry does not have`)
      return
    }
    this.#known.set(id, await this.#outcome(id, schema, [...references.values()]))
  }

  #miss(id: number, why: string): void {
    this.#missing.set(id, { ...refusal('unknown-schema', why), until: this.#clock() + MISSES.lifetime })
  }

  /** Adds what a schema refers to, each after what it refers to itself. Answers a reference that leads nowhere. */
  async #gather(
    { references }: RegisteredSchema,
    gathered: Map<string, Referred>,
    signal: AbortSignal,
    within: ReadonlySet<string> = new Set(),
  ): Promise<SchemaReference | undefined> {
    for (const reference of references) {
      const key = JSON.stringify([reference.subject, reference.version])
      if (gathered.has(key) || within.has(key)) continue
      const schema = await this.#registry.version(reference, signal)
      if (!schema) return reference
      const lacks = await this.#gather(schema, gathered, signal, new Set(within).add(key))
      if (lacks) return lacks
      gathered.set(key, { name: reference.name, text: schema.text })
    }
    return undefined
  }

  async #outcome(id: number, { type, text }: RegisteredSchema, references: readonly Referred[]): Promise<Outcome> {
    const due = TYPES[this.#format]
    if (type !== due)
      return refusal('unreadable-schema', `The schema ${id} is of the type ${type}; messages of this source are ${due}`)
    try {
      if (this.#format === 'protobuf') {
        return { read: await protobufReader(text, new Map(references.map(reference => [reference.name, reference.text]))) }
      }
      const texts = references.map(reference => reference.text)
      const read = await avroReader(text, texts)
      return { read: message => read(message, BODY) }
    } catch (error) {
      return refusal('unreadable-schema', `The schema ${id} of the registry cannot be read: ${(error as Error).message}`)
    }
  }
}

/** What a schema refers to, by the name that it has for it. */
interface Referred {
  name: string
  text: string
}

/** Each message has its own, since it may be told in which field it was. */
const refusal = (code: 'unknown-schema' | 'unreadable-schema', message: string): Outcome => ({
  refusal: () => new Refusal(code, message),
})
