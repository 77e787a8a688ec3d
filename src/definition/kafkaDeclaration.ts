/** A Kafka topic as a source. Nothing is checked here: `resolveFeatureSet` reports all faults at once. */
import type { Given, PayloadFormat, SaslAccess, TlsAccess } from '../domain/kafkaSource.ts'
import type { DurationText } from './aggregations.ts'
import type { ColumnName, InstantColumn, NumberColumn, RowObject } from './rowTypes.ts'

export interface KafkaOptions<S extends RowObject> {
  /** One source per name, and its archive's: `archive/<name>/`. The same name with different options is refused. */
  name: string
  topic: string
  /** What a row must be; others are kept in `rejected/<name>/`. */
  schema: S
  /** The column that says when the row's event happened; for numbers since 1970 with their unit. */
  eventTime: InstantColumn<NoInfer<S>> | { column: NumberColumn<NoInfer<S>>; unit: 's' | 'ms' | 'us' }
  /** How values are written. 'string': the text is the column `value`. Default 'json'. */
  format?: PayloadFormat
  /** How keys are written. Default 'string'. */
  key?: PayloadFormat
  /** Values are Debezium's change events: what they hold `after` is a row, what they held `before` is taken back. */
  envelope?: 'debezium'
  /**
   * The schema registry, which 'avro' and 'protobuf' need: its address, or true for that of SCHEMA_REGISTRY_URL. With 'json' it says
   * that messages begin with Confluent's five bytes.
   */
  registry?: string | true | { url?: Given; username?: Given; password?: { env: string } }
  /** `host:port` of some brokers, or the variable that has them, separated by commas. Default: KAFKA_BROKERS or KAFKA_BOOTSTRAP_SERVERS. */
  brokers?: readonly string[] | { env: string }
  /** Connections are encrypted. Paths are relative to the project. Default: as KAFKA_SECURITY_PROTOCOL and KAFKA_SSL_* say. */
  tls?: true | TlsAccess
  /** Default: as the KAFKA_SASL_* variables say. */
  sasl?: SaslAccess
  /** Columns that are filled from the message, not from its value. */
  message?: {
    key?: ColumnName<NoInfer<S>>
    /** A record of texts. */
    headers?: ColumnName<NoInfer<S>>
    timestamp?: InstantColumn<NoInfer<S>>
    partition?: NumberColumn<NoInfer<S>>
    offset?: NumberColumn<NoInfer<S>>
  }
  /** Columns whose equal values make two rows one: the one known last stays. Default: rows count as they come. */
  rowKey?: readonly ColumnName<NoInfer<S>>[]
  /** The column that says when the pipeline could have used the row. Default: none; the moment it landed where a set is 'asKnown'. */
  knownTime?: InstantColumn<NoInfer<S>>
  /** The IANA zone of timestamps that carry no offset. Default: none; such a row is refused. */
  zone?: string
  /** What a message without a value is: refused, passed over, or the end of the row with its key. Default 'reject', with an envelope 'ignore'. */
  tombstones?: 'reject' | 'ignore' | 'retract'
  /** A row with the same values as one that has landed, whose event is at most so far from its own, does not land again. */
  dedupe?: { by: ColumnName<NoInfer<S>> | readonly ColumnName<NoInfer<S>>[]; within: DurationText }
  /** The share of what a landing reads, 0 to 1, that may be rejected: above it nothing lands. Default 1, since what is rejected is kept. */
  maxRejected?: number
  /** Where to begin with a partition that was never read. Default 'earliest'. */
  start?: 'earliest' | 'latest'
  /** The library that makes the connections over which messages come. Both come with quern. Default 'platformatic'. */
  client?: 'platformatic' | 'kafkajs'
}

export interface KafkaDeclaration<S extends RowObject = RowObject> {
  readonly kind: 'kafka'
  readonly options: KafkaOptions<S>
}

/** A topic whose messages land, each once, in the table `archive/<name>/`, which feature sets read. */
export function kafka<S extends RowObject>(options: KafkaOptions<S>): KafkaDeclaration<S> {
  return { kind: 'kafka', options }
}
