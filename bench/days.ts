/** The flights stretched to a year, one file a day, which arrive one after another. */
import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { FLIGHTS, WORK } from './setting.ts'

export const DAYS = 365
const MADE = join(WORK, 'days')
const FIRST = Date.UTC(2001, 0, 1)
const DAY = 86_400_000

/** The file of day `n`, counted from 1. */
export const dayFile = (n: number): string => join(MADE, `${midnight(n - 1).slice(0, 10)}.parquet`)

/** The instant at which day `n` ends. */
export const midnight = (n: number): string => new Date(FIRST + n * DAY).toISOString()

export async function makeDays(): Promise<void> {
  if (existsSync(MADE) && readdirSync(MADE).length === DAYS) return
  mkdirSync(MADE, { recursive: true })
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run(`CREATE TABLE stretched AS
    SELECT TIMESTAMP '2001-01-01' + to_microseconds((epoch_us(date) - epoch_us(TIMESTAMP '2001-01-01')) * ${DAYS} // 181) AS date,
      origin, destination, delay, distance
    FROM '${FLIGHTS}'`)
  for (let n = 1; n <= DAYS; n++) {
    const from = `TIMESTAMP '${midnight(n - 1).slice(0, 19)}'`
    await connection.run(`COPY (FROM stretched WHERE date >= ${from} AND date < ${from} + INTERVAL 1 DAY)
      TO '${dayFile(n)}' (FORMAT parquet)`)
    // As long ago as no clock is in doubt about.
    utimesSync(dayFile(n), FIRST / 1000, FIRST / 1000)
  }
  connection.closeSync()
}

/** An empty folder that days arrive in. */
export function arrivals(name: string): { arrive: (n: number) => void; folder: string } {
  const folder = join(WORK, name, 'arrived')
  rmSync(join(WORK, name), { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return { folder, arrive: n => linkSync(dayFile(n), join(folder, `${midnight(n - 1).slice(0, 10)}.parquet`)) }
}
