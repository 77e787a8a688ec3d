/** What an answer must hold to be one of S3: to the SDK anything that is XML, a page of HTML too, is an answer without members. */
import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3'
import type { ListedObject } from '../../domain/objectReader.ts'
import { NotS3Error, statusOf } from './errors.ts'
import { BadBodyError } from './lineErrors.ts'

export interface Listing {
  objects: ListedObject[]
  /** With a delimiter: what stands before it. */
  prefixes: string[]
}

/** One page of a listing, and where the next one begins. */
export function pageOf(answer: ListObjectsV2CommandOutput, before: string | undefined): Listing & { next: string | undefined } {
  const { IsTruncated, KeyCount, Name, NextContinuationToken, Contents = [], CommonPrefixes = [] } = answer
  if (IsTruncated === undefined && KeyCount === undefined && Name === undefined) throw new NotS3Error('its answer is no listing')
  const next = IsTruncated ? NextContinuationToken : undefined
  // An end that is none would hide keys, and with them commits.
  if (IsTruncated && (next === undefined || next === before)) throw new NotS3Error('it does not say how a listing goes on')
  const objects = Contents.map(({ Key, Size, ETag, LastModified }) => ({
    key: Key!,
    size: Size ?? 0,
    etag: unquoted(ETag),
    modifiedAt: LastModified?.getTime() ?? 0,
  }))
  return { objects, prefixes: CommonPrefixes.map(({ Prefix }) => Prefix!), next }
}

/** An object's tag. Who leaves it out cannot tell one content from another. */
export function tagged(etag: string | undefined): string {
  if (!etag) throw new NotS3Error('its answer about an object has no ETag')
  return unquoted(etag)
}

const unquoted = (etag: string | undefined): string => (etag ?? '').replace(/^W\//, '').replaceAll('"', '')

/** For an error of the SDK about XML that it cannot read: whether that was an answer of S3 which lacks its end. */
export function readable(error: unknown): unknown {
  const text = (error as { $responseBodyText?: string }).$responseBodyText
  const isRefusal = (statusOf(error) ?? 200) >= 300
  if (text === undefined || isRefusal || !(error instanceof Error) || !/XML parse error/.test(error.message)) return error
  const isS3 = /^\s*(<\?xml|<[A-Z]\w+(Result|Output)|<Error)/.test(text)
  return isS3 ? new BadBodyError('sends half of an answer', { cause: error }) : new NotS3Error('its answer is no XML of S3')
}
