"""`correct` and `export` from and to S3 beside this machine's disk: seconds, the processor's own, and peak memory.

    OMP_NUM_THREADS=1 python tests/measure/remote_tables_cost.py ROWS [--rounds N]

Rows are those of `streaming.py`. The server is moto's, on this machine, in a process of its own: it is slow beside S3
and near, so that the seconds say what labelfix and its libraries take and nothing of a network. What was written there
is compared with what was written here.
"""

import argparse
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
from streaming import as_trained_on, make, measured, train

SERVER = """
import logging, sys, time
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
ThreadedMotoServer(ip_address="127.0.0.1", port=int(sys.argv[1]), verbose=False).start()
print("up", flush=True)
time.sleep(86400)
"""


def serve():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], stdout=subprocess.PIPE)
    while b"up" not in process.stdout.readline():
        time.sleep(0.1)
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return process


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    import s3fs

    about = ", ".join(f"{name} {version(name)}" for name in ("pyarrow", "fsspec", "s3fs", "moto"))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {about}")
    process = serve()
    try:
        files = s3fs.S3FileSystem()
        files.mkdir("tables")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source = folder / "rows.parquet"
            make(source, asked.rows)
            train(folder)
            files.put_file(str(source), "tables/rows.parquet")
            print(f"{asked.rows:,} rows, {source.stat().st_size / 1e6:,.0f} MB")
            run = ["--run", folder / "run", "--quiet"]
            there = "s3://tables/rows.parquet"
            corrects = ["-m", "labelfix", "correct", *run, "--cache-dir", folder / "cache", "--overwrite", "--noisy"]
            exports = ["-m", "labelfix", "export", *run, "--overwrite", "--noisy"]
            ways = {
                "correct: disk to disk": (*corrects, source, "--out", folder / "scored.parquet"),
                "correct: S3 to S3": (*corrects, there, "--out", "s3://tables/scored.parquet"),
                "export: disk to disk": (*exports, source, "--corrected-labels", folder / "fixed.parquet"),
                "export: S3 to S3": (*exports, there, "--corrected-labels", "s3://tables/fixed.parquet"),
            }
            found = {way: [] for way in ways}
            for number in range(asked.rounds):
                for way, words in ways.items():
                    if way.startswith("export") and not number and not found["export: disk to disk"]:
                        (folder / "scored.parquet").replace(folder / "run" / "corrected.parquet")
                        as_trained_on(folder / "run", source, asked.rows)
                    found[way].append(measured(*words))
            for way, rounds in found.items():
                seconds, busy, peak = (statistics.median(column) for column in zip(*rounds, strict=True))
                speed = f"{asked.rows / seconds:9,.0f} rows/s"
                print(f"{way:24s} {seconds:6.1f} s, busy {busy:6.1f} s, {speed}, {peak:.2f} GB", flush=True)
            with files.open("tables/fixed.parquet") as stream:
                print("the same export:", pq.read_table(stream).equals(pq.read_table(folder / "fixed.parquet")))
    finally:
        process.kill()


if __name__ == "__main__":
    main()
