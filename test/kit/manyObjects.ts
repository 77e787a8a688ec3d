/** A great many small objects, put where the tests' server keeps them: files of its folder. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { duckdb } from './parquet.ts'

/** Gives every file below a folder the tag that the server would have given it, had it been put. */
export function tagAll(folder: string): void {
  const program = `import os, sys
for at, _, names in os.walk(sys.argv[1]):
    for name in names:
        os.setxattr(os.path.join(at, name), 'user.etag', f'"{name}"'.encode())`
  execFileSync('python3', ['-c', program, folder])
}

const lineOf = (at: number): string =>
  `${JSON.stringify({ time: new Date(Date.UTC(2026, 0, 1) + at * 1000).toISOString(), customer: `c${at % 50}`, amount: at % 5000, currency: 'EUR' })}\n`

/** Objects of 200 bytes to 2 kB with 2 to 20 rows each. */
export function manyNdjson(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true })
  for (let at = 0; at < count; at++) {
    const rows = 2 + (at % 19)
    writeFileSync(
      join(folder, `${String(at).padStart(7, '0')}.ndjson`),
      Array.from({ length: rows }, (_, row) => lineOf(at * 20 + row)).join(''),
    )
  }
}

/** Objects of about 1 kB: of a few files many copies. */
export async function manyParquet(folder: string, count: number): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const connection = await duckdb()
  const kinds = 20
  for (let at = 0; at < Math.min(kinds, count); at++) {
    const path = join(folder, `${String(at).padStart(7, '0')}.parquet`)
    const select = `make_timestamptz(1767225600000000 + (i + ${at * 20}) * 1000000) AS time, 'c' || (i % 50) AS customer, i AS amount, 'EUR' AS currency`
    await connection.run(`COPY (SELECT ${select} FROM range(${2 + at}) t(i)) TO '${path}' (FORMAT parquet)`)
  }
  for (let at = kinds; at < count; at++)
    copyFileSync(
      join(folder, `${String(at % kinds).padStart(7, '0')}.parquet`),
      join(folder, `${String(at).padStart(7, '0')}.parquet`),
    )
}
