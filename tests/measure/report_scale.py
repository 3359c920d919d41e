"""Seconds and memory of `report` on a run of many rows.

    python tests/measure/report_scale.py 100000

Makes a table of that many rows with 20 columns in five classes, a tenth of the labels wrong, trains on it, and runs
`labelfix report` in a process of its own.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def main(rows):
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 5, rows)
    x = generator.normal(0, 1, (rows, 20)).astype(np.float32)
    x[:, :5] += 3 * np.eye(5, dtype=np.float32)[truth]
    given = np.where(generator.random(rows) < 0.1, generator.integers(0, 5, rows), truth)
    names = np.array(["one", "two", "three", "four", "five"])
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        columns = {f"x{i}": x[:, i] for i in range(20)}
        pq.write_table(pa.table({"id": np.arange(rows), **columns, "label": names[given]}), place / "noisy.parquet")
        chosen = generator.choice(rows, 1000, replace=False)
        pq.write_table(pa.table({"id": chosen, "label": names[truth[chosen]]}), place / "gold.parquet")
        labelfix = [sys.executable, "-m", "labelfix"]
        files = ["--noisy", place / "noisy.parquet", "--clean", place / "gold.parquet", "--id-column", "id"]
        subprocess.run([*labelfix, "train", *files, "--out", place / "run", "--quiet"], check=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        started = time.perf_counter()
        subprocess.run([*labelfix, "report", "--run", place / "run", "--quiet"], check=True)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        size = (place / "run" / "report.html").stat().st_size
        # The peak is that of the largest child so far, which may have been the training.
        print(f"{rows:,} rows: {seconds:.1f} s, at most {max(peak, before) / 1e6:.2f} GB, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]))
