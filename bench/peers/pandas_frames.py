"""Job 1 on pandas: daily partial aggregates, then each day repeated for the cutoffs that count it."""

import sys

import numpy as np
import pandas as pd

source, target = sys.argv[1:3]
rows = pd.read_parquet(source)
valid = (
    rows['date'].notna()
    & rows['delay'].between(-1500, 3000)
    & (rows['distance'] >= 0)
    & (rows['origin'].str.len() == 3)
    & (rows['destination'].str.len() == 3)
)
rows[~valid].to_parquet(f'{target}.rejected.parquet')
rows = rows[valid]
rows = rows.assign(day=rows['date'].dt.floor('D'), squares=rows['delay'].astype('float64') ** 2, late=rows['delay'] > 15)
days = rows.groupby(['origin', 'day', 'destination'], observed=True, as_index=False).agg(
    n=('delay', 'size'), total=('delay', 'sum'), squares=('squares', 'sum'), worst=('delay', 'max'), late=('late', 'sum')
)
tables = []
for length in (1, 7, 30):
    counted = days.loc[days.index.repeat(length)].reset_index(drop=True)
    ages = pd.to_timedelta(np.tile(np.arange(1, length + 1), len(days)), unit='D')
    counted['cutoff'] = counted['day'] + ages
    counted = counted[counted['cutoff'].between('2001-01-02', '2001-07-01')]
    windows = counted.groupby(['origin', 'cutoff'], observed=True).agg(
        flights=('n', 'sum'),
        total=('total', 'sum'),
        squares=('squares', 'sum'),
        delay_max=('worst', 'max'),
        late=('late', 'sum'),
        destinations=('destination', 'nunique'),
    )
    n = windows['flights']
    spread = (windows['squares'] - windows['total'] ** 2 / n).clip(lower=0) / (n - 1)
    windows['delay_mean'] = windows['total'] / n
    windows['delay_stddev'] = np.sqrt(spread.where(n > 1))
    windows['late_share'] = windows['late'] / n
    windows['length'] = length
    tables.append(windows.drop(columns=['total', 'squares', 'late']).reset_index())
pd.concat(tables).to_parquet(f'{target}.parquet')
