/** The zod object decides: on generated schemas and rows, files of each format come out as zod says, value for value. */
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest'
import { DuckDBSession } from '../src/engine/duckdb/session.ts'
import { readSchema } from '../src/validation/readSchema.ts'
import { duckdb } from './kit/parquet.ts'
import { random } from './kit/random.ts'
import { cases, scratch } from './kit/scratch.ts'
import { prove } from './kit/zodProof.ts'
import { schemaCase } from './kit/zodSchemas.ts'

const ROWS = 60
/** Each schema meets rows of its own in a file of each format; where it wants dates, JSON has none. */
const CASES_PER_SCHEMA = 2.6 * ROWS

const folder = scratch('proof')
const session = new DuckDBSession({ memory: 2 ** 29, threads: 1, scratchDir: join(folder, 'duckdb') })
let connection: DuckDBConnection
let writer: DuckDBConnection
beforeAll(async () => {
  connection = await session.connection()
  writer = await duckdb()
})
afterAll(() => session.close())

describe('whatever a schema says of a row', () => {
  it('is done to rows of NDJSON, CSV and Parquet', { timeout: 3_600_000 }, async () => {
    const least = cases(10_000, 100_000, 1_000_000)
    const first = Number(process.env.QUERN_SEED ?? Math.floor(Math.random() * 2 ** 31))
    let seed = first
    onTestFailed(() => console.error(`seed: QUERN_SEED=${seed} makes the schema that failed the first one`))
    const generated = schemaCase(40)
    let [tried, accepted, unsatisfiable] = [0, 0, 0]
    for (; seed < first + least / CASES_PER_SCHEMA; seed++) {
      const [schema] = fc.sample(generated, { numRuns: 1, seed })
      const read = readSchema(schema!.schema)
      if ('faults' in read) {
        // Two checks that no value can meet are told of when the schema is read.
        expect(read.faults.map(({ message }) => message).join(), schema!.source).toMatch(/^(no value can satisfy it[^,]*,?)+$/)
        unsatisfiable++
        continue
      }
      const options = { connection, writer, folder, random: random(seed), rows: ROWS }
      const proof = await prove(schema!, read.schema, options)
      const differences = proof.differences.slice(0, 5).map(({ format, message }) => `${format}: ${message}`)
      expect(differences, `${proof.differences.length} differences for\n${schema!.source}`).toEqual([])
      tried += proof.cases
      accepted += proof.accepted
    }
    expect(tried).toBeGreaterThanOrEqual(least * 0.9)
    // Of rows that are refused no value is compared.
    expect(accepted / tried).toBeGreaterThan(0.2)
    expect(unsatisfiable / (seed - first)).toBeLessThan(0.1)
  })
})
