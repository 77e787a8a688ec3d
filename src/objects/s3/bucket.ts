/** One bucket: requests, with the errors of a run. Everything that knows the SDK's commands is here. */
import { open, readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import type { S3Access } from '../../domain/storePlace.ts'
import { limiter } from '../limiter.ts'
import type { Listing } from './answers.ts'
import { pageOf, readable, tagged } from './answers.ts'
import type { Patience } from './client.ts'
import { PARALLEL, s3Client, USUAL_PATIENCE } from './client.ts'
import { decided, pause } from './decided.ts'
import type { Doing, Place } from './errors.ts'
import { isMissing, isNamedMissing, isOfCredentials, isPrecondition, NotS3Error, s3Error, statusOf } from './errors.ts'
import { BadBodyError } from './lineErrors.ts'
import type { Encryption, Sdk, Whose } from './uploadParts.ts'
import { PARALLEL_PARTS, PART_BYTES, uploadParts } from './uploadParts.ts'

export interface BucketOptions {
  bucket: string
  settings: S3Access
  owner: Place['owner']
  patience?: Patience
  /** Default: what the SDK finds. */
  credentials?: { accessKeyId: string; secretAccessKey: string }
}

export interface Head {
  size: number
  etag: string
  modifiedAt: number
}

export interface OpenBody {
  body: Readable
  /** Of the bytes that are coming. */
  length: number
  etag: string
  versionId: string | undefined
}

export class S3Bucket {
  readonly #options: BucketOptions
  readonly #patience: Patience
  readonly #limited = limiter(PARALLEL)
  /** Of all files that are sent at the same time. */
  readonly #parts = limiter(PARALLEL_PARTS)
  /** Whether the bucket is known to exist. */
  #there = false
  #opened: Promise<{ sdk: Sdk; client: S3Client }> | undefined

  constructor(options: BucketOptions) {
    this.#options = options
    this.#patience = options.patience ?? USUAL_PATIENCE
  }

  uriOf(key: string): string {
    return `s3://${this.#options.bucket}/${key}`
  }

  get attempts(): number {
    return this.#patience.attempts
  }

  /** Sends requests of one kind; raises the errors of a run. */
  async #do<T>(doing: Doing, key: string, request: (sdk: Sdk, client: S3Client) => Promise<T>): Promise<T> {
    const { sdk, client } = await this.#open()
    try {
      const answer = await this.#limited(() => request(sdk, client))
      this.#there = true
      return answer
    } catch (error) {
      throw this.error(doing, key, readable(error))
    }
  }

  error(doing: Doing, key: string, error: unknown): unknown {
    const { bucket, owner } = this.#options
    return s3Error({ uri: this.uriOf(key), bucket, endpoint: this.service, owner }, doing, error)
  }

  /** What the bucket is at, as people name it: without user and password, where somebody has written them there. */
  get service(): string {
    return this.#options.settings.endpoint?.replace(/\/\/[^/]*@/, '//') ?? 'S3'
  }

  #open(): Promise<{ sdk: Sdk; client: S3Client }> {
    this.#opened ??= (async () => {
      const [sdk, client] = await Promise.all([
        import('@aws-sdk/client-s3'),
        s3Client(this.#options.settings, this.#patience, this.#options.credentials),
      ])
      return { sdk, client }
    })()
    return this.#opened
  }

  get #whose(): Whose {
    const { bucket, settings } = this.#options
    return { Bucket: bucket, ...(settings.requesterPays ? { RequestPayer: 'requester' } : {}) }
  }

  get #encryption(): Encryption {
    const { encryption, kmsKeyId } = this.#options.settings
    return {
      ...(encryption === undefined ? {} : { ServerSideEncryption: encryption }),
      ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
    }
  }

  /** Pages of what there is, each asked for when the one before has been taken. */
  async *pages(
    prefix: string,
    { startAfter, delimiter, signal }: { startAfter?: string | undefined; delimiter?: string; signal?: AbortSignal | undefined },
  ): AsyncIterable<Listing> {
    for (let next: string | undefined, first = true; first || next !== undefined; first = false) {
      const before = next
      const page = await this.#again('list', prefix, async (sdk, client) => {
        const asked = {
          ...this.#whose,
          Prefix: prefix,
          ...(before === undefined ? { StartAfter: startAfter } : { ContinuationToken: before }),
          ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
        }
        return pageOf(await client.send(new sdk.ListObjectsV2Command(asked), signal ? { abortSignal: signal } : {}), before)
      })
      yield page
      next = page.next
    }
  }

  /** A request that changes nothing, sent anew where half of its answer came. */
  async #again<T>(doing: Doing, key: string, request: (sdk: Sdk, client: S3Client) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#do(doing, key, request)
      } catch (error) {
        if (!((error as Error).cause instanceof BadBodyError) || attempt >= this.attempts) throw error
        await pause(attempt)
      }
    }
  }

  /** Undefined where nothing is stored. */
  async head(key: string): Promise<Head | undefined> {
    return this.#do('read', key, async (sdk, client) => {
      try {
        const { ContentLength, ETag, LastModified } = await client.send(new sdk.HeadObjectCommand({ ...this.#whose, Key: key }))
        return { size: ContentLength ?? 0, etag: tagged(ETag), modifiedAt: LastModified?.getTime() ?? 0 }
      } catch (error) {
        const status = statusOf(error)
        if (isMissing(error)) return this.#needBucket(sdk, client, error)
        // An answer to HEAD has no room for the reason.
        if (status !== undefined && status >= 300 && status < 500)
          await client.send(new sdk.GetObjectCommand({ ...this.#whose, Key: key, Range: 'bytes=0-0' })).then(({ Body }) => {
            ;(Body as Readable).destroy()
          })
        throw error
      }
    })
  }

  /** That something is missing may mean the bucket, unless the answer tells, or the bucket has been seen. */
  async #needBucket(sdk: Sdk, client: S3Client, missing: unknown): Promise<undefined> {
    this.#there ||= isNamedMissing(missing) || (await this.#hasBucket(sdk, client))
    if (!this.#there) throw Object.assign(new Error('no such bucket'), { name: 'NoSuchBucket' })
  }

  /** By a request whose answer has room for the reason: credentials that are not known are raised. */
  #hasBucket(sdk: Sdk, client: S3Client): Promise<boolean> {
    return client.send(new sdk.ListObjectsV2Command({ ...this.#whose, MaxKeys: 1 })).then(
      () => true,
      error => {
        if (isOfCredentials(error)) throw error
        return statusOf(error) !== 404
      },
    )
  }

  /** Opens a body for reading. 'changed': it is not `etag` any more; undefined where nothing is stored. */
  async open(
    key: string,
    { etag, from, to, signal }: { etag?: string; from?: number; to?: number; signal?: AbortSignal | undefined },
  ): Promise<OpenBody | 'changed' | undefined> {
    const isRange = from !== undefined && to !== undefined
    return this.#do('read', key, async (sdk, client) => {
      try {
        const answer = await client.send(
          new sdk.GetObjectCommand({
            ...this.#whose,
            Key: key,
            ...(etag === undefined ? {} : { IfMatch: `"${etag}"` }),
            ...(isRange ? { Range: `bytes=${from}-${to - 1}` } : {}),
          }),
          signal ? { abortSignal: signal } : {},
        )
        const body = answer.Body as Readable
        const wanted = isRange ? `bytes ${from}-${to - 1}/` : ''
        if (isRange && !answer.ContentRange?.startsWith(wanted)) {
          body.destroy()
          throw new BadBodyError(`sends ${answer.ContentRange ?? 'the whole object'} when asked for ${wanted.slice(0, -1)}`)
        }
        if (answer.ETag === undefined) body.destroy()
        return { body, length: answer.ContentLength ?? 0, etag: tagged(answer.ETag), versionId: answer.VersionId }
      } catch (error) {
        if (isMissing(error)) return this.#needBucket(sdk, client, error)
        if (isPrecondition(error)) return 'changed'
        throw error
      }
    })
  }

  /** `absent`: only if nothing is stored. */
  async put(key: string, bytes: Uint8Array, { absent }: { absent: boolean }): Promise<'written' | 'exists'> {
    return this.#do('write', key, (sdk, client) => decided(() => this.#put(sdk, client, { Key: key, Body: bytes }, absent)))
  }

  async #put(sdk: Sdk, client: S3Client, object: { Key: string; Body: Uint8Array }, absent: boolean): Promise<void> {
    const condition = absent ? { IfNoneMatch: '*' } : {}
    const put = new sdk.PutObjectCommand({ ...this.#whose, ...this.#encryption, ...condition, ...object })
    tagged((await client.send(put)).ETag)
  }

  /** A local file, in parts where it is large. */
  async upload(key: string, path: string, size: number, { absent }: { absent: boolean }): Promise<'written' | 'exists'> {
    const limited = this.#parts
    if (size <= PART_BYTES)
      return this.#do('write', key, (sdk, client) =>
        decided(() => limited(async () => this.#put(sdk, client, { Key: key, Body: await readFile(path) }, absent))),
      )
    await using file = await open(path)
    const to = { ...this.#whose, Key: key }
    return await this.#do('write', key, (sdk, client) =>
      decided(() => uploadParts(sdk, client, { file, size, absent, to, as: this.#encryption, limited })),
    )
  }

  /** False where nothing is stored under `from`. A copy onto itself is written anew. */
  async copy(from: string, to: string): Promise<boolean> {
    return this.#do('copy', to, async (sdk, client) => {
      try {
        const { CopyObjectResult } = await client.send(
          new sdk.CopyObjectCommand({
            ...this.#whose,
            ...this.#encryption,
            Key: to,
            CopySource: `${this.#options.bucket}/${from.split('/').map(encodeURIComponent).join('/')}`,
            // What is replaced is what S3 asks for of a copy onto itself.
            ...(from === to ? { MetadataDirective: 'REPLACE' } : {}),
          }),
        )
        tagged(CopyObjectResult?.ETag)
        return true
      } catch (error) {
        if (isMissing(error)) return (await this.#needBucket(sdk, client, error)) ?? false
        throw error
      }
    })
  }

  async delete(key: string): Promise<void> {
    await this.#do('delete', key, async (sdk, client) => {
      try {
        await client.send(new sdk.DeleteObjectCommand({ ...this.#whose, Key: key }))
      } catch (error) {
        // Not to S3, but to others it is an error.
        if (!isNamedMissing(error)) throw error
      }
    })
  }

  /** Uploads that were begun and not finished. */
  async *uploads(prefix: string): AsyncIterable<{ key: string; id: string; begunAt: number }> {
    let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {}
    while (marker) {
      const at: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = marker
      const page = await this.#do('list uploads', prefix, (sdk, client) =>
        client.send(new sdk.ListMultipartUploadsCommand({ ...this.#whose, Prefix: prefix, ...at })),
      )
      const isListing = page.IsTruncated === undefined ? page.Bucket !== undefined : !page.IsTruncated || page.NextKeyMarker
      if (!isListing) throw this.error('list uploads', prefix, new NotS3Error('its answer is no listing'))
      const goesOn = page.NextKeyMarker !== at.KeyMarker || page.NextUploadIdMarker !== at.UploadIdMarker
      if (page.IsTruncated && !goesOn)
        throw this.error('list uploads', prefix, new NotS3Error('it does not say how a listing goes on'))
      for (const { Key, UploadId, Initiated } of page.Uploads ?? [])
        yield { key: Key!, id: UploadId!, begunAt: Initiated?.getTime() ?? 0 }
      marker = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined
    }
  }

  async abortUpload(key: string, id: string): Promise<void> {
    await this.#do('abort uploads', key, async (sdk, client) => {
      try {
        await client.send(new sdk.AbortMultipartUploadCommand({ ...this.#whose, Key: key, UploadId: id }))
      } catch (error) {
        if ((error as Error).name !== 'NoSuchUpload' && !isMissing(error)) throw error
      }
    })
  }
}
