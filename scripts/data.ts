// Links the demo's data, a dev dependency's file, into data/, where the example's pattern looks for it.
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Answers the link's path. A folder without symbolic links gets a copy. */
export async function linkFlights(): Promise<string> {
  const link = join(root, 'data', 'flights-3m.parquet')
  if (existsSync(link)) return link
  const main = createRequire(import.meta.url).resolve('vega-datasets')
  const file = join(dirname(main).replace(/[\\/]build$/, ''), 'data', 'flights-3m.parquet')
  mkdirSync(dirname(link), { recursive: true })
  try {
    symlinkSync(file, link)
  } catch {
    const { copyFileSync } = await import('node:fs')
    copyFileSync(file, link)
  }
  return link
}
