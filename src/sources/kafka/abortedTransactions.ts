/**
 * Which batches of a reading count: those of transactions that were given up do not.
 *
 * A broker that is asked for committed messages still sends all batches, and with them which producers' transactions were given up. The
 * way to read that is the one of Kafka's own client (KIP-98, `Fetcher.PartitionRecords`): walk in order, with the transactions that
 * have begun and not ended. The filter of @platformatic/kafka 2.12.1 keeps one range for each producer, so that of two transactions that
 * one producer gave up it lets the first pass, and where an abort marker stands alone drops what was committed before it.
 */
import { isAbort, type RecordBatch } from './recordBatches.ts'

export interface AbortedTransaction {
  producerId: bigint
  /** Of its first message in the partition. */
  firstOffset: bigint
}

/** The batches that count, of those that one answer holds; `aborted` is what the same answer says of them, in any order. */
export function countingBatches(batches: readonly RecordBatch[], aborted: readonly AbortedTransaction[]): RecordBatch[] {
  const coming = aborted.toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : a.firstOffset > b.firstOffset ? 1 : 0))
  const givenUp = new Set<bigint>()
  let begun = 0
  return batches.filter(batch => {
    for (; begun < coming.length && coming[begun]!.firstOffset <= batch.lastOffset; begun++)
      givenUp.add(coming[begun]!.producerId)
    if (batch.control) {
      if (isAbort(batch)) givenUp.delete(batch.producerId)
      return false
    }
    return !(batch.transactional && givenUp.has(batch.producerId))
  })
}
