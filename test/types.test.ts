/** The files under test/types compile: right.ts as it stands, wrong.ts because each wrong line is refused. */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { program, REPOSITORY } from './kit/cli.ts'

it('the compiler accepts what is right and refuses what is wrong', async () => {
  const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
  const outcome = await program(process.execPath, [tsc, '--project', join(REPOSITORY, 'test/types')], { cwd: REPOSITORY })
  expect(outcome).toMatchObject({ code: 0, stdout: '' })
})
