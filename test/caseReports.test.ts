/** What `quern test` tells machines, and those who leave it running. */
import { execFileSync, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { REPOSITORY } from './kit/cli.ts'
import { fixture, order } from './kit/fixtures.ts'
import { here } from './kit/program.ts'
import { orders, project, writeFiles } from './kit/project.ts'

const AT = "cutoff: '2026-01-02T00:00:00Z'"
const right = (): string => `rows: [${order()}], ${AT}, expect: [{ customer: 'ada', orders_1d: 1 }]`

/** The report as a parser of another maker reads it: each element's name, attributes and text. */
function parsed(path: string): [name: string, attributes: Record<string, string>, text: string][] {
  const script = `import json, sys, xml.etree.ElementTree as e
print(json.dumps([[n.tag, n.attrib, (n.text or '').strip()] for n in e.parse(sys.argv[1]).iter()]))`
  return JSON.parse(execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }))
}

describe('quern test --junit', () => {
  it('writes a suite for each file and a testcase for each case', async () => {
    const cwd = project({
      'transforms/o.ts': orders(),
      'fixtures/a.ts': fixture({ right: right(), wrong: `rows: [${order()}], ${AT}, expect: []`, 'no case': '' }),
      'fixtures/b.ts': 'export default 7',
    })
    const outcome = await here(cwd, ['test', '--junit', join(cwd, 'report.xml')])
    expect(outcome).toMatchObject({ code: 2, stderr: expect.stringMatching(/^4 cases: 1 ok, 1 failed, 2 errors/) })
    const seconds = expect.stringMatching(/^\d+\.\d{3}$/)
    const of = (name: string, file: string): object => ({ name, classname: 'orders_daily', file, time: seconds })
    expect(parsed(join(cwd, 'report.xml'))).toEqual([
      ['testsuites', { name: 'quern test', tests: '4', failures: '1', errors: '2', time: seconds }, ''],
      ['testsuite', { name: 'fixtures/a.ts', tests: '3', failures: '1', errors: '1', time: seconds }, ''],
      ['testcase', of('right', 'fixtures/a.ts'), ''],
      ['testcase', of('wrong', 'fixtures/a.ts'), ''],
      [
        'failure',
        { message: '1 difference' },
        expect.stringMatching(/^row +column +expected +got\nada @ 2026-01-02 +no row +a row: orders_1d 1/),
      ],
      ['testcase', of('no case', 'fixtures/a.ts'), ''],
      [
        'error',
        { message: expect.stringMatching(/^fixtures\/a\.ts: no case: holds no rows/) },
        expect.stringContaining('[definition.case]'),
      ],
      ['testsuite', { name: 'fixtures/b.ts', tests: '1', failures: '0', errors: '1', time: seconds }, ''],
      ['testcase', { ...of('fixtures/b.ts', 'fixtures/b.ts'), classname: 'fixtures/b.ts' }, ''],
      ['error', { message: expect.stringContaining('has no unit cases') }, expect.stringContaining('[definition.fixture]')],
    ])
  })

  it('keeps whatever XML can hold of names and values, and is read whatever they are', async () => {
    const names = {
      '<a href="x">\'&amp;\' ]]> <!-- --> <![CDATA[': undefined,
      'two\nlines\tand\r\nmore': undefined,
      '\u{1f600} \u00e9 \ufffd': undefined,
      'NUL \u0000 ESC \u001b VT \u000b': 'NUL \ufffd ESC \ufffd VT \ufffd',
      'half \ud83d a pair, \uffff': 'half \ufffd a pair, \ufffd',
    }
    const cases = Object.keys(names).map(name => [
      name,
      `rows: [${order(`customer: ${JSON.stringify(name.toWellFormed())}`)}], ${AT}, expect: []`,
    ])
    const cwd = project({
      'transforms/o.ts': orders({ uri: 'data/*.csv' }),
      'fixtures/a.ts': fixture(Object.fromEntries(cases)),
    })
    expect(await here(cwd, ['test', '--junit', join(cwd, 'report.xml')])).toMatchObject({ code: 2 })
    const elements = parsed(join(cwd, 'report.xml'))
    expect(elements.filter(([name]) => name === 'testcase').map(([, { name }]) => name)).toEqual(
      Object.entries(names).map(([name, read]) => read ?? name),
    )
    expect(elements.filter(([name]) => name === 'failure' || name === 'error')).toHaveLength(cases.length)
  })
})

describe('quern test --watch', () => {
  it('runs again upon each change, with everything loaded anew, and ends on a signal', async () => {
    const cwd = project({
      'transforms/o.ts': orders()
        .replace("import { z } from 'zod'", "import { z } from 'zod'\nimport { least } from '../schemas/least.ts'")
        .replace('z.int().min(0)', 'z.int().min(least)'),
      'schemas/least.ts': 'export const least = 0\n',
      'fixtures/a.ts': fixture({ right: right() }),
    })
    const watching = watch(cwd, ['right'])
    try {
      await watching.says(/^ok {6}orders_daily: right/)
      writeFiles(cwd, { 'schemas/least.ts': 'export const least = 6\n' })
      await watching.says(/changed: schemas\/least\.ts\n[\s\S]*rejected: amount: too_small/)
      writeFiles(cwd, { 'fixtures/a.ts': fixture({ right: `rejects: [{ row: ${order()}, path: 'amount' }]` }) })
      await watching.says(/changed: fixtures\/a\.ts\n[\s\S]*ok {6}orders_daily: right/)
      writeFiles(cwd, { 'transforms/o.ts': 'export default (' })
      await watching.says(/changed: transforms\/o\.ts\n[\s\S]*ERROR {3}fixtures\/a\.ts[\s\S]*cannot be loaded/)
      rmSync(join(cwd, 'fixtures'), { recursive: true })
      await watching.says(/changed: .*fixtures.*\n[\s\S]*holds no unit cases/)
      writeFiles(cwd, { 'transforms/o.ts': orders(), 'fixtures/new.ts': fixture({ 'right again': right() }) })
      await watching.says(/ok {6}orders_daily: right again/)
    } finally {
      watching.end('SIGINT')
    }
    expect(await watching.code).toBe(130)
  }, 60_000)
})

/** The program while it watches. */
function watch(cwd: string, args: string[]) {
  const child = spawn(process.execPath, [join(REPOSITORY, 'bin/quern.js'), 'test', ...args, '--watch'], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  let heard = Promise.withResolvers<void>()
  const hear = (piece: Buffer): void => {
    text += String(piece)
    heard.resolve()
    heard = Promise.withResolvers()
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const code = new Promise<number | null>(resolve => child.on('close', resolve))
  return {
    code,
    end: (signal: NodeJS.Signals) => child.kill(signal),
    /** Waits until a round, or several where changes fell apart, have said something, and forgets it. */
    says: async (what: RegExp): Promise<void> => {
      while (!what.test(text) || !text.includes('Ctrl-C ends it')) await heard.promise
      text = ''
    },
  }
}
