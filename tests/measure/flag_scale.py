"""Seconds and memory of `flag` on many scored rows, in the formats of pipelines.

    python tests/measure/flag_scale.py 10000000

Writes a scored Parquet file of so many rows in ten classes, a fifth of the labels wrong, and a baseline of a hundredth
of the issues; then runs each command in a process of its own, so that the peak is its own. The source that the rows
name is a CSV file that is there too, so that lines are looked up.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.outputs.corrected_schema import METADATA_KEY
from labelfix.outputs.exports import ROW_GROUP

CLASSES = [f"class-{k}" for k in range(10)]
WRONG = 0.2


def made(rows, place):
    """scored.parquet, source.csv, and accepted.csv."""
    about = {"classes": CLASSES, "value_type": "string", "min_confidence": 0.6, "run_id": "0" * 16, "id_column": "id"}
    about |= {"input_kind": "table", "input_columns": ["x"]}
    generator = np.random.default_rng(0)
    names = pa.array(CLASSES)
    writer = None
    with open(place / "source.csv", "w") as source, open(place / "accepted.csv", "w") as accepted:
        source.write("id,x,label\n")
        accepted.write("id\n")
        for first in range(0, rows, ROW_GROUP):
            size = min(ROW_GROUP, rows - first)
            given = generator.integers(0, 10, size)
            wrong = generator.random(size) < WRONG
            better = np.where(wrong, (given + 1) % 10, given)
            sure = (0.6 + 0.4 * generator.random(size)).astype(np.float32)
            ids = np.arange(first, first + size)
            table = pa.table(
                {
                    "id": ids,
                    "given_label": names.take(pa.array(given)),
                    "suggested_label": names.take(pa.array(better)),
                    "confidence": sure,
                    "corrected_label": names.take(pa.array(better)),
                    "is_label_issue": wrong,
                    "action": pa.array(["keep", "relabel"]).take(pa.array(wrong.astype(np.int8))),
                    "label_score": np.where(wrong, 1 - sure, sure).astype(np.float32),
                    "predicted_label": names.take(pa.array(better)),
                    "soft_label": pa.FixedSizeListArray.from_arrays(pa.array(np.full(10 * size, 0.1, np.float32)), 10),
                    "source_file": pa.repeat("source.csv", size),
                    "source_row": ids + 1,
                }
            ).replace_schema_metadata({METADATA_KEY: json.dumps(about).encode()})
            writer = writer or pq.ParquetWriter(place / "scored.parquet", table.schema, compression="zstd")
            writer.write_table(table, row_group_size=ROW_GROUP)
            source.writelines(f"{i},0.5,{CLASSES[c]}\n" for i, c in zip(ids.tolist(), given.tolist(), strict=True))
            accepted.writelines(f"{i}\n" for i in ids[wrong][::100].tolist())
    assert writer is not None
    writer.close()


def measured(place, *words):
    """Seconds, peak memory in GB, and the exit code of a command."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "labelfix", "flag", "--corrected", "scored.parquet", "--overwrite", "-q", *words]
    process = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - started, used.ru_maxrss / 1e6, process.returncode


def main(rows):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made(rows, place)
        size = (place / "scored.parquet").stat().st_size
        print(f"{rows:,} rows, {size / 1e9:.2f} GB scored", flush=True)
        policy = '[gate]\n[gate.classes.class-1]\nmax_issue_rate = 0.5\nowner = "team"\n'
        (place / "labelfix.toml").write_text(policy)
        every = [f"--format={name}=out.{name}" for name in ("sarif", "gitlab", "junit", "markdown")]
        for words in (
            ["--format", "text"],
            ["--format", "sarif=out.sarif"],
            [*every, "--max-issue-rate", "0.1"],
            ["--format", "sarif=out.sarif", "--baseline", "accepted.csv"],
            ["--format", "sarif=out.sarif", "--against", "scored.parquet"],
        ):
            seconds, peak, code = measured(place, *words)
            print(f"{' '.join(words)}: {seconds:.1f} s, peak {peak:.2f} GB, exit {code}", flush=True)
        shown = len(json.loads((place / "out.sarif").read_text())["runs"][0]["results"])
        print(f"SARIF: {shown:,} results, {(place / 'out.sarif').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]))
