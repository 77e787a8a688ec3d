/** The row path: events of eight fields from bytes to judged columns, beside JSON.parse and zod's safeParse. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { RejectedRow } from '../../src/domain/rejectedRows.ts'
import type { ObjectsSource, PinnedFile } from '../../src/domain/source.ts'
import { lineJudge } from '../../src/engine/duckdb/judgeLine.ts'
import { loadNdjson } from '../../src/engine/duckdb/ndjson.ts'
import type { ScanRequest } from '../../src/engine/duckdb/scanRequest.ts'
import { DuckDBSession } from '../../src/engine/duckdb/session.ts'
import { RowReader } from '../../src/rows/rowReader.ts'
import { readSchema } from '../../src/validation/readSchema.ts'
import { random } from '../../test/kit/random.ts'
import type { Cost } from '../measure.ts'
import { medianOf } from '../measure.ts'
import { report, verdict } from '../report.ts'
import { WORK } from '../setting.ts'
import { costOf } from './checkColumns.ts'

const EVENTS = 1_000_000
const FOLDER = join(WORK, 'rows')

const FIELDS = {
  id: z.int().positive(),
  time: z.iso.datetime(),
  customer: z.string().min(1).max(40),
  kind: z.enum(['view', 'click', 'buy', 'refund']),
  amount: z.number().min(0).max(10_000),
  quantity: z.int().min(1),
  paid: z.boolean(),
  session: z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{8}$/),
}
type Event = Record<keyof typeof FIELDS, unknown>

/** What else a schema may ask for, on fewer events. `change`: of the events, so that they fit. */
const OTHERS: Record<
  string,
  { schema: z.ZodType; change?: (event: Event, at: number) => object; text?: (json: string) => string }
> = {
  'optional, null, default': {
    schema: z.object({ ...FIELDS, customer: z.string().nullish(), quantity: z.int().default(1), amount: z.number().nullable() }),
    change: (event, at) => ({
      ...event,
      customer: null,
      ...(at % 2 ? { quantity: undefined } : {}),
      amount: at % 3 ? 1.5 : null,
    }),
  },
  'coerced dates, big integers': { schema: z.object({ ...FIELDS, time: z.coerce.date(), id: z.bigint() }) },
  'trim, lower case, email, uuid': {
    schema: z.object({ ...FIELDS, customer: z.string().trim().toLowerCase(), kind: z.email(), session: z.uuid() }),
    change: (event, at) => ({
      ...event,
      kind: `someone.${at}@example.org`,
      session: `${String(at).padStart(8, '0')}-1111-4222-8333-123456789abc`,
    }),
  },
  strict: { schema: z.strictObject(FIELDS) },
  'more columns than the schema': { schema: z.object({ id: FIELDS.id, time: FIELDS.time, amount: FIELDS.amount }) },
  'escapes in each text': { schema: z.object(FIELDS), change: event => ({ ...event, customer: `"${event.customer}"\n\u00e9` }) },
  'long texts': {
    schema: z.object({ ...FIELDS, customer: z.string() }),
    change: event => ({ ...event, customer: 'lorem ipsum '.repeat(80) }),
  },
  'spaces between all': { schema: z.object(FIELDS), text: json => json.replaceAll(/([,:])"/g, '$1  "') },
  'one refinement': { schema: z.object({ ...FIELDS, amount: z.number().refine(amount => amount !== 1) }) },
  'eight refinements': {
    schema: z.object(
      Object.fromEntries(Object.entries(FIELDS).map(([name, field]) => [name, (field as z.ZodType).refine(() => true)])),
    ),
  },
  'a refinement of the row': { schema: z.object(FIELDS).refine(({ id }) => id !== 0) },
  'nested objects and lists': {
    schema: z.object({ ...FIELDS, customer: z.object({ name: z.string(), tags: z.array(z.string()) }) }),
    change: event => ({ ...event, customer: { name: event.customer, tags: ['a', 'b'] } }),
  },
  'half of the rows refused': { schema: z.object(FIELDS), change: (event, at) => ({ ...event, quantity: at % 2 }) },
  'all rows refused': { schema: z.object(FIELDS), change: event => ({ ...event, quantity: '1' }) },
}
const FEWER = 60_000

export async function checkRows(rounds: number): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  const path = join(FOLDER, 'events.ndjson')
  if (!existsSync(path))
    writeFileSync(path, Buffer.concat(Array.from({ length: 10 }, (_, at) => lines(at * (EVENTS / 10), EVENTS / 10))))
  const bytes = readFileSync(path)
  const object = z.object(FIELDS)
  const contenders: Record<string, () => Promise<unknown> | unknown> = {
    'JSON.parse and safeParse': () => parsedRows(object, bytes),
    'bytes to columns': () => columnRows(object, bytes),
    'file to groups in DuckDB': () => groupedRows(object, path),
  }
  const costs: Record<string, Cost[]> = {}
  for (let round = 0; round <= rounds; round++) {
    for (const [name, work] of Object.entries(contenders)) {
      let rows: unknown
      const cost = await costOf(async () => {
        rows = await work()
      })
      if (rows !== EVENTS) throw new Error(`${name}: ${rows} rows`)
      // The first round compiles.
      if (round > 0) costs[name] = [...(costs[name] ?? []), cost]
    }
  }
  const medians = Object.fromEntries(Object.entries(costs).map(([name, all]) => [name, medianOf(all)]))
  report('checkRows: 1,000,000 events of 8 fields', medians)
  const [peer, columns, groups] = Object.values(medians) as [Cost, Cost, Cost]
  verdict('bytes to columns beside JSON.parse and safeParse', columns.cpuSeconds / peer.cpuSeconds, 0.5)
  verdict('file to groups in DuckDB beside JSON.parse and safeParse alone', groups.cpuSeconds / peer.cpuSeconds, 1)
  for (const [name, other] of Object.entries(OTHERS)) await never(name, other, rounds)
}

/** Never slower, whatever the schema, than usual code that keeps what it makes, as ours does; one that drops it is told beside it. */
async function never(name: string, { schema, change, text }: (typeof OTHERS)[string], rounds: number): Promise<void> {
  const bytes = lines(0, FEWER, change, text)
  const ratios: Record<'kept' | 'dropped', number[]> = { kept: [], dropped: [] }
  for (let round = 0; round <= Math.max(rounds, 5); round++) {
    const kept = await costOf(() => keptRows(schema, bytes))
    const dropped = await costOf(() => parsedRows(schema, bytes))
    const ours = await costOf(() => columnRows(schema, bytes))
    if (round === 0) continue
    ratios.kept.push(ours.cpuSeconds / kept.cpuSeconds)
    ratios.dropped.push(ours.cpuSeconds / dropped.cpuSeconds)
  }
  const median = (all: number[]): number => all.sort((a, b) => a - b)[Math.floor(all.length / 2)]!
  verdict(`${name} (${median(ratios.dropped).toFixed(2)} of one that keeps nothing)`, median(ratios.kept), 1)
}

function lines(
  from: number,
  count: number,
  change: (event: Event, at: number) => object = event => event,
  text = (json: string) => json,
): Buffer {
  const { whole, next, pick, chance } = random(from + 1)
  const hex = (): string =>
    whole(0, 2 ** 32 - 1)
      .toString(16)
      .padStart(8, '0')
  const all = Array.from({ length: count }, (_, at): string => {
    const event = {
      id: 1_000_000 + from + at,
      time: new Date(1_735_689_600_000 + (from + at) * 250 + whole(0, 200)).toISOString(),
      customer: `c-${whole(0, 100_000)}`,
      kind: pick(['view', 'click', 'buy', 'refund']),
      amount: Math.round(next() * 50_000) / 100,
      quantity: whole(1, 20),
      paid: chance(0.5),
      session: `${hex()}-${hex()}`,
    }
    return `${text(JSON.stringify(change(event, at)))}\n`
  })
  return Buffer.from(all.join(''))
}

/** The peer: accepted rows, which it keeps nowhere; of the others it asks what is wrong with them. */
function parsedRows(schema: z.ZodType, bytes: Buffer): number {
  let accepted = 0
  for (let from = 0; from < bytes.length; ) {
    const to = bytes.indexOf(10, from)
    const { success, error } = schema.safeParse(JSON.parse(bytes.toString('utf8', from, to)))
    if (success || error.issues.length === 0) accepted++
    from = to + 1
  }
  return accepted
}

const BATCH = 10_000

/** The same with what came of it: accepted rows as columns, nested values as text; refused ones with their text and their issues. */
function keptRows(schema: z.ZodType, bytes: Buffer): number {
  let columns = new Map<string, unknown[]>()
  let refused: unknown[] = []
  let [accepted, rows] = [0, 0]
  for (let from = 0; from < bytes.length; ) {
    const to = bytes.indexOf(10, from)
    const text = bytes.toString('utf8', from, to)
    const { success, data, error } = schema.safeParse(JSON.parse(text))
    if (success) {
      accepted++
      for (const [name, value] of Object.entries(data as object)) {
        const column = columns.get(name) ?? []
        columns.set(name, column)
        column.push(typeof value === 'object' && value !== null ? JSON.stringify(value) : value)
      }
    } else
      refused.push({ text, issues: error.issues.map(({ path, code, message }) => ({ path: path.join('.'), code, message })) })
    if (++rows % BATCH === 0) {
      columns = new Map()
      refused = []
    }
    from = to + 1
  }
  return accepted
}

const BLOCK = 2 ** 20

function columnRows(schema: z.ZodType, bytes: Buffer): number {
  const request = requestFor(schema)
  const reader = new RowReader(request.source.schema, {
    zone: undefined,
    eventTime: { column: 'time', unit: undefined },
    knownTime: undefined,
    keys: [],
  })
  reader.open(new Map(), lineJudge(request, fileAt('none')))
  let accepted = 0
  for (let from = 0; from < bytes.length; ) {
    const to = bytes.lastIndexOf(10, from + BLOCK) + 1
    reader.read(bytes.subarray(from, to))
    accepted += reader.columns.rows
    reader.columns.clear()
    from = to
  }
  return accepted
}

/** As a run does: the rows are written for the engine, which reads them once, with its start and end. */
async function groupedRows(schema: z.ZodType, path: string): Promise<number> {
  const scratchDir = join(FOLDER, 'scratch')
  const session = new DuckDBSession({ memory: 2 ** 31, threads: 1, scratchDir })
  const rows = await session.use(async connection => {
    const { relation } = await loadNdjson(requestFor(schema, scratchDir), [fileAt(path)])
    const columns = 'c2, count(*) AS n, sum(c4), sum(c5), max(c0), count(c1), count(c3), count(c6), count(c7), max(__t)'
    await connection.run(`CREATE TEMP TABLE grouped AS SELECT ${columns} FROM (${relation}) GROUP BY c2`)
    return Number((await connection.runAndReadAll('SELECT sum(n) FROM grouped')).getRows()[0]![0])
  })
  await session.close()
  rmSync(scratchDir, { recursive: true, force: true })
  return rows
}

const fileAt = (path: string): PinnedFile => ({
  path,
  hash: path,
  size: existsSync(path) ? statSync(path).size : 0,
  modifiedAt: '0',
  format: 'ndjson',
  compression: 'none',
  partition: {},
})

function requestFor(object: z.ZodType, scratchDir = FOLDER): ScanRequest {
  const read = readSchema(object)
  if ('faults' in read) throw new Error(JSON.stringify(read.faults))
  const csv = { delimiter: ',', quote: '"', header: true, nullText: '', encoding: 'utf-8' }
  const source: ObjectsSource = {
    kind: 'objects',
    name: 'events',
    uri: FOLDER,
    projectDir: FOLDER,
    schema: read.schema,
    eventTime: { column: 'time' },
    allowEmpty: false,
    csv,
  }
  return {
    source,
    inputs: { source: 'events', files: [] },
    keys: [],
    setName: 'events',
    scratchDir,
    onRejected: async (_: RejectedRow[]) => undefined,
    onProgress: () => undefined,
    signal: new AbortController().signal,
  }
}
