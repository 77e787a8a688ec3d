"""Says of each file of some columns whether other readers find the same in it: `original`, `part` and `columns` a line."""
import json
import sys

import polars
import pyarrow.parquet

for line in sys.stdin:
    pair = json.loads(line)
    original, part, columns = pair["original"], pair["part"], pair["columns"]
    expected = pyarrow.parquet.read_table(original, columns=columns).select(columns).to_pylist()
    # Checksums are of pages, which are the same ones.
    found = pyarrow.parquet.read_table(part, page_checksum_verification=True)
    assert found.column_names == columns and found.to_pylist() == expected, f"pyarrow: {line}"
    assert polars.read_parquet(part).select(columns).to_dicts() == polars.read_parquet(original, columns=columns).select(
        columns
    ).to_dicts(), f"polars: {line}"
    print("same")
