"""Reads a Delta table's versions with each library and prints the rows as plain JSON, a line for each reader and version.

usage: readers.py TABLE VERSION...

A table in a bucket is reached as the environment says: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
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
options = {}
if table.startswith('s3://'):
    options = {'AWS_ENDPOINT_URL': os.environ['AWS_ENDPOINT_URL'], 'AWS_ALLOW_HTTP': 'true'}


def of_deltalake(version):
    return deltalake.DeltaTable(table, version=version, storage_options=options).to_pyarrow_table().to_pylist()


def of_pandas(version):
    of_version = deltalake.DeltaTable(table, version=version, storage_options=options)
    frame = of_version.to_pyarrow_table().to_pandas(types_mapper=pandas.ArrowDtype)
    frame = frame.astype(object).where(frame.notna(), None)
    return frame.to_dict('records')


def of_polars(version):
    return polars.read_delta(table, version=version, storage_options=options).to_dicts()


def extension(name):
    folders = [os.path.join(path, 'extensions', '*', '*', f'{name}.duckdb_extension') for path in duckdb_ext.__path__]
    return [path for folder in folders for path in glob.glob(folder)][0]


connection = duckdb.connect(config={'allow_unsigned_extensions': 'true'})
connection.execute(f"LOAD '{extension('delta')}'")
if options:
    connection.execute(f"LOAD '{extension('httpfs')}'")
    endpoint = os.environ['AWS_ENDPOINT_URL'].removeprefix('http://')
    key, secret = os.environ['AWS_ACCESS_KEY_ID'], os.environ['AWS_SECRET_ACCESS_KEY']
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', REGION 'us-east-1',"
        f" ENDPOINT '{endpoint}', URL_STYLE 'path', USE_SSL false)"
    )
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
