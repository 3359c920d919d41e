"""The core in a second environment: what it takes to install, and that its commands do there what they do here.

    python tests/ci/core_alone.py FOLDER [SOURCES]

Runs are made with the interpreter that runs this, which has everything. FOLDER is made; it keeps the environment.
"""

import csv
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

ROWS, TRUSTED = 240, 60
BACKBONES = ("lexical", "hashed-text", "linear")


def write_rows(folder):
    """Noisy, trusted, new and true rows: numbers, and texts of the same classes."""
    generator = np.random.default_rng(0)
    truth = np.arange(2 * ROWS) % 2
    given = np.where(generator.random(len(truth)) < 0.2, 1 - truth, truth)
    points = generator.normal(size=(len(truth), 3)) + 2 * truth[:, None]
    words = np.array([["goal", "team", "ball", "win"], ["bank", "stock", "sell", "debt"]])
    texts = [" ".join(generator.choice(words[t], 4)) for t in truth]
    for name, rows in (("noisy", range(ROWS)), ("new", range(ROWS, 2 * ROWS))):
        for kind, cells in (("table", points.round(4).tolist()), ("text", [[text] for text in texts])):
            columns = ["x", "y", "z"] if kind == "table" else ["text"]
            lines = [[f"r{i}", *cells[i], "ab"[given[i]]] for i in rows]
            with open(folder / f"{kind}-{name}.csv", "w", newline="") as file:
                csv.writer(file).writerows([["id", *columns, "label"], *lines])
    with open(folder / "clean.csv", "w", newline="") as file:
        csv.writer(file).writerows([["id", "label"], *([f"r{i}", "ab"[truth[i]]] for i in range(TRUSTED))])
    with open(folder / "truth.csv", "w", newline="") as file:
        csv.writer(file).writerows([["id", "label"], *([f"r{i}", "ab"[truth[i]]] for i in range(ROWS))])


def sizes(folder):
    """MB of the files below a folder, and of the disk that they take."""
    found = [file.lstat() for file in folder.rglob("*") if not file.is_symlink() and file.is_file()]
    return sum(each.st_size for each in found) / 1e6, sum(512 * each.st_blocks for each in found) / 1e6


def install(folder, sources):
    """A fresh environment with the core; says what pip brought and how long it took."""
    venv.create(folder, with_pip=True)
    python, before = folder / "bin" / "python", sizes(folder)
    started = time.perf_counter()
    subprocess.run([python, "-m", "pip", "install", "--quiet", sources], check=True)
    seconds, after = time.perf_counter() - started, sizes(folder)
    files, disk = (now - then for now, then in zip(after, before, strict=True))
    print(f"pip install . brought {files:.0f} MB of files ({disk:.0f} MB of disk) in {seconds:.0f} s", flush=True)
    print(f"the environment with pip itself: {after[0]:.0f} MB of files ({after[1]:.0f} MB of disk)", flush=True)
    return python


def run(python, folder, *words, code=0):
    """A command; its stderr where it ends otherwise than it should."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if python != sys.executable:
        environment["PYTHONPATH"] = ""
    command = [python, "-m", "labelfix", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"labelfix {' '.join(words)}: exit code {done.returncode}\n{done.stderr}"
    return done.stderr


def main(folder, sources):
    """Install, make runs here, use them there, compare."""
    folder.mkdir(parents=True)
    core = install(folder / "core", sources)
    write_rows(folder)
    for backbone in BACKBONES:
        kind = "table" if backbone == "linear" else "text"
        files = ["--noisy", f"{kind}-noisy.csv", "--clean", "clean.csv"]
        run(sys.executable, folder, "train", *files, "--backbone", backbone, "--out", backbone, "--cache-dir", "cache")
    commands = [
        ["check", "--noisy", "table-noisy.csv", "--clean", "clean.csv"],
        ["flag", "--run", "linear"],
        ["export", "--run", "linear", "--corrected-labels", "fixed.csv"],
        ["evaluate", "--run", "linear", "--truth", "truth.csv"],
        ["report", "--run", "lexical", "--out", "report.html"],
        ["next", "--run", "lexical", "--out", "to_label.csv"],
        ["info"],
        ["methods"],
    ]
    started = time.perf_counter()
    for words in commands:
        run(core, folder, *words)
    for backbone in BACKBONES:
        rows = "table-new.csv" if backbone == "linear" else "text-new.csv"
        for command, option in (("correct", "--noisy"), ("predict", "--input")):
            for python, name in ((core, "core"), (sys.executable, "all")):
                out = f"{backbone}-{command}-{name}.parquet"
                run(python, folder, command, "--run", backbone, option, rows, "--out", out)
            ours, theirs = (pq.read_table(folder / f"{backbone}-{command}-{name}.parquet") for name in ("core", "all"))
            assert ours.equals(theirs), f"{command} with {backbone}: the core says something else"
    said = run(core, folder, "train", *files, code=2)
    assert said == "labelfix: training needs torch: pip install 'labelfix[train]'\n", said
    done = len(commands) + 4 * len(BACKBONES) + 1
    print(f"{done} commands in {time.perf_counter() - started:.0f} s; scored as with everything", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2] if len(sys.argv) > 2 else ".").absolute())
