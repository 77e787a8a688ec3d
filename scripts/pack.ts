// Around `npm pack`: the repository runs its sources, the package what was compiled from them, so `exports` differs.
import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const manifest = fileURLToPath(new URL('../package.json', import.meta.url))
const original = fileURLToPath(new URL('../.package.json.orig', import.meta.url))

if (process.argv[2] === 'before') {
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL('./build.ts', import.meta.url))], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  copyFileSync(manifest, original)
  const { devDependencies: _, scripts: __, allowScripts: ___, ...published } = JSON.parse(readFileSync(manifest, 'utf8'))
  published.exports['.'] = { types: './dist/index.d.ts', default: './dist/index.js' }
  writeFileSync(manifest, `${JSON.stringify(published, null, 2)}\n`)
} else {
  renameSync(original, manifest)
}
