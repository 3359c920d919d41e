"""`labelfix.batch_corrector` on Ray Data and Spark on this machine, with one worker and with two, beside one process.

    OMP_NUM_THREADS=1 python tests/measure/engines.py ROWS [--rounds N] [--ways WAY ...]

Rows are those of `streaming.py`: ids, labels of ten classes, 64 numbers each. Every way is a process of its own, in
turn; the seconds of starting (the engine, its workers, and the run in each, by a first pass over a sample) are told
apart from those of the work. What comes out is held against `labelfix correct`. Needs ray and pyspark with Java; a way
whose package is not there is left out.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
from streaming import make, train

BATCH = 8192
WAYS = ("labelfix correct", "one process", "ray 1", "ray 2", "spark 1", "spark 2")
DROPPED = ["source_file", "source_row"]


def correct(folder):
    """The command, start included."""
    started = perf_counter()
    words = ["correct", "--run", folder / "run", "--noisy", folder / "rows.parquet", "--overwrite", "--quiet"]
    command = [sys.executable, "-m", "labelfix", *words, "--out", folder / "wanted.parquet"]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return 0.0, perf_counter() - started


def one_process(folder):
    """Batch by batch, here."""
    import labelfix

    started = perf_counter()
    corrector = labelfix.batch_corrector(folder / "run")
    schema = corrector.schema(pq.read_schema(folder / "rows.parquet"))
    ready = perf_counter()
    out = folder / "out.parquet"
    with pq.ParquetFile(folder / "rows.parquet") as rows, pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in corrector(rows.iter_batches(BATCH)):
            writer.write_batch(batch)
    return ready - started, perf_counter() - ready


def on_ray(folder, workers):
    """Ray Data with so many workers."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    started = perf_counter()
    import ray

    import labelfix

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    corrector = labelfix.batch_corrector(folder / "run", device="cpu")

    def scored(name, blocks):
        rows = ray.data.read_parquet(str(folder / name), override_num_blocks=blocks)
        return rows.map_batches(corrector, batch_format="pyarrow", batch_size=BATCH)

    scored("sample.parquet", 4 * workers).materialize()
    ready = perf_counter()
    scored("rows.parquet", 8 * workers).write_parquet(str(folder / "out"))
    return ready - started, perf_counter() - ready


def on_spark(folder, workers):
    """Spark with so many threads."""
    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    started = perf_counter()
    from pyspark.sql import SparkSession
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

    import labelfix

    builder = SparkSession.builder.master(f"local[{workers}]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    builder = builder.config("spark.driver.memory", "2g")
    spark = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", str(BATCH)).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    corrector = labelfix.batch_corrector(folder / "run", device="cpu")
    sample, rows = (spark.read.parquet(str(folder / name)) for name in ("sample.parquet", "rows.parquet"))
    schema = from_arrow_schema(corrector.schema(to_arrow_schema(rows.schema)))
    sample.repartition(2 * workers).mapInArrow(corrector, schema).write.parquet(str(folder / "first"))
    ready = perf_counter()
    rows.mapInArrow(corrector, schema).write.parquet(str(folder / "out"))
    return ready - started, perf_counter() - ready


def timed(way, folder):
    engine, _, workers = way.partition(" ")
    if engine == "ray":
        return on_ray(folder, int(workers))
    if engine == "spark":
        return on_spark(folder, int(workers))
    return correct(folder) if engine == "labelfix" else one_process(folder)


def same(folder):
    """What the way wrote beside what the command wrote."""
    wanted = pq.read_table(folder / "wanted.parquet").drop_columns(DROPPED).replace_schema_metadata(None)
    found = next((place for place in (folder / "out", folder / "out.parquet") if place.exists()), None)
    if found is None:
        return ""
    table = pq.read_table(found).cast(wanted.schema)
    order = pc.sort_indices(table["id"].cast(pa.int64()))
    return "the same rows" if table.take(order).equals(wanted) else "OTHER ROWS"


def in_a_process(way, folder):
    for name in ("out", "out.parquet", "first"):
        subprocess.run(["rm", "-rf", str(folder / name)], check=True)
    words = [sys.executable, __file__, "0", "--one", way, "--folder", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{way}: left out ({done.stderr.strip().splitlines()[-1][:100]})")
        return None
    start, work = json.loads(done.stdout.splitlines()[-1])
    return start, work


def versions():
    found = []
    for name in ("pyarrow", "numpy", "ray", "pyspark"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", default=WAYS)
    parser.add_argument("--one", default=None)
    parser.add_argument("--folder", default=None)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(timed(asked.one, Path(asked.folder))))
        return
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions()}", flush=True)
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        make(folder / "rows.parquet", asked.rows)
        train(folder)
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in asked.ways}
        told = dict.fromkeys(asked.ways, "")
        for _ in range(asked.rounds):
            for way in asked.ways:
                seconds = in_a_process(way, folder)
                if seconds is not None:
                    print(f"  {way}: {seconds[0]:.1f} s and {seconds[1]:.1f} s", flush=True)
                    found[way].append(seconds)
                    told[way] = same(folder)
        for way, rounds in found.items():
            if rounds:
                start, work = (statistics.median(column) for column in zip(*rounds, strict=True))
                spread = f"{min(work for _, work in rounds):.1f} to {max(work for _, work in rounds):.1f}"
                speed = asked.rows / work
                print(
                    f"{way:18s} start {start:5.1f} s, work {work:6.1f} s ({spread}), {speed:9,.0f} rows/s  {told[way]}"
                )


if __name__ == "__main__":
    main()
