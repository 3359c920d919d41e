"""How much memory do small files take that hold as much as they may, or a little more?

    OMP_NUM_THREADS=1 python tests/measure/bombs.py [--only NAME,NAME] [--seconds 120]

Each is given to `labelfix check` in a process of its own, which is ended after some time: what is large and sound is
read, row by row, for as long as it takes. Prints size, exit code, seconds and peak memory of each, with what the
processes hold that it begins; the exit code is 1 where one takes more than 1 GB.
"""

import argparse
import base64
import gzip
import io
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_seeds import xlsx_bytes

MB = 1 << 20
MOST = 1024
NOISE = base64.b64encode(Random(0).randbytes(9 * MB)).decode()
"""Twelve megabytes that nothing packs: of a larger file more may come out."""

CHECK = "import sys; from labelfix.cli import main; code = main(sys.argv[1:]); " + (
    "print(open('/proc/self/status').read(), file=sys.stderr); sys.exit(code)"
)


def two(rows):
    return pa.DictionaryArray.from_arrays(pa.array((np.arange(rows) % 2).astype(np.int8)), pa.array(["a", "b"]))


def noise(rows):
    return pa.array([NOISE, *[None] * (rows - 1)])


def text(path, head, line, times, tail=""):
    block = max(MB // len(line), 1)
    opened = pa.CompressedOutputStream(str(path), "zstd") if path.suffix == ".zst" else None
    with opened or (gzip.open(path, "wb", 1) if path.suffix == ".gz" else path.open("wb")) as file:
        file.write(head.encode())
        for _ in range(times // block):
            file.write((line * block).encode())
        file.write(tail.encode())


def table(path, rows, column, padded=True):
    made = pa.table({"label": two(rows), "x": column, **({"pad": noise(rows)} if padded else {})})
    if path.suffix == ".parquet":
        pq.write_table(made, path)
    else:
        options = pa.ipc.IpcWriteOptions(compression="zstd" if padded else None)
        with pa.ipc.new_file(str(path), made.schema, options=options) as file:
            file.write_table(made)


def same(value, rows):
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array([value]))


def lists(rows, width):
    ends = pa.array(np.arange(rows + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(ends, pa.array(np.zeros(rows * width)))


def views(rows, width):
    places, sizes = pa.array(np.zeros(rows, np.int32)), pa.array(np.full(rows, width, np.int32))
    return pa.ListViewArray.from_arrays(places, sizes, pa.array(np.zeros(width, np.float32)))


def dictionary(rows):
    words = pa.array([*["A" * MB] * 1000, NOISE])
    return pa.DictionaryArray.from_arrays(pa.array((np.arange(rows) % 1000).astype(np.int32)), words)


def book(path, rows, value):
    made = xlsx_bytes([["label", "text"], *(["ab"[row % 2], value] for row in range(rows))])
    with zipfile.ZipFile(io.BytesIO(made)) as parts, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for part in parts.namelist():
            packed.writestr(part, parts.read(part))


BOMBS: dict[str, Callable[[Path], None]] = {
    "rows.csv.gz": lambda to: text(to, f"label,text\nb,{NOISE}\n", "a,x\nb,y\n", 14_000_000),
    "cells.csv.gz": lambda to: text(to, "label,text\n", f"a,{'y' * 2000}\nb,{'z' * 2000}\n", 500_000),
    "rows.jsonl.zst": lambda to: text(
        to, f'{{"label":"b","t":"{NOISE}"}}\n', '{"label":"a","t":"x"}\n{"label":"b","t":"yes"}\n', 10_000_000
    ),
    "lists.jsonl.gz": lambda to: text(
        to, f'{{"label":"b","t":["{NOISE}"]}}\n', f'{{"label":"a","t":[{"[]," * 1000}1]}}\n{{"label":"b"}}\n', 70_000
    ),
    "one.json.gz": lambda to: text(to, '{"data":[{"label":"a"}', ",{}", 21 * MB, "]}\n"),
    "row.jsonl.gz": lambda to: text(to, '{"label":"a","x":[1', ",[]", 20 * MB, "]}\n"),
    "list.jsonl": lambda to: text(to, '{"label":"a","x":[1', ",[]", 6 * MB, "]}\n"),
    "rows.parquet": lambda to: table(to, 36_000_000, same("x", 36_000_000)),
    "texts.parquet": lambda to: table(to, 23_000, same("A" * 100_000, 23_000)),
    "lists.parquet": lambda to: table(to, 280, lists(280, 1_000_000)),
    "batch.arrow": lambda to: table(to, 20_000_000, pa.array(np.zeros(20_000_000))),
    "dictionary.arrow": lambda to: table(to, 1000, dictionary(1000)),
    "words.arrow": lambda to: table(to, 8_000_000, same("b" * 100_000, 8_000_000), padded=False),
    "views.arrow": lambda to: table(to, 200_000, views(200_000, 100_000), padded=False),
    "book.xlsx": lambda to: book(to, 30_000, "word " * 3000),
    "map.csv.gz": lambda to: text(to, "alias,class\n", "cat,Cat\n", 10_000_000),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(BOMBS))
    parser.add_argument("--seconds", type=float, default=120)
    asked = parser.parse_args()
    worst = 0
    with tempfile.TemporaryDirectory(prefix="bombs-") as folder:
        (Path(folder) / "gold.csv").write_text("label,text\na,x\nb,y\na,z\nb,w\n")
        for name in asked.only.split(","):
            path = Path(folder) / name
            BOMBS[name](path)
            worst = max(worst, measured(path, asked.seconds))
            path.unlink()
    sys.exit(worst > MOST)


def measured(path, seconds):
    """Megabytes that reading a file takes; printed with what came of it."""
    clean = str(path.with_name("gold.csv"))
    words = ["check", "--noisy", str(path), "--clean", clean, "--label-column", "label"]
    if path.name.startswith("map"):
        words = ["check", "--noisy", clean, "--clean", clean, "--class-map", str(path)]
    began, peak = time.monotonic(), 0
    with subprocess.Popen([sys.executable, "-c", CHECK, *words], stderr=subprocess.PIPE, text=True) as process:
        while True:
            try:
                said = process.communicate(timeout=0.05)[1]
                break
            except subprocess.TimeoutExpired:
                peak = max(peak, _held(process.pid))
                if time.monotonic() - began > seconds:
                    process.terminate()
                    seconds = float("inf")
    peak = max(peak, _figure("VmHWM", said))
    lines = [line for line in said.splitlines() if line.startswith("labelfix: ")]
    shown = lines[-1].replace(str(path.parent), "")[:100] if lines else ""
    size = path.stat().st_size / 1e6
    print(f"{path.name:18} {size:6.1f} MB  exit {process.returncode:3}  {time.monotonic() - began:5.1f} s  "
          f"{peak:5d} MB  {shown}", flush=True)  # fmt: skip
    return peak


def _held(process):
    """Megabytes that a process and those that it has begun hold now."""
    try:
        begun = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        own = _figure("VmRSS", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0
    return own + sum(map(_held, map(int, begun)))


def _figure(name, status):
    found = re.search(rf"{name}:\s*(\d+)", status)
    return int(found[1]) >> 10 if found else 0


if __name__ == "__main__":
    main()
