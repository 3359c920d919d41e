"""What it costs that the disk keeps everything before a run counts as finished.

    python tests/measure/write_cost.py [--rounds 20] [--folder DIR]

Trains a small table with and without the flushes, in turn, in forks of one process that has loaded everything, and
prints the median seconds of both and how much longer the flushed one takes. `--folder` says on which disk.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import chdir
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from kills import QUICK, main, prepare

TRAIN = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", "r", *QUICK]


def trained(folder, flushed):
    """Seconds of one run in a process of its own."""
    shutil.rmtree(folder / "r", ignore_errors=True)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    os.sync()  # what earlier runs left to write is not this one's
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        if not flushed:
            os.fsync = lambda _: None
        os._exit(main(TRAIN))
    _, status = os.waitpid(pid, 0)
    seconds = time.perf_counter() - started
    if status:
        sys.exit("the run fails")
    return seconds


def run():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        prepare(folder)
        with chdir(folder):
            main(TRAIN)
        seconds = {True: [], False: []}
        for number in range(asked.rounds):
            for flushed in (number % 2 == 0, number % 2 == 1):
                seconds[flushed].append(trained(folder, flushed))
    kept, plain = (statistics.median(seconds[flushed]) for flushed in (True, False))
    print(f"with flushes {kept:.3f} s, without {plain:.3f} s: {kept / plain - 1:+.1%}, medians of {asked.rounds} runs")


if __name__ == "__main__":
    run()
