// Compiles src into dist: Node strips no types under node_modules, so what is published is JavaScript.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))

rmSync(join(root, 'dist'), { recursive: true, force: true })
const { status } = spawnSync(process.execPath, [join(typescript, 'bin', 'tsc'), '--project', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
})
process.exit(status ?? 1)
