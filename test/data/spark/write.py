"""Writes the files beside this script: small ones as Spark writes them. Run with pyspark 4.1.4 and Java 17:

    SPARK_LOCAL_IP=127.0.0.1 python write.py
"""
import pathlib
import shutil
import tempfile

from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).parent
ROWS = 1000
COLUMNS = [
    "id",
    "concat('town ', id % 7) AS town",
    "IF(id % 5 = 0, NULL, CAST(id * 7 % 40 AS INT)) AS amount",
    "CAST(id % 9 AS DECIMAL(12, 2)) AS price",
    "timestamp_seconds(1700000000 + id % 50) AS time",
    "IF(id % 4 = 0, NULL, array(named_struct('k', id % 3, 'v', concat('v', id % 2)))) AS items",
    "map(concat('m', id % 2), id % 4) AS tags",
]

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.conf.set("spark.sql.session.timeZone", "UTC")
for version in ["v1", "v2"]:
    for codec in ["uncompressed", "snappy", "gzip", "zstd", "lz4raw"]:
        for legacy in [False, True] if codec == "snappy" else [False]:
            frame = spark.range(0, ROWS // 3 if codec in ["uncompressed", "zstd"] else ROWS, 1, 1).selectExpr(*COLUMNS)
            name = f"{version}-{codec}{'-legacy' if legacy else ''}.parquet"
            spark.conf.set("spark.sql.parquet.writeLegacyFormat", legacy)
            with tempfile.TemporaryDirectory() as folder:
                writer = frame.write.mode("overwrite").option("compression", "lz4_raw" if codec == "lz4raw" else codec)
                writer = writer.option("parquet.writer.version", version).option("parquet.page.row.count.limit", 400)
                if codec == "zstd":
                    # Three row groups or so.
                    writer = writer.option("parquet.block.size", 12_000)
                if codec == "gzip":
                    writer = writer.option("parquet.bloom.filter.enabled#id", "true")
                    writer = writer.option("parquet.bloom.filter.max.bytes", 128)
                writer.parquet(folder)
                [part] = pathlib.Path(folder).glob("part-*.parquet")
                shutil.copyfile(part, HERE / name)
spark.stop()
