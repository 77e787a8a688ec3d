import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DefinitionError, TransientError } from '../src/domain/errors.ts'
import { RegisteredReaders } from '../src/messages/registeredReaders.ts'
import { RETRIES, SchemaRegistry } from '../src/messages/schemaRegistry.ts'
import { decodeAll, decodeOne, decoderOf, message, shown } from './kit/messages.ts'
import { seeded } from './kit/random.ts'
import { never } from './kit/readLog.ts'
import type { LocalRegistry } from './kit/schemaRegistry.ts'
import { framed, localRegistry } from './kit/schemaRegistry.ts'

const CREDENTIALS = { username: 'us er', password: 'pa:ss/wörd' }
const SCHEMA = { type: 'record', name: 'Row', fields: [{ name: 'a', type: 'int' }] }

let registry: LocalRegistry
let id: number
beforeEach(async () => {
  registry = await localRegistry()
  id = registry.register('rows', SCHEMA)
})
afterEach(() => registry.close())

const row = (of: number) => message(framed(of, Buffer.from([2])))
const quick = { attempts: 4, pause: 1, timeout: 200 }
const options = (url = registry.url, retries: object = quick) => ({ value: 'avro', registry: { url }, retries }) as const

describe('a schema registry', () => {
  it('is asked once for each schema, however many messages name it', async () => {
    const decoder = decoderOf(options())
    for (let at = 0; at < 3; at++) {
      const rows = await decodeAll(
        decoder,
        Array.from({ length: 100 }, () => row(id)),
      )
      expect(new Set(rows.map(shown))).toEqual(new Set(['{"a":1}']))
    }
    expect(registry.asked).toEqual([`/schemas/ids/${id}`])
  })

  it('is not asked where no bytes name a schema', async () => {
    const decoder = decoderOf(options('http://127.0.0.1:1'))
    const words = (await decodeAll(decoder, [message('{}'), message(Buffer.from([0, 0])), message(null)])).map(shown)
    expect(words.map(text => text.slice(0, 12))).toEqual(['wire-format:', 'wire-format:', 'tombstone: A'])
  })

  it('may stand under a path', async () => {
    expect(shown(await decodeOne(options(`${registry.url}/`), row(id)))).toBe('{"a":1}')
    await expect(decodeOne(options(`${registry.url}/apis/v7`), row(id))).rejects.toThrow(
      `${registry.url}/apis/v7/schemas/ids/${id}: no schema registry answers there: it answers 404`,
    )
  })

  it('that does not have a schema is asked again when some seconds have gone by', async () => {
    let now = 1000
    const { retries, registry: access } = options()
    const settings = { ...access, username: undefined, password: undefined }
    const readers = new RegisteredReaders(new SchemaRegistry(settings, { ...RETRIES, ...retries }), 'avro', () => now)
    const unknown = id + 65_537
    const read = async (...ids: number[]): Promise<string[]> => {
      await readers.prepare(new Set(ids), never)
      return ids.map(of => {
        try {
          return readers.reader(of)(framed(of, Buffer.from([2])))
        } catch (error) {
          return (error as Error).message
        }
      })
    }
    const asked = (): number => registry.asked.filter(path => path.endsWith(String(unknown))).length
    const words = [`The registry has no schema ${unknown}`, '{"a":1}']
    expect(await read(unknown, id)).toEqual(words)
    expect(registry.register('rows', { ...SCHEMA, name: 'Later' })).toBe(unknown)
    now += 9_999
    expect(await read(unknown, id)).toEqual(words)
    expect(asked()).toBe(1)
    now += 1
    expect(await read(unknown, id)).toEqual(['{"a":1}', '{"a":1}'])
    expect(asked()).toBe(2)
    now += 100_000
    expect(await read(unknown, id)).toEqual(['{"a":1}', '{"a":1}'])
    expect(asked()).toBe(2)
  })

  it('bears many messages that name each another schema which is not there', async () => {
    const random = seeded()
    const messages = Array.from({ length: 500 }, () => row(random.whole(0, 2 ** 32 - 1)))
    const words = (await decodeAll(decoderOf(options()), messages)).map(shown)
    expect(words.every(text => text.startsWith('unknown-schema: '))).toBe(true)
  })
})

describe('credentials', () => {
  let guarded: LocalRegistry
  beforeEach(async () => {
    guarded = await localRegistry(CREDENTIALS)
    expect(guarded.register('rows', SCHEMA)).toBe(id)
  })
  afterEach(() => guarded.close())

  it('are sent, from the settings or from the URL', async () => {
    const settings = { ...options(), registry: { url: guarded.url, ...CREDENTIALS } }
    expect(shown(await decodeOne(settings, row(id)))).toBe('{"a":1}')
    const url = new URL(guarded.url)
    url.username = CREDENTIALS.username
    url.password = CREDENTIALS.password
    expect(shown(await decodeOne(options(url.href), row(id)))).toBe('{"a":1}')
  })

  it('that are wrong or missing are told at once, without the password', async () => {
    const url = guarded.url.replace('//', '//me:secret@')
    const wrong = await decodeOne(options(url), row(id)).catch(error => error)
    expect(wrong).toBeInstanceOf(DefinitionError)
    expect(wrong.code).toBe('definition.registry-access')
    expect(wrong.message).toBe(
      `schema registry ${guarded.url}/schemas/ids/${id}: the username and password are not accepted, or may not read schemas (401)`,
    )
    const missing = await decodeOne(options(guarded.url), row(id)).catch(error => error)
    expect(missing.message).toMatch(/it asks for a username and password \(401\)$/)
    expect(guarded.asked).toHaveLength(2)
  })
})

describe('a registry that fails', () => {
  it.each([
    ['cuts connections', { kind: 'down' }],
    ['answers 500', { kind: 'status', status: 500 }],
    ['answers 503 in HTML', { kind: 'status', status: 503, body: '<html>' }],
    ['asks for patience', { kind: 'status', status: 429 }],
    ['does not answer', { kind: 'silent' }],
  ] as const)('for a moment, since it %s, is waited for', async (_, failure) => {
    registry.fail(failure, 3)
    expect(shown(await decodeOne(options(), row(id)))).toBe('{"a":1}')
    expect(registry.asked).toHaveLength(4)
  })

  it.each([
    ['cuts connections', { kind: 'down' }, /: (UND_ERR_SOCKET|ECONNRESET), after 4 requests$/],
    ['answers 500', { kind: 'status', status: 500 }, /: it answers 500, after 4 requests$/],
    ['does not answer', { kind: 'silent' }, /: it does not answer in time, after 4 requests$/],
  ] as const)('for long, since it %s, is a reason to try again later', async (_, failure, words) => {
    registry.fail(failure)
    const url = registry.url.replace('//', '//me:secret@')
    const error = await decodeOne(options(url), row(id)).catch(caught => caught)
    expect(error).toBeInstanceOf(TransientError)
    expect(error).toMatchObject({ code: 'transient.registry', values: { url: `${registry.url}/` } })
    expect(error.message).toMatch(words)
    expect(`${error.message}${JSON.stringify(error.values)}`).not.toContain('secret')
    expect(registry.asked).toHaveLength(4)
  })

  it('since nobody listens is a reason to try again later', async () => {
    const server = createServer()
    const port = await new Promise<number>(done =>
      server.listen(0, '127.0.0.1', () => done((server.address() as { port: number }).port)),
    )
    await new Promise(done => server.close(done))
    await expect(decodeOne(options(`http://127.0.0.1:${port}`), row(id))).rejects.toThrow(/: ECONNREFUSED, after 4 requests$/)
  })

  it('goes on to work afterwards, with the same decoder', async () => {
    const decoder = decoderOf(options())
    registry.fail({ kind: 'status', status: 500 })
    await expect(decodeAll(decoder, [row(id)])).rejects.toThrow(TransientError)
    registry.heal()
    expect((await decodeAll(decoder, [row(id)])).map(shown)).toEqual(['{"a":1}'])
    // What is known needs no registry.
    registry.fail({ kind: 'down' })
    expect((await decodeAll(decoder, [row(id)])).map(shown)).toEqual(['{"a":1}'])
  })

  it('waits a random part of pauses that double', async () => {
    registry.fail({ kind: 'status', status: 500 })
    const asked: number[] = []
    const random = (): number => {
      asked.push(registry.asked.length)
      return 0
    }
    await expect(decodeOne(options(registry.url, { ...quick, random, pause: 1e9 }), row(id))).rejects.toThrow(TransientError)
    expect(asked).toEqual([1, 2, 3])
  })

  it('is left at once when the run is stopped, while it pauses and while it is asked', async () => {
    for (const [failure, retries] of [
      [
        { kind: 'status', status: 500 },
        { attempts: 2, pause: 1e8, random: () => 1 },
      ],
      [{ kind: 'silent' }, { attempts: 1, timeout: 1e8 }],
    ] as const) {
      registry.fail(failure)
      const stop = new AbortController()
      const prepared = decoderOf(options(registry.url, retries)).prepare([row(id)], stop.signal)
      const before = registry.asked.length
      while (registry.asked.length === before) await new Promise(done => setTimeout(done, 1))
      stop.abort(new Error('stopped'))
      const error = await prepared.catch(caught => caught)
      expect(error.message).toMatch(/stopped|aborted/)
      expect(error).not.toBeInstanceOf(TransientError)
    }
  })

  it.each([
    ['an HTML page', { kind: 'status', status: 200, body: '<html>' }, 'its answer is no schema'],
    ['another JSON', { kind: 'status', status: 200, body: '{"ok":true}' }, 'its answer is no schema'],
    ['a 404 of another server', { kind: 'status', status: 404, body: 'not found' }, 'it answers 404'],
    ['a 400', { kind: 'status', status: 400, body: '{}' }, 'it answers 400'],
  ] as const)('to be one, since it answers %s, is told at once', async (_, failure, words) => {
    registry.fail(failure)
    const error = await decodeOne(options(), row(id)).catch(caught => caught)
    expect(error).toBeInstanceOf(DefinitionError)
    expect(error.code).toBe('definition.registry')
    expect(error.message).toContain(`no schema registry answers there: ${words}`)
    expect(registry.asked).toHaveLength(1)
  })
})

describe('a definition', () => {
  it('of Avro or Protobuf without a registry, or with one that is no URL, is refused', () => {
    for (const value of ['avro', 'protobuf'] as const) {
      expect(() => decoderOf({ value })).toThrow(`the value is ${value}, whose schemas are in a registry, and none is declared`)
    }
    expect(() => decoderOf({ key: 'avro', parts: { key: 'k' } })).toThrow('the key is avro')
    // Of keys that nobody looks at the format does not matter.
    expect(() => decoderOf({ key: 'avro' })).not.toThrow()
    for (const url of ['', 'localhost:8081', 'ftp://x', 'me:secret@host']) {
      expect(() => decoderOf(options(url))).toThrow(DefinitionError)
      expect(() => decoderOf(options(url))).not.toThrow(/secret/)
    }
  })
})
