/** What a definition over a topic says, and what is refused of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { sourceFingerprint } from '../src/definition/resolveFeatureSet.ts'
import { schemaWords, unusedChange } from '../src/domain/schemaChanges.ts'
import type { KafkaOptions } from '../src/index.ts'
import { count, defineFeatureSet, kafka, objects } from '../src/index.ts'
import { documents, program, quern, REPOSITORY } from './kit/cli.ts'
import { faultsOf, resolved } from './kit/kafkaSets.ts'
import { project } from './kit/project.ts'

const payment = z.object({
  id: z.string(),
  at: z.coerce.date(),
  amount: z.int().min(0).default(0),
  offset: z.int64().optional(),
  headers: z.record(z.string(), z.string().nullable()).optional(),
})
type Options = Partial<Record<keyof KafkaOptions<typeof payment>, unknown>>

const setOver = (options: object, more: object = {}): unknown =>
  defineFeatureSet({
    name: 'payments_daily',
    source: kafka({ name: 'payments', topic: 'shop.payments', schema: payment, eventTime: 'at', ...options } as never) as never,
    entity: ['id'] as never,
    every: '1d',
    features: () => ({ n: count().over('1d') }),
    ...more,
  })
const sourceOf = (options: Options = {}, more: object = {}) => resolved(setOver(options, more)).source

const KEY_REPEATS = /^dedupe\.by: has none but columns of the row key.* \| .*event_id/

describe('a topic that is declared', () => {
  it('lands what it says, and is read as its archive', () => {
    const source = sourceOf({
      ...{ key: 'json', rowKey: ['id'], knownTime: undefined, zone: 'Europe/Berlin', envelope: 'debezium', client: 'kafkajs' },
      ...{ message: { offset: 'offset', headers: 'headers' }, dedupe: { by: 'offset', within: '7d' }, start: 'latest' },
      maxRejected: 0.01,
      ...{ brokers: ['kafka-1:9092', '[::1]:9093'], tls: true, registry: 'http://registry:8081' },
      sasl: { mechanism: 'plain', username: 'reader', password: { env: 'PASSWORD' } },
    })
    const { schema, landing, ...outer } = source
    expect(outer).toEqual({
      ...{ kind: 'kafka', name: 'payments', projectDir: '/project', eventTime: { column: '_event_time' }, rowKey: ['id'] },
      ...{ position: ['_topic', '_partition', '_offset'], retracts: '_retracts', allowEmpty: true },
      csv: { delimiter: ',', quote: '"', header: true, nullText: '', encoding: 'utf-8' },
    })
    expect({ ...landing, schema: undefined }).toEqual({
      ...{ topic: 'shop.payments', schema: undefined, eventTime: { column: 'at' }, zone: 'Europe/Berlin', start: 'latest' },
      ...{
        format: { value: 'json', key: 'json', envelope: 'debezium' },
        tombstones: 'ignore',
        client: 'kafkajs',
        maxRejected: 0.01,
      },
      ...{ parts: { offset: 'offset', headers: 'headers' }, dedupe: { by: ['offset'], within: 7n * 86_400_000_000n } },
      registry: { url: 'http://registry:8081' },
      access: {
        ...{ brokers: ['kafka-1:9092', '[::1]:9093'], tls: {} },
        sasl: { mechanism: 'plain', username: 'reader', password: { env: 'PASSWORD' } },
      },
    })
    expect(landing.schema.fields.map(({ name, nullable }) => [name, nullable])).toContainEqual(['amount', false])
    expect(schema.fields.map(({ name, type: { kind } }) => `${name} ${kind}`)).toEqual([
      ...['id string', 'at timestamp', 'amount int64', 'offset int64', 'headers string'],
      ...[
        '_event_time timestamp',
        '_landed_at timestamp',
        '_topic int32',
        '_partition int32',
        '_offset int64',
        '_retracts boolean',
      ],
    ])
    expect(schema.fields.every(({ nullable, optional, steps }) => nullable && optional && steps?.length === 0)).toBe(true)
  })

  it('has defaults', () => {
    expect(sourceOf()).toMatchObject({
      landing: {
        ...{ format: { value: 'json', key: 'string', envelope: undefined }, access: {}, parts: {}, tombstones: 'reject' },
        ...{ start: 'earliest', client: 'platformatic', maxRejected: 1 },
      },
    })
    expect(sourceOf()).not.toHaveProperty('retracts')
    expect(sourceOf({ tombstones: 'retract', rowKey: ['id'], message: { key: 'id' } }).retracts).toBe('_retracts')
    expect(sourceOf({ registry: true }).landing.registry).toEqual({ url: { env: 'SCHEMA_REGISTRY_URL' } })
  })

  it('goes by event times alone unless a set says otherwise', () => {
    expect(resolved(setOver({})).set).toMatchObject({ late: 'restate' })
    expect(sourceOf({})).not.toHaveProperty('knownTime')
    expect(sourceOf({}, { late: 'asKnown' })).toMatchObject({ knownTime: '_landed_at', landed: true })
    expect(resolved(setOver({ knownTime: 'at' })).set).toMatchObject({ late: 'asKnown', source: { knownTime: 'at' } })
    const declared = sourceOf({ knownTime: 'at' }, { late: 'asKnown' })
    expect(declared.knownTime).toBe('at')
    expect(declared).not.toHaveProperty('landed')
  })

  it('is another for a set where its types are, and not where its checks are', () => {
    const fingerprint = (schema: z.ZodObject): string => resolved(setOver({ schema })).set.fingerprint
    const same = fingerprint(payment)
    const tighter = payment.extend({ id: z.string().trim().min(3).describe('a key'), amount: z.int().max(5) })
    expect(fingerprint(tighter)).toBe(same)
    expect(fingerprint(payment.extend({ amount: z.number() }))).not.toBe(same)
    expect(fingerprint(payment.extend({ more: z.string().optional() }))).not.toBe(same)
    expect(resolved(setOver({ rowKey: ['id'] })).set.fingerprint).not.toBe(same)
    expect(resolved(setOver({ start: 'latest', topic: 'other', client: 'kafkajs' })).set.fingerprint).toBe(same)
  })

  it('tells what has changed by the types that land', () => {
    const words = (schema: z.ZodObject): string[] => schemaWords(sourceOf().schema.record, sourceOf({ schema }).schema.record)
    expect(words(payment.extend({ amount: z.number().max(5) }))).toEqual(['column `amount`: as int64 -> double'])
    const { set } = resolved(setOver({}))
    const more = sourceOf({ schema: payment.extend({ note: z.string().min(3) }) }).schema.record
    expect(schemaWords(set.source.schema.record, more)).toEqual(['column `note` is new (as string)'])
    expect(unusedChange(set, set.source.schema.record, more)).toEqual(['note'])
  })

  it('is the same source for two sets only with the same options', () => {
    const one = sourceFingerprint(sourceOf())
    expect(sourceFingerprint(sourceOf({}, { late: 'asKnown' }))).toBe(one)
    for (const options of [
      { topic: 'other' },
      { start: 'latest' },
      { knownTime: 'at' },
      { schema: payment.extend({ id: z.string().min(1) }) },
    ])
      expect(sourceFingerprint(sourceOf(options))).not.toBe(one)
  })
})

const text = z.object({ at: z.coerce.date(), id: z.string(), value: z.string() })

describe('refuses', () => {
  const cases: [why: string, options: Options, said: RegExp | RegExp[]][] = [
    ['an option that is none', { tpoic: 'x' } as Options, /^tpoic: there is no such option \| Did you mean `topic`\?/],
    ['no topic', { topic: undefined }, /^topic: is missing/],
    ['a topic with a space', { topic: 'shop payments' }, /^topic: `shop payments` is no topic \| .*1 to 249/],
    ['a topic of 250 characters', { topic: 'x'.repeat(250) }, /^topic: .* is no topic/],
    ['a topic called ..', { topic: '..' }, /^topic: `\.\.` is no topic/],
    ['a format that is none', { format: 'xml' }, /^format: cannot be `xml` \| Write 'json', 'avro', 'protobuf' or 'string'/],
    ['Avro without a registry', { format: 'avro' }, /^format: 'avro' needs a schema registry \| .*SCHEMA_REGISTRY_URL/],
    ['Protobuf keys without a registry', { key: 'protobuf' }, /^key: 'protobuf' needs a schema registry/],
    ['an envelope that is none', { envelope: 'maxwell' }, [/^envelope: cannot be `maxwell` \| Write 'debezium'/, /^rowKey/]],
    ['change events without a row key', { envelope: 'debezium' }, /^rowKey: is missing: a change event takes back/],
    ['retractions without a row key', { tombstones: 'retract' }, /^rowKey: is missing: tombstones: 'retract' takes back/],
    [
      'a key of text for two columns',
      { tombstones: 'retract', rowKey: ['id', 'amount'] },
      /^tombstones: .*`id`, `amount`.* \| .*key: 'json'/,
    ],
    [
      'a key of text that fills no column of the row key',
      { tombstones: 'retract', rowKey: ['id'] },
      /^tombstones: .*says nothing of `id`.* \| .*message: \{ key: 'id' \}/,
    ],
    ['a share that is none', { maxRejected: 2 }, /^maxRejected: `2` is no share/],
    [
      'change events in text',
      { envelope: 'debezium', rowKey: ['id'], format: 'string', schema: text },
      /^format: 'string' has no change events/,
    ],
    ['a row key that is no column', { rowKey: ['idd'] }, /^rowKey: there is no column `idd` \| Did you mean `id`\?/],
    ['an event time that is no column', { eventTime: 'att' }, /^eventTime: there is no column `att` \| Did you mean `at`\?/],
    ['an event time that is no instant', { eventTime: 'id' }, /^eventTime: column `id` is no instant/],
    ['a date that JSON has not', { schema: payment.extend({ at: z.date() }) }, /^column `at`: z\.date\(\) refuses text/],
    [
      "a column of the archive's",
      { schema: payment.extend({ _OFFSET: z.int() }) },
      /^column `_OFFSET`: clashes with the archive's own `_offset`/,
    ],
    ["the archive's date", { schema: payment.extend({ event_date: z.string() }) }, /^column `event_date`: clashes/],
    ['columns that differ by case', { schema: payment.extend({ ID: z.string() }) }, /^column `ID`: clashes with `id`/],
    [
      'a part that is none',
      { message: { offest: 'offset' } },
      /^message\.offest: there is no such option \| Did you mean `offset`\?/,
    ],
    [
      'a part without its column',
      { message: { offset: 'ofset' } },
      /^message\.offset: there is no column `ofset` \| Did you mean `offset`\?/,
    ],
    [
      'an offset in a text',
      { message: { offset: 'id' } },
      /^message\.offset: column `id` cannot take it \| Use z\.int\(\) or z\.int64/,
    ],
    [
      'an offset in 32 bits',
      { schema: payment.extend({ n: z.int32() }), message: { offset: 'n' } },
      /^message\.offset: column `n` cannot take it/,
    ],
    ['headers in a text', { message: { headers: 'id' } }, /^message\.headers: column `id` cannot take it \| Use z\.record/],
    ['a timestamp in a number', { message: { timestamp: 'amount' } }, /^message\.timestamp: column `amount` cannot take it/],
    [
      'a key of text in a number',
      { message: { key: 'amount' } },
      /^message\.key: column `amount` cannot take it \| .*key: 'json'/,
    ],
    [
      'two parts in one column',
      { message: { partition: 'amount', offset: 'amount' } },
      /^message\.offset: column `amount` is filled from `message\.partition`/,
    ],
    [
      'text without its column',
      { format: 'string' },
      [/^column `id`: is never filled/, /^column `at`/, /^format: 'string' fills the column `value`/],
    ],
    ['tombstones that are none', { tombstones: 'drop' }, /^tombstones: cannot be `drop`/],
    ['a start that is none', { start: 'now' }, /^start: cannot be `now`/],
    ['a client that is none', { client: 'rdkafka' }, /^client: cannot be `rdkafka`/],
    ['repeats without a horizon', { dedupe: { by: 'id' } }, /^dedupe\.within: `undefined` is no duration above 0/],
    ['repeats of no column', { dedupe: { by: ['event'], within: '7d' } }, /^dedupe\.by: there is no column `event`/],
    ['repeats of the row key', { rowKey: ['id', 'offset'], dedupe: { by: ['offset', 'id'], within: '7d' } }, KEY_REPEATS],
    ['repeats of a part of it', { rowKey: ['id', 'offset'], dedupe: { by: 'id', within: '7d' } }, KEY_REPEATS],
    ['brokers in one text', { brokers: 'a:9092,b:9092' }, /^brokers: `a:9092,b:9092` is no list of brokers/],
    ['a broker without a port', { brokers: ['kafka'] }, /^brokers: `kafka` is no broker/],
    ['a broker with port 0', { brokers: ['kafka:0'] }, /^brokers: `kafka:0` is no broker/],
    ['a key without its certificate', { tls: { key: 'key.pem' } }, /^tls: has `key` alone/],
    [
      'a mechanism that is none',
      { sasl: { mechanism: 'gssapi', username: 'u', password: { env: 'P' } } },
      /^sasl\.mechanism: cannot be `gssapi`/,
    ],
    [
      'a token beside a password',
      { sasl: { mechanism: 'plain', username: 'u', password: { env: 'P' }, token: { env: 'T' } } },
      /^sasl\.token: has no meaning beside mechanism 'plain'/,
    ],
    [
      'a token url without its client',
      { sasl: { mechanism: 'oauthbearer', tokenUrl: 'https://x/t' } },
      [/^sasl\.clientId: is missing/, /^sasl\.clientSecret: is missing/],
    ],
    ['a registry that is no address', { registry: 'registry:8081' }, /^registry: `registry:8081` is no address/],
    [
      'a registry password without its user',
      { registry: { url: 'http://r', password: { env: 'P' } } },
      /^registry\.username: is missing beside a password/,
    ],
  ]
  it.each(cases)('%s', (_, options, said) => {
    const faults = faultsOf(setOver(options))
    const expected = Array.isArray(said) ? said : [said]
    expect(faults).toHaveLength(expected.length)
    for (const [at, pattern] of expected.entries()) expect(faults[at]).toMatch(pattern)
  })

  it('takes text whose other columns are filled from the message', () => {
    expect(faultsOf(setOver({ format: 'string', schema: text, message: { key: 'id', timestamp: 'at' } }))).toEqual([])
  })

  const SECRET = 'hunter2-very-secret'
  const secrets: [what: string, options: Options][] = [
    ['a password', { sasl: { mechanism: 'plain', username: 'u', password: SECRET } }],
    ['a password in a variable that is none', { sasl: { mechanism: 'plain', username: 'u', password: { env: SECRET } } }],
    ['a token', { sasl: { mechanism: 'oauthbearer', token: SECRET } }],
    ["a client's secret", { sasl: { mechanism: 'oauthbearer', tokenUrl: 'https://x/t', clientId: 'c', clientSecret: SECRET } }],
    ["a key's password", { tls: { cert: 'c.pem', key: 'k.pem', keyPassword: SECRET } }],
    ['a key itself', { tls: { cert: 'c.pem', key: `-----BEGIN PRIVATE KEY-----${SECRET}` } }],
    ["a registry's password", { registry: { url: 'http://r', username: 'u', password: SECRET } }],
    ['a password in an address', { registry: `http://u:${SECRET}@registry:8081` }],
    ['a password in what is no address', { registry: `u:${SECRET}@registry:8081` }],
    ['a password in a broker', { brokers: [`u:${SECRET}@kafka:9092`] }],
    ['a password in place of options', { sasl: SECRET }],
  ]
  it.each(secrets)('%s that is written out, without showing it', (_, options) => {
    const faults = faultsOf(setOver(options))
    expect(faults).toHaveLength(1)
    expect(faults.join()).not.toContain('hunter2')
  })

  it('all faults at once', () => {
    const faults = faultsOf(
      setOver({ topic: '', format: 'avro', brokers: [], rowKey: ['x'], tombstones: 'no', zone: 'Mars' }, { every: 'often' }),
    )
    const parts = faults.map(fault => fault.split(':')[0])
    expect(parts.sort()).toEqual(['brokers', 'every', 'format', 'rowKey', 'tombstones', 'topic', 'zone'])
  })

  it("a feature of the archive's own columns", () => {
    const features = (f: Record<string, never>) => ({ n: count(f._offset as never).over('1d') })
    expect(faultsOf(setOver({}, { features }))).toEqual([expect.stringMatching(/^feature `n`: there is no column `_offset`/)])
  })

  it('a source that is none', () => {
    expect(
      faultsOf(
        defineFeatureSet({ name: 'x', source: {} as never, entity: [] as never, every: '1d', features: () => ({}) as never }),
      ),
    ).toContainEqual(expect.stringMatching(/is no source \| Write `objects\(\{ \.\.\. \}\)` or `kafka/))
  })
})

const TSCONFIG = JSON.stringify({
  extends: join(REPOSITORY, 'tsconfig.json'),
  compilerOptions: { paths: { quern: [join(REPOSITORY, 'src/index.ts')] } },
  include: ['transforms', 'fixtures'],
})

const transform = (name: string, options = ''): string => `import { count, defineFeatureSet, kafka } from 'quern'
import { z } from 'zod'
const payment = z.object({ id: z.string().refine(id => id !== 'x'), at: z.coerce.date() })
export default defineFeatureSet({
  name: '${name}', entity: ['id'], every: '1d',
  source: kafka({ name: 'payments', topic: 'shop.payments', schema: payment, eventTime: 'at', ${options} }),
  features: () => ({ n: count().over('1d') }),
})
`

describe.concurrent('quern check', () => {
  it('says ok without any cluster, and what zod itself judges', async () => {
    const cwd = project({ 'transforms/p.ts': transform('payments_daily') })
    const outcome = await quern(['check'], { cwd })
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    expect(outcome.stdout).toContain(
      'payments_daily: ok, 1 feature column over source payments\n  zod itself judges `id`: a refinement',
    )
    const sources = await quern(['check', '--sources'], { cwd })
    expect(sources).toMatchObject({ code: 0, stderr: '' })
    expect(sources.stdout).toContain(
      '\n  topic shop.payments: values as json, keys as string; what they hold is known when they land\n',
    )
    expect(documents(await quern(['check', '--sources', '--json'], { cwd }))).toMatchObject([
      { name: 'payments_daily', outcome: 'ok' },
    ])
  })

  it('refuses one name for two topics, and for a topic and files', async () => {
    const cwd = project({
      'transforms/a.ts': transform('a'),
      'transforms/b.ts': transform('b', "start: 'latest'"),
      'transforms/c.ts': transform('c').replace(/kafka/g, 'objects').replace("topic: 'shop.payments'", "uri: 'x.csv'"),
    })
    const outcome = await quern(['check'], { cwd })
    expect(outcome.code).toBe(2)
    expect(outcome.stderr.match(/source `payments` has other options than in/g)).toHaveLength(3)
  })
})

it('the example of the documentation is right, and so is a case of it', async () => {
  const example = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(REPOSITORY, 'docs/kafka.md'), 'utf8'))![1]!
  const row = "{ id: 'a', at: '2026-01-01T10:30:00Z', account: ' ada', amount: 5, offset: 1n }"
  const fixture = `import { defineCases } from 'quern'
import payments from '../transforms/payments.ts'
export default defineCases(payments, {
  'a payment': { rows: [${row}], cutoff: '2026-01-01T11:00:00Z', expect: [{ account: 'ada', spent_1d: 5 }] },
  'one below nothing': { rejects: [{ row: { ...${row}, amount: -1 }, path: 'amount' }] },
})
`
  const cwd = project({
    'transforms/payments.ts': example,
    'fixtures/payments.ts': fixture,
    'tsconfig.json': TSCONFIG,
    'package.json': '{ "type": "module" }',
  })
  expect(await quern(['check'], { cwd })).toMatchObject({
    code: 0,
    stdout: 'account_payments: ok, 3 feature columns over source payments\n',
  })
  expect(await quern(['test'], { cwd })).toMatchObject({ code: 0, stderr: expect.stringMatching(/^2 cases: 2 ok/) })
  const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
  expect(await program(process.execPath, [tsc, '--project', cwd], { cwd })).toMatchObject({ code: 0, stdout: '' })
})

it('a topic and files are told apart by their kinds', () => {
  expect(kafka({ name: 'p', topic: 't', schema: payment, eventTime: 'at' }).kind).toBe('kafka')
  expect(objects({ name: 'p', uri: 't', schema: payment, eventTime: 'at' }).kind).toBe('objects')
})
