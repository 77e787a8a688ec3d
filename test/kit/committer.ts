/**
 * A process that appends to a table in a bucket until it has appended so many times, and is killed on the way: each append carries
 * its number in a transaction, so that whoever goes on knows how far the dead one got.
 *
 * usage: committer.ts BUCKET PREFIX NAME COUNT TEMPLATE SCRATCH
 */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deltaTableStore } from '../../src/delta/deltaTableStore.ts'
import { TransientError } from '../../src/domain/errors.ts'
import { checkpointWriter } from '../../src/engine/duckdb/checkpointWriter.ts'
import { storeOver } from './storeOver.ts'

const [bucket, prefix, name, count, template, scratch] = process.argv.slice(2) as [string, string, string, string, string, string]
const objects = storeOver(bucket, prefix, scratch)
const table = deltaTableStore(objects, {
  now: () => Date.now(),
  engineInfo: 'test',
  writeCheckpoint: checkpointWriter(scratch),
}).table('t')

/** A line that breaks is borne, a server that is gone is not. */
const MOST_FAILURES = 50

for (let failures = 0; failures < MOST_FAILURES; ) {
  try {
    const base = await table.snapshot('latest')
    const done = Number(base?.transactions.get(name) ?? 0n)
    if (done >= Number(count)) break
    const localPath = join(scratch, `${name}-${done}`)
    await copyFile(template, localPath)
    const id = `${name} ${done}`
    await table.commit({
      base,
      operation: 'append',
      ...(base ? {} : { schema: { columns: [{ name: 'id', type: { kind: 'string' }, nullable: false }] } }),
      add: [{ localPath, size: 1, rows: 1, columns: { id: { min: id, max: id, nullCount: 0 } } }],
      remove: [],
      transactions: { [name]: BigInt(done + 1) },
      lineage: {},
      isolation: base ? 'append' : 'plan',
    })
    failures = 0
  } catch (error) {
    // What the line does is told by the table.
    if (!(error instanceof TransientError)) throw error
    failures++
  }
}
