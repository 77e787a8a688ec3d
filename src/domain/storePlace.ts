/** Where a store is, and how buckets are reached. */

/** A folder by its absolute path, or what lies below a prefix of a bucket; the prefix is empty or ends with `/`. */
export type StorePlace = { kind: 'folder'; path: string } | { kind: 's3'; bucket: string; prefix: string }

/** What a bucket's name can be, and the same in words. */
export const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
export const BUCKET_WORDS = 'of 3 to 63 lower-case letters, digits, dots and hyphens'

/** Of an S3 service; what is left out is as the AWS SDK finds it. */
export interface S3Access {
  /** us-east-1 where there is an endpoint. */
  region?: string
  /** Of a service other than AWS. */
  endpoint?: string
  /** Bucket names in the path instead of the host. Default: where there is an endpoint. */
  pathStyle?: boolean
  /** How new objects are encrypted. Default: as the bucket says. */
  encryption?: 'AES256' | 'aws:kms'
  /** The key of `aws:kms`. */
  kmsKeyId?: string
  /** Requests are paid for by whoever makes them. */
  requesterPays?: boolean
  /** A file of certificates, PEM. */
  caBundle?: string
}
