"""How long reading a million rows takes: opening, scanning, and the whole of what `check` reads.

    python tests/measure/reading.py FOLDER [--rows 1000000] [--only parquet]

Prints processor seconds (user and system) of each step, one thread. To compare two states of the code, run it with
each in `PYTHONPATH` in turn on the same folder, and take the ratio of the medians.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from labelfix.data.formats import open_table
from labelfix.data.read import read_training
from labelfix.settings.data import DataSettings

pa.set_cpu_count(1)


def make(folder, rows):
    """Tables of ids, numbers, categories and labels, and of texts, as CSV and as Parquet."""
    random = np.random.default_rng(0)
    words = np.array(["order", "late", "broken", "thanks", "refund", "great", "screen", "battery", "again", "slow"])
    ids = [f"row-{i:07d}" for i in range(rows)]
    labels = random.choice(["billing", "returns", "praise"], rows)
    table = pa.table(
        {
            "id": ids,
            **{f"x{i}": np.round(random.normal(size=rows), 4) for i in range(5)},
            "count": random.integers(0, 500, rows),
            "region": random.choice(["north", "south", "east", "west"], rows),
            "label": labels,
        }
    )
    texts = [" ".join(row) for row in words[random.integers(0, len(words), (rows, 8))].tolist()]
    for name, one in (("table", table), ("text", pa.table({"id": ids, "text": texts, "label": labels}))):
        pq.write_table(one, folder / f"{name}.parquet")
        arrow_csv.write_csv(one, folder / f"{name}.csv", arrow_csv.WriteOptions(quoting_style="needed"))
    gold = pa.table({"id": ids[:300], "label": labels[:300]})
    arrow_csv.write_csv(gold, folder / "gold.csv", arrow_csv.WriteOptions(quoting_style="needed"))


def seconds(step, times):
    """Median processor seconds of a step."""
    found = []
    for _ in range(times):
        before = time.process_time()
        step()
        found.append(time.process_time() - before)
    return statistics.median(found)


def main():
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--times", type=int, default=3)
    options.add_argument("--only", default="")
    given = options.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if not (given.folder / "gold.csv").exists():
        make(given.folder, given.rows)
    for name in ("table.parquet", "text.parquet", "table.csv", "text.csv"):
        if given.only not in name:
            continue
        path = str(given.folder / name)
        steps: dict[str, Callable[[], object]] = {
            "open": lambda path=path: open_table(path),
            "scan": lambda path=path: sum(chunk.batch.num_rows for chunk in open_table(path).scan()),
            "verbatim": lambda path=path: sum(chunk.batch.num_rows for chunk in open_table(path).verbatim()),
            "check": lambda path=path: read_training(path, str(given.folder / "gold.csv"), DataSettings()),
        }
        shown = "  ".join(f"{step} {seconds(run, given.times):7.2f}" for step, run in steps.items())
        print(f"{name:14} {shown}", flush=True)


if __name__ == "__main__":
    main()
