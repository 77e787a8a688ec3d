/** MinIO: a second S3 server, of other authors than the first, for those who have the time. */
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, ListBucketsCommand } from '@aws-sdk/client-s3'
import type { Line } from './buckets.ts'
import { clientOf, newAccount } from './gateway.ts'
import { goProgram } from './goProgram.ts'
import { freePort, ServerProcess } from './serverProcess.ts'

const VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c'
const PROGRAM = { name: 'minio', version: VERSION, module: `github.com/minio/minio@${VERSION}` }

export interface Minio extends Line {
  bucket: string
  stop: () => Promise<void>
}

export async function startMinio(): Promise<Minio> {
  const found = await goProgram(PROGRAM)
  if ('missing' in found) throw new Error(found.missing)
  const home = mkdtempSync(join(tmpdir(), 'quern-minio-'))
  const [address, console] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`]
  const account = newAccount('minio')
  const env = { ...process.env, MINIO_ROOT_USER: account.accessKeyId, MINIO_ROOT_PASSWORD: account.secretAccessKey }
  const options = ['server', '--quiet', '--address', address, '--console-address', console, join(home, 'data')]
  const server = new ServerProcess(spawn(found.binary, options, { env, stdio: ['ignore', 'ignore', 'pipe'] }), home)
  const endpoint = `http://${address}`
  const client = clientOf(endpoint, account)
  await server.answers(() => client.send(new ListBucketsCommand()))
  await client.send(new CreateBucketCommand({ Bucket: 'second' }))
  return { endpoint, account, bucket: 'second', stop: () => server.stop() }
}
