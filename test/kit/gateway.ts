/** versitygw, an S3 server over a folder: the real server of the tests. */
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateBucketCommand,
  ListBucketsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { goProgram } from './goProgram.ts'
import { freePort, ServerProcess } from './serverProcess.ts'

/** Earlier releases let several conditional writers win. */
const PROGRAM = { name: 'versitygw', version: '1.8.0', module: 'github.com/versity/versitygw/cmd/versitygw@v1.8.0' }

export const REGION = 'us-east-1'

export interface Account {
  accessKeyId: string
  secretAccessKey: string
}

export interface GatewayOptions {
  /** Whether a bucket may be versioned: the server needs a folder for old versions. */
  versioning?: boolean
  /** The folder of `gatewayBinary`, unless a test has its own. */
  tools?: string
}

export interface Gateway extends Account {
  endpoint: string
  /** Each bucket is a folder in it, and each object a file in that. */
  folder: string
  /** The root account's client, or another account's. It asks once: a test that wants retries says so. */
  client: (account?: Account, config?: S3ClientConfig) => S3Client
  /** Answers its name, a new one unless told. */
  makeBucket: (name?: string, options?: { versioned?: boolean }) => Promise<string>
  /** Another account, which may do nothing until a bucket's policy says so. */
  user: (name?: string) => Account
  /**
   * The bucket's policy from now on: what `account` may do, `s3:GetObject` and the like. Actions on objects hold for keys below
   * `prefix`. A policy that stood before is gone, and with it what it allowed to others.
   */
  allow: (bucket: string, account: Account, actions: readonly string[], prefix?: string) => Promise<void>
  /** When the object was last modified and the key's unfinished uploads were begun, from now on. */
  date: (bucket: string, key: string, at: Date) => void
  stop: () => Promise<void>
}

/** The server's program, or why there is none. On a build server that is an error. */
export const gatewayBinary = (tools?: string): Promise<{ binary: string } | { missing: string }> => goProgram(PROGRAM, tools)

/** Answers once the server does. It ends with `stop`, or with this process, however that ends. */
export async function startGateway({ versioning = false, tools }: GatewayOptions = {}): Promise<Gateway> {
  const found = await gatewayBinary(tools)
  if ('missing' in found) throw new Error(found.missing)
  // Between the search for a free port and its use somebody else may take it.
  for (let attempt = 1; ; attempt++) {
    const address = `127.0.0.1:${await freePort()}`
    const home = mkdtempSync(join(tmpdir(), 'quern-gateway-'))
    const [folder, versions, accounts] = ['data', 'versions', 'accounts'].map(name => join(home, name)) as [
      string,
      string,
      string,
    ]
    for (const path of [folder, versions, accounts]) mkdirSync(path)
    const root = newAccount('root')
    const options = ['--port', address, '--keep-alive', '--quiet', '--region', REGION, '--iam-dir', accounts]
    const backend = ['posix', ...(versioning ? ['--versioning-dir', versions] : []), folder]
    const env = { ...process.env, ROOT_ACCESS_KEY: root.accessKeyId, ROOT_SECRET_KEY: root.secretAccessKey }
    const child = spawn(found.binary, [...options, ...backend], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    const server = new ServerProcess(child, home)
    try {
      return await gateway(server, `http://${address}`, root, folder, accounts)
    } catch (error) {
      await server.stop()
      if (attempt === 3) throw error
    }
  }
}

async function gateway(
  server: ServerProcess,
  endpoint: string,
  root: Account,
  folder: string,
  accounts: string,
): Promise<Gateway> {
  const client: Gateway['client'] = (account = root, config = {}) => clientOf(endpoint, account, config)
  const s3 = client()
  await server.answers(() => s3.send(new ListBucketsCommand()))
  const users: Record<string, object> = {}
  return {
    endpoint,
    ...root,
    folder,
    client,
    async makeBucket(Bucket = `bucket-${randomBytes(4).toString('hex')}`, { versioned = false } = {}) {
      await s3.send(new CreateBucketCommand({ Bucket }))
      const VersioningConfiguration = { Status: 'Enabled' } as const
      if (versioned) await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }))
      return Bucket
    },
    user(name = 'user') {
      const account = newAccount(name)
      const { accessKeyId: access, secretAccessKey: secret } = account
      users[access] = { access, secret, role: 'user' }
      // The server reads the file when it meets an account that it does not know.
      writeFileSync(join(accounts, 'next'), JSON.stringify({ accessAccounts: users }))
      renameSync(join(accounts, 'next'), join(accounts, 'users.json'))
      return account
    },
    async allow(Bucket, { accessKeyId }, actions, prefix = '') {
      const onBuckets = actions.filter(action => ON_BUCKETS.test(action))
      const onObjects = actions.filter(action => !ON_BUCKETS.test(action))
      const statement = (Action: string[], Resource: string): object[] =>
        Action.length === 0 ? [] : [{ Effect: 'Allow', Principal: { AWS: [accessKeyId] }, Action, Resource }]
      const Statement = [
        ...statement(onBuckets, `arn:aws:s3:::${Bucket}`),
        ...statement(onObjects, `arn:aws:s3:::${Bucket}/${prefix}*`),
      ]
      await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }))
    },
    date(bucket, key, at) {
      const object = join(folder, bucket, key)
      const uploads = join(folder, bucket, '.sgwtmp/multipart', createHash('sha256').update(key).digest('hex'))
      const begun = existsSync(uploads) ? readdirSync(uploads).map(name => join(uploads, name)) : []
      for (const path of [object, ...begun]) if (existsSync(path)) utimesSync(path, at, at)
    },
    async stop() {
      s3.destroy()
      await server.stop()
    },
  }
}

/** Actions whose resource is the bucket itself; those of all others are its objects. */
const ON_BUCKETS = /Bucket/

export function clientOf(endpoint: string, { accessKeyId, secretAccessKey }: Account, config: S3ClientConfig = {}): S3Client {
  const credentials = { accessKeyId, secretAccessKey }
  return new S3Client({ endpoint, region: REGION, forcePathStyle: true, maxAttempts: 1, credentials, ...config })
}

export function newAccount(name: string): Account {
  return { accessKeyId: `${name}-${randomBytes(4).toString('hex')}`, secretAccessKey: randomBytes(20).toString('hex') }
}
