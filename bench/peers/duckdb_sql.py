"""Job 1 in SQL on DuckDB: daily partial aggregates, then a join of each cutoff with the days of its window."""

import sys

import duckdb

source, target = sys.argv[1:3]
connection = duckdb.connect()
connection.execute('SET threads = 2')
connection.execute(f"""
    CREATE TEMP TABLE judged AS
    SELECT *, coalesce(date IS NOT NULL AND delay BETWEEN -1500 AND 3000 AND distance >= 0
                       AND length(origin) = 3 AND length(destination) = 3, false) AS valid
    FROM read_parquet('{source}')
""")
connection.execute(f"COPY (FROM judged WHERE NOT valid) TO '{target}.rejected.parquet' (FORMAT parquet)")
connection.execute("""
    CREATE TEMP TABLE days AS
    SELECT origin, date::DATE AS day, destination, count(*) AS n, sum(delay)::DOUBLE AS total,
           sum(delay::DOUBLE * delay) AS squares, max(delay) AS worst, count(*) FILTER (delay > 15) AS late
    FROM judged WHERE valid GROUP BY ALL
""")
connection.execute("""
    CREATE TEMP TABLE cutoffs AS
    SELECT unnest(generate_series(DATE '2001-01-02', DATE '2001-07-01', INTERVAL 1 DAY))::DATE AS cutoff
""")
connection.execute(f"""
    COPY (
        SELECT origin, cutoff, length, sum(n)::BIGINT AS flights, sum(total) / sum(n) AS delay_mean, max(worst) AS delay_max,
               CASE WHEN sum(n) > 1
                    THEN sqrt(greatest(sum(squares) - sum(total) ** 2 / sum(n), 0) / (sum(n) - 1)) END AS delay_stddev,
               sum(late) / sum(n) AS late_share, count(DISTINCT destination) AS destinations
        FROM cutoffs
        CROSS JOIN (VALUES (1), (7), (30)) AS windows(length)
        JOIN days ON day < cutoff AND day >= cutoff - length
        GROUP BY ALL
    ) TO '{target}.parquet' (FORMAT parquet)
""")

