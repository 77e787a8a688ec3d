// The usual code: kafkajs, JSON.parse, zod for each message, DuckDB's appender for each row, and a Parquet file at the end.
// node kafkajs_loop.js <brokers> <topic> <messages> <file>
import { DuckDBInstance, DuckDBTimestampValue } from '@duckdb/node-api'
import { Kafka, logLevel } from 'kafkajs'
import { payment } from '../projects/topic/schemas/payment.ts'

const [brokers, topic, total, file] = process.argv.slice(2)
const connection = await (await DuckDBInstance.create(':memory:')).connect()
await connection.run(`CREATE TABLE payments (id VARCHAR, customer VARCHAR, "at" TIMESTAMP, amount BIGINT, currency VARCHAR,
  country VARCHAR, channel VARCHAR, note VARCHAR, "partition" INTEGER, "offset" BIGINT)`)
const appender = await connection.createAppender('payments')

const consumer = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).consumer({
  groupId: `bench-${process.pid}`,
})
await consumer.connect()
await consumer.subscribe({ topic, fromBeginning: true })
let seen = 0
let refused = 0
await new Promise((resolve, reject) => {
  consumer
    .run({
      partitionsConsumedConcurrently: 3,
      eachBatch: async ({ batch }) => {
        for (const { value, offset } of batch.messages) {
          const result = payment.safeParse(JSON.parse(value.toString()))
          if (result.success) {
            const { id, customer, at, amount, currency, country, channel, note } = result.data
            appender.appendVarchar(id)
            appender.appendVarchar(customer)
            appender.appendTimestamp(new DuckDBTimestampValue(BigInt(Date.parse(at)) * 1000n))
            appender.appendBigInt(BigInt(amount))
            appender.appendVarchar(currency)
            appender.appendVarchar(country)
            appender.appendVarchar(channel)
            appender.appendVarchar(note)
            appender.appendInteger(batch.partition)
            appender.appendBigInt(BigInt(offset))
            appender.endRow()
          } else refused++
          if (++seen === Number(total)) resolve()
        }
      },
    })
    .catch(reject)
})
appender.closeSync()
await connection.run(`COPY payments TO '${file}' (FORMAT parquet, COMPRESSION zstd)`)
if (refused > 0) throw new Error(`${refused} were refused`)
process.exit(0)
