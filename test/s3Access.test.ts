/** How buckets are reached: credentials from everywhere that AWS tools have them, addresses, and what is said of wrong ones. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import type { Outcome } from './kit/cli.ts'
import { documents, quern } from './kit/cli.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import { ORDERS_CSV, orders, project, writeFiles } from './kit/project.ts'
import { scratch } from './kit/scratch.ts'

const found = await gatewayBinary()

/** Nothing of the machine's own. */
const BARE = {
  AWS_ACCESS_KEY_ID: '',
  AWS_SECRET_ACCESS_KEY: '',
  AWS_PROFILE: '',
  AWS_REGION: '',
  AWS_DEFAULT_REGION: '',
  AWS_EC2_METADATA_DISABLED: 'true',
  HOME: '/nonexistent',
}

describe.skipIf('missing' in found)(`access to a bucket ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway()
  afterAll(() => gateway.stop())
  const { endpoint, accessKeyId, secretAccessKey } = gateway
  const bucket = await gateway.makeBucket()
  const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
  let stores = 0

  const cwdWith = (config: string): string =>
    project({ 'transforms/o.ts': orders(), 'data/a.csv': ORDERS_CSV, 'quern.config.ts': `export default { ${config} }\n` })
  const run = (cwd: string, env: Record<string, string>): Promise<Outcome> =>
    quern(['run', '--json'], { cwd, env: { ...BARE, QUERN_STORE: `s3://${bucket}/store-${stores++}`, ...env } })

  async function commits(outcome: Promise<Outcome>): Promise<void> {
    const { code, stderr, ...rest } = await outcome
    expect(code, stderr).toBe(0)
    expect(documents({ code, stderr, ...rest })).toMatchObject([{ outcome: 'committed', version: 0 }])
  }

  it('goes by environment variables', () => commits(run(cwdWith(''), { ...keys, AWS_ENDPOINT_URL: endpoint })))

  it('goes by the address of S3 before that of all services', () =>
    commits(run(cwdWith(''), { ...keys, AWS_ENDPOINT_URL_S3: endpoint, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' })))

  it('goes by the project where the environment says nothing', async () => {
    const config = `store: 's3://${bucket}/of-project/', s3: { endpoint: '${endpoint}', region: 'us-east-1', pathStyle: true }`
    await commits(run(cwdWith(config), { ...keys, QUERN_STORE: '' }))
  })

  it('goes by a profile', async () => {
    const credentials = join(scratch('aws'), 'credentials')
    writeFileSync(credentials, `[pipeline]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`)
    await commits(
      run(cwdWith(''), { AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_PROFILE: 'pipeline', AWS_ENDPOINT_URL: endpoint }),
    )
  })

  it('goes by a web identity, as Kubernetes hands one out', async () => {
    const token = join(scratch('aws'), 'token')
    writeFileSync(token, 'the token')
    const asked: string[] = []
    const sts = createServer((request, response) => {
      request.on('data', part => asked.push(String(part)))
      request.on('end', () => {
        response.setHeader('content-type', 'text/xml').end(`
          <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
          <Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>
          <SessionToken></SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>
          </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`)
      })
    }).listen(0, '127.0.0.1')
    await once(sts, 'listening')
    const { port } = sts.address() as { port: number }
    await commits(
      run(cwdWith(''), {
        AWS_ROLE_ARN: 'arn:aws:iam::1:role/quern',
        AWS_WEB_IDENTITY_TOKEN_FILE: token,
        AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${port}`,
        AWS_ENDPOINT_URL_S3: endpoint,
        AWS_REGION: 'us-east-1',
      }),
    )
    expect(asked.join('')).toContain('WebIdentityToken=the%20token')
    sts.close()
  })

  it('tells what is wrong in a setting', async () => {
    const refusals: [Record<string, string>, RegExp][] = [
      [{ QUERN_STORE: 's3://' }, /QUERN_STORE: `s3:\/\/` is not a bucket and a prefix: write `s3:\/\/bucket\/prefix`/],
      [{ QUERN_STORE: 's3://No_Bucket/x' }, /3 to 63 lower-case letters/],
      [{ QUERN_STORE: 's3://bucket/a/../b' }, /`s3:\/\/bucket\/a\/..\/b` is not a prefix that means the same everywhere/],
      [{ QUERN_STORE: 's3://bucket/a//b' }, /leave out `\/\/`, `.` and `..`/],
      [{ QUERN_STORE: 'gs://bucket/x' }, /`file:` and a path, or `s3:\/\/bucket\/prefix`/],
      [{ AWS_ENDPOINT_URL: 'localhost:9000' }, /AWS_ENDPOINT_URL: `localhost:9000` is not an address such as `https:/],
      [{ QUERN_S3_PATH_STYLE: 'yes' }, /QUERN_S3_PATH_STYLE: `yes` is not true or false/],
      [{ QUERN_S3_ENCRYPTION: 'aes' }, /QUERN_S3_ENCRYPTION: `aes` is not 'AES256' or 'aws:kms'/],
      [{ QUERN_CACHE: 'much' }, /QUERN_CACHE: `much` is not a size such as '2GiB', or '0' for none/],
      [{ QUERN_SCRATCH: '0' }, /QUERN_SCRATCH: `0` is not a size such as '20GiB'/],
      [
        { ...keys, AWS_CA_BUNDLE: '/nowhere.pem', AWS_ENDPOINT_URL: endpoint },
        /AWS_CA_BUNDLE: \/nowhere.pem cannot be read \(ENOENT\)/,
      ],
    ]
    for (const [env, words] of refusals) {
      const { code, stderr } = await run(cwdWith(''), env)
      expect(stderr).toMatch(words)
      expect(code).toBe(2)
    }
  })

  it('tells nobody of a password in an address', async () => {
    const { stdout, code } = await quern(['doctor'], {
      cwd: cwdWith(''),
      env: { ...BARE, ...keys, AWS_ENDPOINT_URL: 'http://me:geheim@127.0.0.1:1', QUERN_STORE: 's3://bucket/x' },
    })
    expect(stdout).toMatch(/http:\/\/127.0.0.1:1 refuses connections/)
    expect(stdout).not.toMatch(/geheim/)
    expect(code).toBe(75)
  })

  it('tells what no setting is, and where credentials belong', async () => {
    const { code, stderr } = await run(cwdWith("s3: { endpoit: 'http://127.0.0.1:1', accessKeyId: 'k' }"), {})
    expect(stderr).toMatch(/s3\.endpoit: there is no such setting\n +Did you mean `endpoint`\?/)
    expect(stderr).toMatch(/s3\.accessKeyId: there is no such setting\n +Credentials are not written here: set AWS_ACCESS_KEY_ID/)
    expect(code).toBe(2)
  })

  it('tells that no region is known', async () => {
    const { code, stderr } = await run(cwdWith(''), keys)
    expect(stderr).toMatch(/no region is known, and no endpoint.*\n.*AWS_REGION.*AWS_ENDPOINT_URL.*\[definition\.region\]/)
    expect(code).toBe(2)
  })

  it('tells that an access key is not known', async () => {
    const { code, stderr } = await run(cwdWith(''), { ...keys, AWS_ACCESS_KEY_ID: 'nobody', AWS_ENDPOINT_URL: endpoint })
    expect(stderr).toMatch(/refuses the credentials: it does not know the access key/)
    expect(code).toBe(2)
  })

  it('tells what a source in a bucket cannot be', async () => {
    const cwd = cwdWith('')
    const refusals: [string, RegExp][] = [
      ['gs://bucket/*.csv', /`gs:\/\/bucket\/\*\.csv` is neither a local path nor in a bucket/],
      ['s3:/bucket/*.csv', /`s3:\/bucket\/\*\.csv` names no bucket\n +Write `s3:\/\/bucket\/key`/],
      ['s3://buck*/a.csv', /names no bucket/],
    ]
    for (const [uri, words] of refusals) {
      writeFiles(cwd, { 'transforms/o.ts': orders({ uri }) })
      const { code, stderr } = await quern(['check'], { cwd })
      expect(stderr).toMatch(words)
      expect(code).toBe(2)
    }
  })

  it('takes nothing of the store for an input', async () => {
    const own = await gateway.makeBucket()
    await gateway.client().send(new PutObjectCommand({ Bucket: own, Key: 'a.csv', Body: ORDERS_CSV }))
    const cwd = cwdWith('')
    writeFiles(cwd, { 'transforms/o.ts': orders({ uri: `s3://${own}/**/*.{csv,parquet}` }) })
    const env = { ...keys, AWS_ENDPOINT_URL: endpoint, QUERN_STORE: `s3://${own}` }
    await commits(run(cwd, env))
    const { code, stderr } = await run(cwd, env)
    expect(stderr).toMatch(/source `orders`: s3:\/\/.*\/features\/.* is the store's own\n +Narrow the pattern/)
    expect(code).toBe(2)
    writeFiles(cwd, { 'transforms/o.ts': orders({ uri: `s3://${own}/*.csv` }) })
    expect((await run(cwd, env)).code).toBe(0)
    // What is shown of it can be copied: where it is, and what it is known by.
    const { stdout } = await quern(['show', 'orders_daily'], { cwd, env: { ...BARE, ...env } })
    expect(stdout).toMatch(/input +s3:\/\/.*\/a\.csv .* ETag [0-9a-f]{32}\n/)
    expect(stdout).toContain(`storage_options={"AWS_ENDPOINT_URL":"${endpoint}","AWS_ALLOW_HTTP":"true"})`)
  })

  it('lets doctor try each permission, and name what is missing', async () => {
    const cwd = cwdWith('')
    const env = { ...BARE, ...keys, AWS_ENDPOINT_URL: endpoint, QUERN_STORE: `s3://${bucket}/doctor` }
    const well = await quern(['doctor'], { cwd, env })
    expect(well.stdout).toMatch(/ok +store +s3:\/\/.*\/doctor can be listed, read, written and deleted, and of several writers/)
    expect(well.code).toBe(0)
    const user = gateway.user()
    const as = { ...env, AWS_ACCESS_KEY_ID: user.accessKeyId, AWS_SECRET_ACCESS_KEY: user.secretAccessKey }
    const all = ['s3:ListBucket', 's3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:ListBucketMultipartUploads']
    for (const missing of all) {
      await gateway.allow(
        bucket,
        user,
        all.filter(action => action !== missing),
      )
      const { code, stdout } = await quern(['doctor'], { cwd, env: as })
      expect(stdout, missing).toMatch(new RegExp(`problem +store .*\\n.*Grant them ${missing}`))
      expect(code).toBe(2)
    }
  })
})
