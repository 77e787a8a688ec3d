/** A schema registry over HTTP, by Confluent's interface. */
import { setTimeout as pause } from 'node:timers/promises'
import { DefinitionError, TransientError } from '../domain/errors.ts'
import type { RegistrySettings } from '../domain/kafkaSource.ts'

export interface RegisteredSchema {
  type: 'AVRO' | 'JSON' | 'PROTOBUF'
  text: string
  references: SchemaReference[]
}

/** `name`: how the schema calls what stands under the version of a subject. */
export interface SchemaReference {
  name: string
  subject: string
  version: number
}

export interface RetrySettings {
  /** Requests in all. */
  attempts: number
  /** Milliseconds before the second request at most; each later pause may be twice as long. */
  pause: number
  /** Milliseconds for one request. */
  timeout: number
  /** 0 <= x < 1 */
  random: () => number
}

export const RETRIES: RetrySettings = { attempts: 6, pause: 200, timeout: 10_000, random: Math.random }

/** Confluent's error codes of a subject, a version or a schema that is not there. */
const NOT_THERE = new Set([40401, 40402, 40403])

const ACCEPT = 'application/vnd.schemaregistry.v1+json, application/json'

export class SchemaRegistry {
  readonly #base: URL
  readonly #headers: Record<string, string>
  readonly #retries: RetrySettings

  constructor({ url, username, password }: RegistrySettings, retries: RetrySettings) {
    this.#base = baseOf(url)
    const user = username ?? decodeURIComponent(this.#base.username)
    const secret = password ?? decodeURIComponent(this.#base.password)
    this.#base.username = ''
    this.#base.password = ''
    this.#headers = { accept: ACCEPT }
    if (user !== '' || secret !== '') this.#headers.authorization = `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`
    this.#retries = retries
  }

  /** Undefined where there is none of this id. */
  schema(id: number, signal: AbortSignal): Promise<RegisteredSchema | undefined> {
    return this.#get(`schemas/ids/${id}`, signal)
  }

  /** Undefined where there is none. */
  version({ subject, version }: SchemaReference, signal: AbortSignal): Promise<RegisteredSchema | undefined> {
    return this.#get(`subjects/${encodeURIComponent(subject)}/versions/${version}`, signal)
  }

  async #get(path: string, signal: AbortSignal): Promise<RegisteredSchema | undefined> {
    const { attempts, pause: first, random } = this.#retries
    const url = `${this.#base.href}${path}`
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#ask(url, signal)
      if ('found' in answer) return answer.found
      if (attempt === attempts) throw unreachable(this.#base.href, answer.failure, attempts, answer.cause)
      // Of many that wait for one registry each comes at another time.
      await pause(random() * first * 2 ** (attempt - 1), undefined, { signal })
    }
  }

  /** One request: what was found, or why it is worth to ask again. */
  async #ask(
    url: string,
    signal: AbortSignal,
  ): Promise<{ found: RegisteredSchema | undefined } | { failure: string; cause?: unknown }> {
    let status: number
    let body: string
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(this.#retries.timeout)])
      const response = await fetch(url, { headers: this.#headers, signal: within, redirect: 'follow' })
      status = response.status
      body = await response.text()
    } catch (error) {
      signal.throwIfAborted()
      return { failure: causeOf(error), cause: error }
    }
    const json = parsedOrUndefined(body)
    if (status === 200) {
      const found = registered(json)
      if (!found) throw noRegistry(url, 'its answer is no schema')
      return { found }
    }
    if (status === 401 || status === 403) throw refused(url, status, 'authorization' in this.#headers)
    if (status === 404 && NOT_THERE.has(Number(json?.error_code))) return { found: undefined }
    if (status >= 500 || status === 429 || status === 408) return { failure: `it answers ${status}` }
    throw noRegistry(url, `it answers ${status}`)
  }
}

/** Asks for a schema as decoders do: whether there is one of this id, the registry answers. */
export function registryProbe(settings: RegistrySettings): (signal: AbortSignal) => Promise<void> {
  return async signal => {
    await new SchemaRegistry(settings, { ...RETRIES, attempts: 2 }).schema(1, signal)
  }
}

function baseOf(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined
  if (!base || !/^https?:$/.test(base.protocol)) {
    // Not the text itself: a password may stand in it.
    throw new DefinitionError('definition.registry', "the schema registry's url is not one of http or https", {
      hint: 'Write it as https://registry.example.com, with the path under which it answers to `/schemas/ids/1`.',
    })
  }
  base.search = ''
  base.hash = ''
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return base
}

function parsedOrUndefined(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const TYPES = ['AVRO', 'JSON', 'PROTOBUF'] as const

function registered(json: Record<string, unknown> | undefined): RegisteredSchema | undefined {
  const type = TYPES.find(known => known === (json?.schemaType ?? 'AVRO'))
  if (typeof json?.schema !== 'string' || !type) return undefined
  const references = Array.isArray(json.references) ? json.references : []
  return { type, text: json.schema, references: references.filter(isReference) }
}

function isReference(value: unknown): value is SchemaReference {
  const { name, subject, version } = (value ?? {}) as Record<string, unknown>
  return typeof name === 'string' && typeof subject === 'string' && typeof version === 'number'
}

/** `fetch failed` says nothing; its cause does. */
function causeOf(error: unknown): string {
  const { name, message, cause } = error as Error
  if (name === 'TimeoutError') return 'it does not answer in time'
  const { code, message: deeper } = (cause ?? {}) as { code?: string; message?: string }
  return code ?? deeper ?? message
}

function unreachable(base: string, failure: string, attempts: number, cause: unknown): TransientError {
  return new TransientError('transient.registry', `schema registry ${base}: ${failure}, after ${attempts} requests`, {
    hint: 'Nothing was lost: run again when it answers.',
    values: { url: base },
    cause,
  })
}

function refused(url: string, status: number, hasCredentials: boolean): DefinitionError {
  const how = hasCredentials
    ? 'the username and password are not accepted, or may not read schemas'
    : 'it asks for a username and password'
  return new DefinitionError('definition.registry-access', `schema registry ${url}: ${how} (${status})`, {
    hint: "Look at `username` and `password` of the source's `registry`.",
    values: { url, status },
  })
}

function noRegistry(url: string, why: string): DefinitionError {
  return new DefinitionError('definition.registry', `${url}: no schema registry answers there: ${why}`, {
    hint: "Look at `url` of the source's `registry`: it is what stands before `/schemas/ids/1`, such as https://registry.example.com/apis/ccompat/v7.",
    values: { url },
  })
}
