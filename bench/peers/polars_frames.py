"""Job 1 on Polars: daily partial aggregates, then a rolling window over the days of each origin."""

import sys
from datetime import datetime

import polars as pl

source, target = sys.argv[1:3]
rows = pl.scan_parquet(source)
valid = (
    pl.col('date').is_not_null()
    & pl.col('delay').is_between(-1500, 3000)
    & (pl.col('distance') >= 0)
    & (pl.col('origin').str.len_chars() == 3)
    & (pl.col('destination').str.len_chars() == 3)
).fill_null(False)
rows.filter(~valid).sink_parquet(f'{target}.rejected.parquet')
days = (
    rows.filter(valid)
    .group_by('origin', pl.col('date').dt.truncate('1d').alias('day'), 'destination')
    .agg(
        n=pl.len(),
        total=pl.col('delay').cast(pl.Float64).sum(),
        squares=(pl.col('delay').cast(pl.Float64) ** 2).sum(),
        worst=pl.col('delay').max(),
        late=(pl.col('delay') > 15).sum(),
    )
    .collect()
)
cutoffs = pl.DataFrame({'cutoff': pl.datetime_range(datetime(2001, 1, 2), datetime(2001, 7, 1), '1d', eager=True)})
tables = []
for length in (1, 7, 30):
    # Each day counts for the `length` cutoffs after it.
    ages = pl.DataFrame({'age': list(range(1, length + 1))})
    counted = (
        days.lazy()
        .join(ages.lazy(), how='cross')
        .with_columns(cutoff=pl.col('day') + pl.duration(days=pl.col('age')))
        .join(cutoffs.lazy().with_columns(pl.col('cutoff').cast(days.schema['day'])), on='cutoff', how='semi')
        .group_by('origin', 'cutoff')
        .agg(
            flights=pl.col('n').sum(),
            total=pl.col('total').sum(),
            squares=pl.col('squares').sum(),
            delay_max=pl.col('worst').max(),
            late=pl.col('late').sum(),
            destinations=pl.col('destination').n_unique(),
        )
    )
    n = pl.col('flights')
    spread = (pl.col('squares') - pl.col('total') ** 2 / n).clip(0) / (n - 1)
    tables.append(
        counted.select(
            'origin',
            'cutoff',
            pl.lit(length).alias('length'),
            'flights',
            (pl.col('total') / n).alias('delay_mean'),
            'delay_max',
            pl.when(n > 1).then(spread.sqrt()).alias('delay_stddev'),
            (pl.col('late') / n).alias('late_share'),
            'destinations',
        ).collect()
    )
pl.concat(tables).write_parquet(f'{target}.parquet')
