/** Where the benchmark works, and how it starts what it measures. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Cost } from './measure.ts'
import { measure } from './measure.ts'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
export const WORK = join(ROOT, '.bench')
export const FLIGHTS = join(ROOT, 'data/flights-3m.parquet')
export const QUERN = [process.execPath, join(ROOT, 'bin/quern.js')]

export interface Place {
  /** The folder of the project. */
  cwd: string
  /** The store's folder. */
  store: string
  env?: Record<string, string>
}

/** One command on a store. */
export function quern(args: readonly string[], { cwd, store, env }: Place): Cost {
  return measure([...QUERN, ...args, '--store', `file:${store}`], { cwd, ...(env ? { env } : {}) })
}

/** A fresh store for each run: the first run of a feature set does all its work. */
export function firstRun(cwd: string, env: Record<string, string> = {}): Cost {
  const store = join(WORK, 'store')
  rmSync(store, { recursive: true, force: true })
  return quern(['run', 'origin_delays'], { cwd, store, env })
}

export const project = (name: string): string => join(ROOT, 'bench/projects', name)
