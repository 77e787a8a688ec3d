/** A virtual environment with the Python readers of the tests, made once in the repository's .venv. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from './cli.ts'

const PACKAGES = [
  'deltalake==1.6.6',
  'polars==2.1.0',
  'pandas==3.1.1',
  'pyarrow==26.0.1',
  // The newest release whose delta extension comes from PyPI.
  'duckdb==1.4.4',
  'duckdb-ext-delta==1.4.4.20260205',
  'duckdb-ext-httpfs==1.4.4.20260205',
]

/** The environment's interpreter, or why there is none. On a build server that is an error. */
export function python(): { interpreter: string } | { missing: string } {
  try {
    return { interpreter: virtualEnvironment(join(REPOSITORY, '.venv'), PACKAGES) }
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string }
    const missing = `no Python with ${PACKAGES.join(', ')}: ${stderr?.toString().trim().split('\n').at(-1) || message}`
    if (process.env.CI) throw new Error(missing)
    return { missing }
  }
}

/** An environment with exactly `packages`, made anew where they have changed; answers its interpreter. */
export function virtualEnvironment(folder: string, packages: readonly string[]): string {
  const interpreter = join(folder, 'bin', 'python')
  const marker = join(folder, 'quern-packages.txt')
  const wanted = packages.join('\n')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return interpreter
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'pipe' })
  execFileSync(interpreter, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages], { stdio: 'pipe' })
  writeFileSync(marker, wanted)
  return interpreter
}
