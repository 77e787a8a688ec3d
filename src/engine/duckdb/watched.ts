/** Statements whose progress is told while they run. */
import type { DuckDBConnection } from '@duckdb/node-api'

const EVERY_MS = 200

/** Makes the engine keep count of what its statements have done. */
export async function enableProgress(connection: DuckDBConnection): Promise<void> {
  await connection.run('SET enable_progress_bar = true')
  await connection.run('SET enable_progress_bar_print = false')
}

/** @param onShare is told the share that is done, from 0 to 1 */
export async function runWatched(connection: DuckDBConnection, sql: string, onShare: (share: number) => void): Promise<void> {
  const timer = setInterval(() => {
    const { percentage } = connection.progress
    if (percentage > 0) onShare(Math.min(percentage / 100, 1))
  }, EVERY_MS)
  try {
    await connection.run(sql)
  } finally {
    clearInterval(timer)
  }
}
