/** Stored objects that are lost or damaged: each is named, and hides no other. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { csv, daily, Living, TWO_DAYS } from './kit/living.ts'

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
