"""Rows a second and peak memory of `correct`, `predict`, `flag` and `export` on many rows, by number of rows.

    OMP_NUM_THREADS=1 python tests/measure/streaming.py ROWS [ROWS ...] [--folder DIR] [--rounds N]

Writes a Parquet file of ids, labels of ten classes and 64-dimensional embeddings, block by block (260 MB a million
rows), trains on a sample of it, and runs every command as a process of its own, whose peak memory is its own.
Beside the time on the clock stands the processor's own, which other work on the machine hardly touches.
`export` is timed in turn with plain pyarrow copying the same table: batch by batch with the compression that labelfix
writes (zstd) and with pyarrow's own (snappy), and as one table in memory. The folder is removed at the end.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WIDTH, CLASSES, TRUSTED, SAMPLE, BLOCK = 64, 10, 300, 20_000, 65_536
NOISE = 0.2

COPY = """
import sys
import pyarrow.parquet as pq
source, out, codec = sys.argv[1:]
with pq.ParquetFile(source, pre_buffer=False) as table:
    with pq.ParquetWriter(out, table.schema_arrow, compression=codec) as writer:
        for batch in table.iter_batches(65536):
            writer.write_batch(batch)
"""
COPY_WHOLE = """
import sys
import pyarrow.parquet as pq
pq.write_table(pq.read_table(sys.argv[1]), sys.argv[2], compression=sys.argv[3])
"""


def names():
    return [f"class{code}" for code in range(CLASSES)]


def block(generator, centres, first, rows):
    """Some rows: ids, embeddings around one centre a class, given labels, and the truth."""
    truth = generator.integers(0, CLASSES, rows)
    drawn = generator.integers(0, CLASSES, rows)
    given = np.where(generator.random(rows) < NOISE, drawn, truth)
    features = centres[truth] + generator.standard_normal((rows, WIDTH), dtype=np.float32)
    table = pa.table(
        {
            "id": pa.array(np.arange(first, first + rows)).cast(pa.string()),
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(features.reshape(-1)), WIDTH),
            "label": pa.array(names()).take(pa.array(given)),
        }
    )
    return table, truth


def make(path, rows):
    """Write the rows; the first of them, with their truth, as a sample to train on."""
    generator = np.random.default_rng(0)
    centres = generator.normal(scale=0.5, size=(CLASSES, WIDTH)).astype(np.float32)
    with pq.ParquetWriter(path, block(generator, centres, 0, 1)[0].schema) as writer:
        for first in range(0, rows, BLOCK):
            table, truth = block(generator, centres, first, min(BLOCK, rows - first))
            writer.write_table(table)
            if first == 0:
                pq.write_table(table.slice(0, SAMPLE), path.with_name("sample.parquet"))
                gold = {"id": table["id"][:TRUSTED], "label": [names()[code] for code in truth[:TRUSTED]]}
                pq.write_table(pa.table(gold), path.with_name("gold.parquet"))


def measured(*words):
    """Seconds, seconds of the processor, and peak memory (GB) of one process."""
    started = perf_counter()
    process = subprocess.Popen([sys.executable, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(map(str, words))} failed:\n{said}")
    return perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6


def train(folder):
    words = ("train", "--noisy", folder / "sample.parquet", "--clean", folder / "gold.parquet", "--quiet")
    measured("-m", "labelfix", *words, "--out", folder / "run", "--cache-dir", folder / "cache")


def as_trained_on(run, source, rows):
    """Let the run be one on the whole file: `correct` has written its labels, the manifest says its name and hash."""
    from labelfix.data.formats import open_table

    table = open_table(str(source))
    manifest = json.loads((run / "run.json").read_text())
    told = {"name": str(source), "files": list(table.files), "content_hash": table.content_hash(), "rows": rows}
    manifest["data"]["noisy"] |= told
    (run / "run.json").write_text(json.dumps(manifest))


def line(rows, what, seconds, busy, peak, more=""):
    speed = f"{seconds:7.1f} s {rows / seconds:11,.0f} rows/s, busy {busy:7.1f} s {rows / busy:11,.0f} rows/s"
    print(f"{rows:>12,} rows  {what:28s} {speed}  {peak:5.2f} GB  {more}", flush=True)


def measure(rows, folder, rounds):
    """All commands on so many rows."""
    source, run, out = folder / "rows.parquet", folder / "run", folder / "out.parquet"
    make(source, rows)
    train(folder)
    labels = run / "corrected.parquet"
    labelfix, rest = ("-m", "labelfix"), ("--run", run, "--cache-dir", folder / "cache", "--quiet")
    predicted = measured(*labelfix, "predict", *rest, "--input", source, "--out", out)
    line(rows, "predict", *predicted)
    line(rows, "correct", *measured(*labelfix, "correct", *rest, "--noisy", source, "--out", out, "--overwrite"))
    out.replace(labels)
    as_trained_on(run, source, rows)
    line(rows, "flag", *measured(*labelfix, "flag", "--run", run))
    line(rows, "flag --min-confidence 0.9", *measured(*labelfix, "flag", "--run", run, "--min-confidence", "0.9"))
    ways = {
        "export": (*labelfix, "export", "--run", run, "--corrected-labels", out, "--quiet"),
        "pyarrow, by batches, zstd": ("-c", COPY, source, out, "zstd"),
        "pyarrow, by batches, snappy": ("-c", COPY, source, out, "snappy"),
        "pyarrow, one table, snappy": ("-c", COPY_WHOLE, source, out, "snappy"),
    }
    found = {way: [] for way in ways}
    for _ in range(rounds):
        for way, words in ways.items():
            found[way].append(measured(*words))
            out.unlink()
    medians = {way: np.median([times[:2] for times in found[way]], axis=0) for way in ways}
    for way, (seconds, busy) in medians.items():
        ratios = " and ".join(f"{ratio:.2f}" for ratio in (seconds, busy) / medians["export"])
        more = "" if way == "export" else f"export runs at {ratios} (busy) of this"
        line(rows, way, seconds, busy, max(peak for *_, peak in found[way]), more)
    details = measured(*labelfix, "export", "--run", run, "--corrected-labels", out, "--details", "--quiet")
    line(rows, "export --details", *details)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=int, nargs="+")
    parser.add_argument("--folder", default=None)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    for rows in asked.rows:
        folder = Path(tempfile.mkdtemp(prefix="labelfix-streaming-", dir=asked.folder))
        try:
            measure(rows, folder, asked.rounds)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
