// One day's file in SQL, by a Node process that opens DuckDB: what a daily job costs that keeps no windows.
import { DuckDBInstance } from '@duckdb/node-api'

const [source, target] = process.argv.slice(2)
const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect()
await connection.run(`COPY (
  SELECT origin, count(*) AS flights, avg(delay) AS delay_mean, max(delay) AS delay_max, stddev_samp(delay) AS delay_stddev,
         avg((delay > 15)::INTEGER) AS late_share, count(DISTINCT destination) AS destinations
  FROM read_parquet('${source}') GROUP BY origin ORDER BY origin
) TO '${target}' (FORMAT parquet)`)
