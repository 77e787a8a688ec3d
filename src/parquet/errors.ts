/** Why a file's columns cannot be taken out of it one by one. */

/**
 * - `empty`: shorter than any Parquet file.
 * - `foreign`: not a Parquet file.
 * - `damaged`: its footer contradicts itself or the file.
 * - `encrypted`: it has parts that only a key opens.
 * - `elsewhere`: values lie in other files.
 * - `unsure`: its writer is known to have counted bytes wrongly.
 */
export type ParquetFault = 'empty' | 'foreign' | 'damaged' | 'encrypted' | 'elsewhere' | 'unsure'

export class ParquetError extends Error {
  override readonly name = 'ParquetError'
  readonly fault: ParquetFault

  constructor(fault: ParquetFault, message: string) {
    super(message)
    this.fault = fault
  }
}

export const damaged = (what: string): ParquetError => new ParquetError('damaged', `damaged Parquet file: ${what}`)
