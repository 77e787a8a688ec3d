/** The package as npm would publish it, installed into an empty folder. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { documents, program, quern, REPOSITORY } from './kit/cli.ts'
import { scratch } from './kit/scratch.ts'

describe('npm pack', () => {
  it('gives a compiled package that runs a project made by init', async () => {
    const packed = scratch('packed')
    const manifest = readFileSync(join(REPOSITORY, 'package.json'), 'utf8')
    const pack = await program('npm', ['pack', '--silent', '--pack-destination', packed], { cwd: REPOSITORY })
    expect(pack).toMatchObject({ code: 0 })
    expect(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')).toBe(manifest)
    const [tarball] = readdirSync(packed)
    const cwd = scratch('installed')
    const zod = (JSON.parse(manifest) as { devDependencies: { zod: string } }).devDependencies.zod
    const { writeFileSync } = await import('node:fs')
    writeFileSync(join(cwd, 'package.json'), '{"private":true}')
    const install = await program(
      'npm',
      ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', join(packed, tarball!), `zod@${zod}`],
      { cwd },
    )
    expect(install).toMatchObject({ code: 0 })
    const inside = readdirSync(join(cwd, 'node_modules/quern'), { recursive: true, encoding: 'utf8' })
    expect(inside.filter(file => /(?<!\.d)\.ts$|^(test|bench|fixtures)\//.test(file))).toEqual([])
    expect(inside).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/index.js', 'dist/index.d.ts']))

    const installed = (args: string[], folder: string): ReturnType<typeof program> =>
      program(process.execPath, [join(cwd, 'node_modules/quern/bin/quern.js'), ...args], { cwd: folder })
    expect(await installed(['init', 'project'], cwd)).toMatchObject({ code: 0 })
    const project = join(cwd, 'project')
    expect(await installed(['check'], project)).toMatchObject({ code: 0, stderr: '' })
    expect(documents(await installed(['test', '--json'], project))).toMatchObject([{ outcome: 'ok' }, { outcome: 'ok' }])
    expect(documents(await installed(['run', '--json'], project))[0]).toMatchObject({ outcome: 'committed', rowsWritten: 27 })
    const rows = documents(await installed(['read', 'customer_orders', '--format', 'json', '--limit', '1'], project))
    expect(rows[0]).toMatchObject({ customer: 'ada', orders_1d: 1, last_currency_7d: 'EUR' })

    // The types that it brings are those that an editor needs.
    const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
    const typed = await program(process.execPath, [tsc, '--noEmit', '--project', project], { cwd: project })
    expect(typed).toMatchObject({ code: 0, stdout: '' })
  }, 180_000)
})

describe('a project made by a clone', () => {
  it('installs and runs as `init` says', async () => {
    const folder = join(scratch('initiated'), 'my-features')
    const made = await quern(['init', folder], { cwd: REPOSITORY })
    expect(made.stdout).toMatch(/next: cd .*my-features && npm install && npx quern test && npx quern run\n$/)
    const install = await program('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder })
    expect(install).toMatchObject({ code: 0 })
    const run = await program('npx', ['quern', 'run', '--json'], { cwd: folder })
    expect(documents(run)).toMatchObject([{ name: 'customer_orders', outcome: 'committed', rowsWritten: 27 }])
  }, 180_000)
})
