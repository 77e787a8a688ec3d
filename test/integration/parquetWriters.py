"""Writes into a folder Parquet files in the codecs, encodings and layouts that Python's writers have."""
import datetime
import decimal
import itertools
import sys

import polars
import pyarrow
import pyarrow.parquet

FOLDER = sys.argv[1]
ROWS = 300


def some(at, value):
    return None if at % 5 == 0 else value


START = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
COLUMNS = {
    "id": pyarrow.array(range(ROWS), pyarrow.int64()),
    "town": pyarrow.array([some(at, f"town {at % 7}") for at in range(ROWS)], pyarrow.string()),
    "flag": pyarrow.array([at % 3 == 0 for at in range(ROWS)], pyarrow.bool_()),
    "price": pyarrow.array([some(at, decimal.Decimal(at) / 100) for at in range(ROWS)], pyarrow.decimal128(9, 2)),
    "time": pyarrow.array([START + datetime.timedelta(seconds=at) for at in range(ROWS)], pyarrow.timestamp("us", "UTC")),
    "ratio": pyarrow.array([at / 7 for at in range(ROWS)], pyarrow.float64()),
}
MORE = {
    "wide": pyarrow.array([decimal.Decimal(at) ** 5 for at in range(ROWS)], pyarrow.decimal128(38, 3)),
    "nanos": pyarrow.array(range(ROWS), pyarrow.timestamp("ns")),
    "day": pyarrow.array([some(at, at) for at in range(ROWS)], pyarrow.date32()),
    "small": pyarrow.array([at % 200 for at in range(ROWS)], pyarrow.uint8()),
    "half": pyarrow.array([at / 2 for at in range(ROWS)], pyarrow.float16()),
    "blob": pyarrow.array([bytes([at % 256]) * 9 for at in range(ROWS)], pyarrow.binary(9)),
    "coded": pyarrow.array([f"c{at % 4}" for at in range(ROWS)]).dictionary_encode(),
    "large": pyarrow.array([f"l{at}" for at in range(ROWS)], pyarrow.large_string()),
    "took": pyarrow.array(range(ROWS), pyarrow.duration("us")),
    "clock": pyarrow.array(range(ROWS), pyarrow.time64("us")),
    "items": pyarrow.array(
        [some(at, [{"k": at, "v": [f"{at}"] * (at % 3)}] * (at % 4)) for at in range(ROWS)],
        pyarrow.list_(pyarrow.struct([("k", pyarrow.int32()), ("v", pyarrow.list_(pyarrow.string()))])),
    ),
    "tags": pyarrow.array([[(f"t{at % 2}", at)] for at in range(ROWS)], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
    "nothing": pyarrow.array([None] * ROWS, pyarrow.int32()),
}
NARROW = pyarrow.table(COLUMNS)
WIDE = pyarrow.table({**COLUMNS, **MORE})


def write(name, table=NARROW, **options):
    pyarrow.parquet.write_table(table, f"{FOLDER}/pyarrow-{name}.parquet", row_group_size=128, **options)


for codec, version in itertools.product(["none", "snappy", "gzip", "zstd", "lz4", "brotli"], ["1.0", "2.0"]):
    write(f"{codec}-{version}", NARROW.select(["id", "town", "price", "time"]), compression=codec, data_page_version=version, data_page_size=256)
write("wide", WIDE)
write("wide-pages", WIDE, write_page_index=True, write_page_checksum=True, data_page_version="2.0", data_page_size=512)
write("sorted", sorting_columns=[pyarrow.parquet.SortingColumn(0)], store_schema=False, write_statistics=False)
write("mixed", use_dictionary=["town"], compression={"town": "zstd", "id": "gzip", "flag": "none"}, store_decimal_as_integer=True)
write("flba", pyarrow.table({"a": COLUMNS["price"], "b": MORE["blob"]}), use_dictionary=False)
for version, encodings in itertools.product(
    ["1.0", "2.0"],
    [
        {"id": "DELTA_BINARY_PACKED", "time": "DELTA_BINARY_PACKED", "town": "DELTA_LENGTH_BYTE_ARRAY", "flag": "RLE"},
        {"town": "DELTA_BYTE_ARRAY", "ratio": "BYTE_STREAM_SPLIT"},
    ],
):
    name = f"{'delta' if 'time' in encodings else 'split'}-{version}"
    write(name, use_dictionary=False, column_encoding=encodings, data_page_version=version, write_page_index=True)
write("empty", NARROW.slice(0, 0))
geo = '{"version":"1.0.0","primary_column":"place","columns":{"place":{"encoding":"WKB","geometry_types":["Point"]}}}'
point = bytes.fromhex("0101000000000000000000f03f0000000000000040")
place = pyarrow.table({"id": COLUMNS["id"], "place": pyarrow.array([point] * ROWS, pyarrow.binary())})
write("geo", place.replace_schema_metadata({"geo": geo}))
NARROW.to_pandas().set_index("town").to_parquet(f"{FOLDER}/pandas.parquet", compression="snappy")

frame = polars.from_arrow(pyarrow.table({**COLUMNS, **{name: MORE[name] for name in ["coded", "items", "day", "nothing"]}}))
for codec in ["uncompressed", "snappy", "gzip", "zstd", "lz4", "brotli"]:
    frame.write_parquet(f"{FOLDER}/polars-{codec}.parquet", compression=codec, row_group_size=100, data_page_size=256)
frame.select("id", "town").write_parquet(f"{FOLDER}/polars-plain.parquet", statistics=False)
