/** The S3 server of the tests: how it is installed and ends, and what the tests take for granted about it. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Outcome, program, REPOSITORY } from './kit/cli.ts'
import { type Gateway, gatewayBinary, startGateway } from './kit/gateway.ts'
import { scratch } from './kit/scratch.ts'

const KIT = JSON.stringify(join(REPOSITORY, 'test/kit/gateway.ts'))

/** Another process, in which the module `kit` is there. */
function elsewhere(code: string, env: Record<string, string> = {}): Promise<Outcome> {
  const text = `const kit = await import(${KIT}); ${code}`
  return program(process.execPath, ['--input-type=module', '--eval', text], { cwd: REPOSITORY, env })
}

describe('the installation', () => {
  const WHOLE = 'half whole'

  /** A `go` that takes its time, and notes each of its runs; and a folder of tools. */
  function fakeGo(script = `printf 'half' > "$GOBIN/versitygw"; /bin/sleep 0.5; printf ' whole' >> "$GOBIN/versitygw"`): {
    tools: string
    folder: string
    runs: () => number
    install: (CI?: string) => Promise<Outcome>
  } {
    const home = scratch('go')
    const [go, log, tools] = ['go', 'log', 'tools'].map(name => join(home, name)) as [string, string, string]
    writeFileSync(go, `#!/bin/sh\necho run >> '${log}'\n${script}\n`)
    chmodSync(go, 0o755)
    const code = `const found = await kit.gatewayBinary(${JSON.stringify(tools)})
      console.log(found.missing ?? (await import('node:fs')).readFileSync(found.binary, 'utf8'))`
    return {
      tools,
      folder: join(tools, 'versitygw-1.8.0'),
      runs: () => readFileSync(log, 'utf8').split('\n').length - 1,
      install: (CI = '') => elsewhere(code, { PATH: home, CI }),
    }
  }

  it('happens once for all, and nobody finds half a program', async () => {
    const { folder, runs, install } = fakeGo()
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => install()))
    expect(outcomes.map(({ stdout }) => stdout.trim())).toEqual(Array(4).fill(WHOLE))
    expect(runs()).toBe(1)
    expect(readdirSync(folder)).toEqual(['versitygw'])
  })

  it('goes on where the process that held the lock has died', async () => {
    const { folder, install } = fakeGo()
    const { stdout: dead } = await elsewhere('console.log(process.pid)')
    mkdirSync(join(folder, 'lock'), { recursive: true })
    writeFileSync(join(folder, 'lock/pid'), dead)
    expect((await install()).stdout.trim()).toBe(WHOLE)
    expect(readdirSync(folder)).toEqual(['versitygw'])
  })

  it('says why there is none, which is an error on a build server', async () => {
    const { folder, install } = fakeGo('echo "no such module" >&2; exit 1')
    expect((await install()).stdout.trim()).toBe('no versitygw 1.8.0: no such module')
    expect(await install('true')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no versitygw 1.8.0: no such module'),
    })
    expect(readdirSync(folder)).toEqual([])
  })
})

const found = await gatewayBinary()
if ('missing' in found) console.warn(found.missing)

describe.skipIf('missing' in found)('the server', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startGateway({ versioning: true })
  })
  afterAll(() => gateway.stop())

  it('ends with the process that started it, however that ends', async () => {
    const { stdout } = await elsewhere(
      'const { endpoint, folder } = await kit.startGateway(); console.log([endpoint, folder].join()); process.kill(process.pid, "SIGKILL")',
    )
    const [endpoint, folder] = stdout.trim().split(',') as [string, string]
    const gone = async (): Promise<boolean> =>
      !existsSync(folder) &&
      (await fetch(endpoint).then(
        () => false,
        () => true,
      ))
    await expect.poll(gone, { timeout: 5000 }).toBe(true)
  })

  it('lets an account do what a policy allows, and nothing else', async () => {
    const Bucket = await gateway.makeBucket()
    const account = gateway.user()
    const s3 = gateway.client(account)
    await gateway.client().send(new PutObjectCommand({ Bucket, Key: 'key', Body: 'text' }))
    const requests: Record<string, () => Promise<unknown>> = {
      's3:ListBucket': () => s3.send(new ListObjectsV2Command({ Bucket })),
      's3:GetObject': () => s3.send(new GetObjectCommand({ Bucket, Key: 'key' })),
      's3:PutObject': () => s3.send(new PutObjectCommand({ Bucket, Key: 'key', Body: 'text' })),
      's3:DeleteObject': () => s3.send(new DeleteObjectCommand({ Bucket, Key: 'another' })),
      's3:ListBucketMultipartUploads': () => s3.send(new ListMultipartUploadsCommand({ Bucket })),
    }
    const actions = Object.keys(requests)
    const denied = async (): Promise<string[]> => {
      const answers = actions.map(action =>
        requests[action]!().then(
          () => [],
          (error: Error) => [`${action} ${error.name}`],
        ),
      )
      return (await Promise.all(answers)).flat()
    }
    expect(await denied()).toEqual(actions.map(action => `${action} AccessDenied`))
    for (const action of actions) {
      const others = actions.filter(other => other !== action)
      await gateway.allow(Bucket, account, others)
      expect(await denied()).toEqual([`${action} AccessDenied`])
    }
    await gateway.allow(Bucket, account, actions, 'elsewhere/')
    expect(await denied()).toEqual(['s3:GetObject', 's3:PutObject', 's3:DeleteObject'].map(action => `${action} AccessDenied`))
    await gateway.allow(Bucket, account, actions)
    expect(await denied()).toEqual([])
  })

  it('keeps what was deleted in a versioned bucket', async () => {
    const s3 = gateway.client()
    const Bucket = await gateway.makeBucket(undefined, { versioned: true })
    const Key = 'one/key'
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'text' }))
    expect(await s3.send(new DeleteObjectCommand({ Bucket, Key }))).toMatchObject({ DeleteMarker: true })
    expect((await s3.send(new ListObjectsV2Command({ Bucket }))).Contents).toBe(undefined)
    const { Versions, DeleteMarkers } = await s3.send(new ListObjectVersionsCommand({ Bucket }))
    expect([Versions!.map(version => version.Key), DeleteMarkers!.map(marker => marker.Key)]).toEqual([[Key], [Key]])
  })

  it('takes an object and an upload for older where a test says so', async () => {
    const s3 = gateway.client()
    const Bucket = await gateway.makeBucket()
    const Key = 'one/key'
    const at = new Date('2020-01-02T03:04:05Z')
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'text' }))
    await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }))
    gateway.date(Bucket, Key, at)
    const modified = async (): Promise<Date> => (await s3.send(new HeadObjectCommand({ Bucket, Key }))).LastModified!
    expect(await modified()).toEqual(at)
    expect((await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads![0]!.Initiated).toEqual(at)
    // Unlike S3 itself: to copy an object onto itself changes its metadata only.
    const CopySource = `${Bucket}/${Key}`
    await s3.send(new CopyObjectCommand({ Bucket, Key, CopySource, MetadataDirective: 'REPLACE', Metadata: { again: '1' } }))
    expect(await modified()).toEqual(at)
  })
})
