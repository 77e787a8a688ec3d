/** What an author declares about a Kafka topic whose messages land in an archive. */
import type { EventTime, RowSchema } from './schema.ts'
import type { Duration } from './time.ts'

/** A text, or the name of the environment variable that has it. Secrets are only ever names. */
export type Given = string | { env: string }

/** How a cluster is reached, as it is declared. What is left out is as the `KAFKA_*` variables say. */
export interface KafkaAccess {
  /** `host:port` of some brokers; of a variable, separated by commas. */
  brokers?: string[] | { env: string }
  tls?: TlsAccess
  sasl?: SaslAccess
}

/** Paths of PEM files, relative to the project. */
export interface TlsAccess {
  /** Whom to trust. Default: the system's own. */
  ca?: string
  /** The client's own certificate and its key. */
  cert?: string
  key?: string
  keyPassword?: { env: string }
}

/** `host:port`; of IPv6 the host is in brackets. */
export function isBroker(text: string): boolean {
  const port = Number(/^(?:[a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(text)?.[1])
  return port >= 1 && port <= 65_535
}

/** Of HTTP. One that holds a user or a password is none: these have places of their own, and errors show addresses. */
export function isAddress(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
}

export type SaslAccess =
  | { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: Given; password: { env: string } }
  | { mechanism: 'oauthbearer'; token: { env: string } }
  /** A token is asked for by the client's credentials. */
  | { mechanism: 'oauthbearer'; tokenUrl: string; clientId: Given; clientSecret: { env: string }; scope?: string }

/** The same with what the environment says put in: nothing is left to be looked up. */
export interface KafkaSettings {
  brokers: string[]
  /** PEM texts. Undefined: connections are plain. */
  tls: { ca?: string; cert?: string; key?: string; keyPassword?: string } | undefined
  sasl:
    | { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string }
    | { mechanism: 'oauthbearer'; token: string }
    | { mechanism: 'oauthbearer'; tokenUrl: string; clientId: string; clientSecret: string; scope: string | undefined }
    | undefined
}

/** A schema registry. */
export interface RegistryAccess {
  url: Given
  username?: Given
  password?: { env: string }
}

export interface RegistrySettings {
  url: string
  username: string | undefined
  password: string | undefined
}

export type PayloadFormat = 'json' | 'avro' | 'protobuf' | 'string'

export interface MessageFormat {
  /** Of values. With a registry they begin with Confluent's five bytes, which name their schema. */
  value: PayloadFormat
  /** Of keys. */
  key: PayloadFormat
  /** What surrounds a row: nothing, or Debezium's before and after. */
  envelope: 'debezium' | undefined
}

/** What of a message beside its value a schema can ask for. */
export type MessagePart = 'key' | 'headers' | 'timestamp' | 'partition' | 'offset'

/** How messages become rows of the archive. */
export interface KafkaLanding {
  topic: string
  /** The gate: judges each row as it comes. */
  schema: RowSchema
  eventTime: EventTime
  /** IANA zone of timestamps that carry no offset. */
  zone?: string
  format: MessageFormat
  access: KafkaAccess
  registry?: RegistryAccess
  /** Columns that are filled from the message, not from its value. */
  parts: Partial<Record<MessagePart, string>>
  /** Of a message without a value: refused, passed over, or a retraction of the rows that have its key. */
  tombstones: 'reject' | 'ignore' | 'retract'
  /** The share of what a landing reads that may be refused; above it nothing lands. */
  maxRejected: number
  /** Where to begin with partitions that no landing has read. */
  start: 'earliest' | 'latest'
  /** A row is a repeat, and does not land, where one with equal values of `by` has landed, or lands with it, whose event is at most `within` away. */
  dedupe?: { by: string[]; within: Duration }
  client: 'platformatic' | 'kafkajs'
}

/** Columns of an archive beside those of its schema. */
export const ARCHIVE_COLUMNS = {
  /** The UTC date of the event: the table is partitioned by it. */
  date: 'event_date',
  eventTime: '_event_time',
  landedAt: '_landed_at',
  /** Landings of the archive are numbered from 1: this is the one that has brought the row. */
  landing: '_landing',
  topicId: '_topic_id',
  /** Topics of the source's name are numbered from 1: offsets of a later one begin anew. */
  topic: '_topic',
  partition: '_partition',
  offset: '_offset',
  /** True: the row takes back those of its key. */
  retracts: '_retracts',
} as const
