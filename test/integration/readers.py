"""Reads a Delta table's versions with each library and prints the rows as plain JSON, a line for each reader and version.

usage: readers.py TABLE VERSION...
"""

import datetime
import decimal
import glob
import json
import os
import sys

import deltalake
import duckdb
import duckdb_ext
import pandas
import polars

table, versions = sys.argv[1], [int(text) for text in sys.argv[2:]]


def of_deltalake(version):
    return deltalake.DeltaTable(table, version=version).to_pyarrow_table().to_pylist()


def of_pandas(version):
    frame = deltalake.DeltaTable(table, version=version).to_pyarrow_table().to_pandas(types_mapper=pandas.ArrowDtype)
    frame = frame.astype(object).where(frame.notna(), None)
    return frame.to_dict('records')


def of_polars(version):
    return polars.read_delta(table, version=version).to_dicts()


extension = glob.glob(os.path.join(list(duckdb_ext.__path__)[0], 'extensions', '*', '*', 'delta.duckdb_extension'))[0]
connection = duckdb.connect(config={'allow_unsigned_extensions': 'true'})
connection.execute(f"LOAD '{extension}'")
connection.execute("SET TimeZone = 'UTC'")


def of_duckdb(version):
    connection.execute(f"ATTACH '{table}' AS t{version} (TYPE delta, VERSION {version})")
    return connection.sql(f'SELECT * FROM t{version}').to_arrow_table().to_pylist()


def plain(value):
    if isinstance(value, datetime.datetime):
        assert value.utcoffset() == datetime.timedelta(0), value
        return value.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
    if isinstance(value, decimal.Decimal):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.item()


for name, read in [('deltalake', of_deltalake), ('pandas', of_pandas), ('polars', of_polars), ('duckdb', of_duckdb)]:
    for version in versions:
        rows = [{column: plain(value) for column, value in row.items()} for row in read(version)]
        print(json.dumps({'reader': name, 'version': version, 'rows': rows}))
