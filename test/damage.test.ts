/** Stored objects that are lost or damaged: each is named, and hides no other. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { program, REPOSITORY } from './kit/cli.ts'
import { csv, daily, Living, TWO_DAYS } from './kit/living.ts'
import { orders, project, writeFiles } from './kit/project.ts'

const inputsOf = (project: Living): string[] =>
  readdirSync(join(project.table, '_quern/inputs')).map(name => join(project.table, '_quern/inputs', name))

describe('a list of inputs', () => {
  const damages: [what: string, damage: (path: string) => void, said: RegExp][] = [
    ['is lost', path => rmSync(path), /the list of input files .* is missing/],
    ['is no list', path => writeFileSync(path, '{}'), /the list of input files .* is damaged/],
    ['is torn', path => writeFileSync(path, '[{"pa'), /the list of input files .* is damaged/],
  ]
  it.each(damages)('that %s stops runs until one computes everything anew', async (_, damage, said) => {
    const project = new Living({ a: daily(3, 'ada') }, TWO_DAYS)
    await project.until('01-03')
    const before = await project.rows()
    for (const path of inputsOf(project)) damage(path)
    expect(await project.quern('run')).toMatchObject({ code: 3, stderr: expect.stringMatching(said) })
    const shown = await project.quern('show', 'orders_daily', '--json')
    expect(shown).toMatchObject({ code: 0, lines: [{ version: 0, inputs: null }], stderr: expect.stringMatching(said) })
    expect(await project.quern('show', 'orders_daily')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('orders_daily@0'),
    })
    expect(await project.rows()).toEqual(before)
    expect(await project.run('--full')).toMatchObject({ outcome: 'committed', version: 1 })
    project.put('b', csv('01-02 bob 7'))
    expect(await project.run()).toMatchObject({ outcome: 'committed', version: 2 })
    expect(await project.rows()).toEqual(await project.truth())
  })
})

describe('a stored object that is damaged', () => {
  const damages: [what: string, damage: (project: Living) => void, code: string, alsoAsText: boolean][] = [
    ['a commit that is empty', project => writeFileSync(project.commitPath(0), ''), 'data.corrupt-log', true],
    ['a commit without metaData', project => writeFileSync(project.commitPath(0), '{"commitInfo":{}}'), 'data.corrupt-log', true],
    ['a commit with half a line', project => writeFileSync(project.commitPath(0), '{"commitI'), 'data.corrupt-log', true],
    [
      'a tag that names nothing',
      project => writeFiles(project.table, { [`_quern/tags/best/${'0'.repeat(20)}.json`]: '{"versio' }),
      'data.corrupt-tag',
      true,
    ],
    ['a data file that is lost', project => rmSync(join(project.table, project.files[0]!)), 'data.lost-file', false],
  ]
  it.each(damages)('%s is named by `ls`, and hides no other feature set', async (_, damage, code, alsoAsText) => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    await project.run()
    for (const name of ['a_before', 'z_behind']) {
      project.define({ ...TWO_DAYS, name })
      await project.run()
    }
    damage(project)
    const named = expect.stringContaining(`[${code}]`)
    const listed = await project.quern('ls', '--json')
    expect(listed).toMatchObject({ code: 3, stderr: named, lines: [{ name: 'a_before' }, { name: 'z_behind' }] })
    if (alsoAsText) {
      const text = await project.quern('ls')
      expect(text).toMatchObject({ code: 3, stderr: named, stdout: expect.stringMatching(/a_before(.|\n)*z_behind/) })
    }
  })

  it('a lost data file is lost, where no clean-up may have taken it', async () => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    await project.run()
    const first = project.files
    const [lost] = first
    await project.line('tag', 'orders_daily@0', 'best')
    await project.run('--full')
    rmSync(join(project.table, lost!))
    const said = `a data file of version 0 is lost: ${join(project.table, lost!)}`
    for (const ref of ['orders_daily@0', 'orders_daily@best']) {
      for (const command of ['read', 'show', 'verify']) {
        expect(await project.quern(command, ref)).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining(said) })
      }
    }
    const other = project.files.find(name => !first.includes(name))
    rmSync(join(project.table, other!))
    for (const ref of ['orders_daily', 'orders_daily@1']) {
      expect(await project.quern('read', ref)).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringContaining('a data file of version 1 is lost: '),
      })
    }
    expect(await project.quern('compact', 'orders_daily')).toMatchObject({ code: 3 })
    expect(await project.run('--full')).toMatchObject({ outcome: 'committed' })
    expect(await project.rows()).toEqual(await project.truth())
    await project.line('tag', 'orders_daily', 'best')
    const gone = expect.stringContaining('version 0 of `orders_daily` was removed by `quern vacuum`')
    expect(await project.quern('read', 'orders_daily@0')).toMatchObject({ code: 2, stderr: gone })
  })
})

describe('a first run that a full disk has ended', () => {
  it.each(['200k', '900k', '1500k', '2200k'])('leaves no data file on a disk of %s, and vacuum looks at the rest', async size => {
    const many = Array.from({ length: 60_000 }, (_, at) => `2026-01-01T00:00:00Z,${Math.random()}${at},1\n`).join('')
    const cwd = project({
      'transforms/o.ts': orders({ schema: 'time: z.date(), customer: z.string(), amount: z.int()' }),
      'data/a.csv': `time,customer,amount\n${many}`,
      '.quern/.keep': '',
    })
    const quern = `"${process.execPath}" "${join(REPOSITORY, 'bin/quern.js')}"`
    const script = `mount -t tmpfs -o size=${size} tmpfs .quern; ${quern} run; echo $?; find .quern -type f; ${quern} vacuum orders_daily; echo $?`
    const { stdout, stderr } = await program('unshare', ['-rm', 'sh', '-c', script], { cwd })
    expect(stderr).toMatch(/the disk that holds the store .* is full/)
    expect(stdout).toMatch(/^75\n/)
    expect(stdout).not.toMatch(/\.tmp-|part-/)
    if (stdout.includes('/features/orders_daily/')) {
      expect(stderr).toMatch(/no run has committed a version yet/)
      expect(stdout).toMatch(/\n0\n$/)
    }
  })
})
