"""Processes that are killed while they write to S3: what was there or what is new, whole."""

import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from remote_tables import BUCKET, blobs

SMALL_PARTS = {"FSSPEC_S3": '{"default_block_size": 5242880}'}
"""S3 takes no smaller parts."""

SENDS = f"""
import sys, time
import numpy as np, pyarrow as pa
from labelfix.data.formats import write_batches
from labelfix.remote import as_path

schema = pa.schema([("x", pa.float64())])

def batches():
    generator = np.random.default_rng(0)
    for number in range(16):
        yield pa.record_batch([pa.array(generator.normal(size=1 << 17))], schema=schema)
        if number == 12:
            print("sent", flush=True)
            time.sleep(600)

write_batches(as_path("s3://{BUCKET}/" + sys.argv[1]), schema, batches())
"""


def uploads(s3):
    return s3.call_s3("list_multipart_uploads", Bucket=BUCKET).get("Uploads", [])


def end_uploads(s3):
    for each in uploads(s3):
        s3.call_s3("abort_multipart_upload", Bucket=BUCKET, Key=each["Key"], UploadId=each["UploadId"])


@pytest.mark.parametrize(
    ("name", "how", "before"),
    [
        ("out.parquet", signal.SIGKILL, b"what was there"),
        ("out.parquet", signal.SIGINT, None),
        ("out.csv", signal.SIGKILL, None),
        ("out.csv", signal.SIGINT, b"what was there"),
    ],
)
def test_in_the_middle_of_an_upload(s3, here, monkeypatch, name, how, before):
    for variable, value in SMALL_PARTS.items():
        monkeypatch.setenv(variable, value)
    if before is not None:
        s3.pipe_file(f"{BUCKET}/{name}", before)
    process = subprocess.Popen([sys.executable, "-c", SENDS, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"sent\n", process.stderr.read()
    assert uploads(s3), "parts were sent"
    process.send_signal(how)
    process.communicate()
    assert bool(uploads(s3)) == (how is signal.SIGKILL), "whoever can, takes the parts back"
    end_uploads(s3)
    assert s3.exists(f"{BUCKET}/{name}") == (before is not None)
    assert before is None or s3.cat_file(f"{BUCKET}/{name}") == before


@pytest.mark.slow
def test_correct_killed_at_any_moment(s3, made, here, monkeypatch):
    """`labelfix correct`, killed ever later until it has done its work: the target is the old one or the new one."""
    for variable, value in SMALL_PARTS.items():
        monkeypatch.setenv(variable, value)
    many = pa.concat_tables([blobs(10_000, seed=seed)[0] for seed in range(40)])
    ids = pa.array(np.arange(len(many)).astype(str))
    pq.write_table(many.set_column(0, "id", ids), "many.parquet")
    words = ["-m", "labelfix", "correct", "--run", str(made / "run"), "--noisy", "many.parquet", "--overwrite"]
    words += ["--out", f"s3://{BUCKET}/out.parquet", "-q"]
    s3.pipe_file(f"{BUCKET}/out.parquet", b"old")
    begun = time.monotonic()
    subprocess.run([sys.executable, *words], check=True)
    took = time.monotonic() - begun
    whole = s3.cat_file(f"{BUCKET}/out.parquet")
    seen = set()
    for share in (0.3, 0.6, 0.8, 0.9, 0.95, 1.0):
        s3.pipe_file(f"{BUCKET}/out.parquet", b"old")
        process = subprocess.Popen([sys.executable, *words])
        time.sleep(share * took)
        process.kill()
        process.wait()
        found = s3.cat_file(f"{BUCKET}/out.parquet")
        assert found in (b"old", whole)
        seen.add(found == whole)
        end_uploads(s3)
    assert False in seen
