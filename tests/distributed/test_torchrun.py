"""`torchrun -m labelfix`: two processes do what one does, write every row once, and end together."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from own_process import OwnProcess, together
from PIL import Image

TINY = ["--set", "recipe=paper", "--set", "epochs=2", "--set", "warmup_epochs=1", "--set", "batch_size=32"]


def test_a_network_trained_by_two_processes_is_the_one_that_one_process_trains(tmp_path):
    """About twenty steps of an MLP with the same global batches: the same labels to 1e-5, in the same order."""
    noisy, clean = _vectors(tmp_path, 340)
    command = ["train", "--noisy", noisy, "--clean", clean, "--backbone", "mlp", *TINY]
    _alone(tmp_path, *command, "--out", "one")
    said = _by_torchrun(tmp_path, *command, "--out", "two")
    _agree(tmp_path / "one", tmp_path / "two")
    assert said.stdout.splitlines() == ["two"]
    assert said.stderr.count("corrected labels: two/corrected.parquet") == 1


def test_batch_norm_sees_the_whole_batch_of_both_processes(tmp_path):
    """Three steps of ResNet-32, whose activations depend on the statistics of the batch."""
    noisy, clean = _pictures(tmp_path, 40)
    short = [
        "--set",
        "epochs=1",
        "--set",
        "batch_size=16",
        "--set",
        "clean_batch_size=4",
        "--set",
        "warmup_epochs=0",
        "--set",
        "learning_rate=0.001",
    ]
    command = ["train", "--noisy", noisy, "--clean", clean, "--backbone", "resnet32", "--set", "recipe=paper"]
    command += [*short, "--device", "cpu"]
    _alone(tmp_path, *command, "--out", "one")
    _together(tmp_path, *command, "--out", "two")
    _agree(tmp_path / "one", tmp_path / "two")


def test_correct_and_predict_write_every_row_once_and_in_order(tmp_path):
    noisy, clean = _vectors(tmp_path, 300)
    many, _ = _vectors(tmp_path, 40_000, name="many")
    _alone(tmp_path, "train", "--noisy", noisy, "--clean", clean, "--out", "run")
    _alone(tmp_path, "correct", "--noisy", many, "--run", "run", "--out", "one.parquet")
    _together(tmp_path, "correct", "--noisy", many, "--run", "run", "--out", "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    _alone(tmp_path, "predict", "--input", many, "--run", "run", "--out", "one.csv")
    _together(tmp_path, "predict", "--input", many, "--run", "run", "--out", "two.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_features_encoded_by_two_processes_are_those_of_one(tmp_path):
    texts = pa.table({"text": [f"word{i % 7} and word{i % 3} row {i}" for i in range(600)], "label": _labels(600)})
    pq.write_table(texts, tmp_path / "texts.parquet")
    pq.write_table(texts.slice(0, 60), tmp_path / "gold.parquet")
    command = ["train", "--noisy", "texts.parquet", "--clean", "gold.parquet"]
    _alone(tmp_path, *command, "--out", "one", "--cache-dir", "cache1")
    _together(tmp_path, *command, "--out", "two", "--cache-dir", "cache2")
    assert (tmp_path / "one/corrected.parquet").read_bytes() == (tmp_path / "two/corrected.parquet").read_bytes()


def test_what_two_processes_learn_of_patches_is_what_one_learns(tmp_path):
    noisy, clean = _pictures(tmp_path, 48)
    command = ["train", "--noisy", noisy, "--clean", clean, "--method", "clean-only"]
    _alone(tmp_path, *command, "--out", "one", "--cache-dir", "cache1")
    _together(tmp_path, *command, "--out", "two", "--cache-dir", "cache2")
    learned = [(tmp_path / run / "classifier" / "patches.safetensors").read_bytes() for run in ("one", "two")]
    assert learned[0] == learned[1]
    assert (tmp_path / "one/corrected.parquet").read_bytes() == (tmp_path / "two/corrected.parquet").read_bytes()


def test_an_input_error_is_said_once(tmp_path):
    noisy, clean = _vectors(tmp_path, 300)
    processes = together(2, "train", "--noisy", noisy, "--clean", clean, "--label-column", "no", folder=tmp_path)
    said = [process.ended()[1] for process in processes]
    assert [process.returncode for process in processes] == [2, 2]
    assert sum(line.startswith("labelfix: ") for line in "".join(said).splitlines()) == 1


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_with_one_message_and_resume_goes_on(tmp_path):
    noisy, clean = _vectors(tmp_path, 2000)
    longer = ["--set", "epochs=60", "--checkpoint-every", "0.2s"]
    command = ["train", "--noisy", noisy, "--clean", clean, "--backbone", "mlp", "--set", "recipe=paper", *longer]
    process = subprocess.Popen(
        _torchrun(*command, "--out", "run"), cwd=tmp_path, env=_environment(), stderr=subprocess.PIPE, text=True
    )
    _wait_for(lambda: any((tmp_path / "run" / "checkpoints").glob("state-*")))
    os.kill(_worker(process.pid, rank=1), signal.SIGKILL)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode != 0
    ours = [line for line in stderr.splitlines() if line.startswith("labelfix: ")]
    assert len(ours) <= 1, stderr
    assert not (tmp_path / "run" / "run.json").exists()
    _together(tmp_path, "train", "--resume", "run")
    _together(tmp_path, *command, "--out", "whole")
    _agree(tmp_path / "whole", tmp_path / "run")


def _agree(one, two):
    """Both say the same but for the order in which float32 was summed; processors differ in it by a few 1e-5."""
    left, right = pq.read_table(one / "corrected.parquet"), pq.read_table(two / "corrected.parquet")
    assert left.column("id").equals(right.column("id"))
    soft = [np.stack(t.column("soft_label").to_numpy()) for t in (left, right)]
    assert np.abs(soft[0] - soft[1]).max() < 1e-4
    assert np.ptp(soft[0][:, 0]) > 0.01  # something was learned


def _alone(folder, *words):
    process = OwnProcess(*words, folder=folder)
    _, said = process.ended()
    assert process.returncode == 0, said


def _together(folder, *words):
    """As torchrun does it, without the imports of three processes."""
    processes = together(2, *words, folder=folder)
    said = [process.ended() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said


def _by_torchrun(folder, *words):
    done = subprocess.run(_torchrun(*words), cwd=folder, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def _torchrun(*words):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port)]
    # Without the two dashes torchrun takes --run for an abbreviation of an option of its own.
    return [*launcher, "-m", "--", "labelfix", *words]


def _environment():
    left_out = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    return {k: v for k, v in os.environ.items() if k not in left_out} | {"OMP_NUM_THREADS": "1"}


def _worker(launcher, rank):
    """The process of a rank among the launcher's children, found by its environment."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            status = (place / "status").read_text()
            environment = (place / "environ").read_bytes()
        except OSError:
            continue
        if f"PPid:\t{launcher}\n" in status and f"RANK={rank}".encode() in environment.split(b"\0"):
            return int(place.name)
    raise AssertionError("no such process")


def _wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def _labels(count):
    return ["abc"[i % 3] if i % 5 else "abc"[(i + 1) % 3] for i in range(count)]


def _vectors(folder, count, name="noisy"):
    generator = np.random.default_rng(0)
    truth = np.arange(count) % 3
    points = (np.eye(8)[truth] + 0.4 * generator.normal(size=(count, 8))).astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), 8)
    ids = pa.array(np.arange(count))
    pq.write_table(pa.table({"id": ids, "embedding": column, "label": _labels(count)}), folder / f"{name}.parquet")
    gold = pa.table({"id": ids[:60], "label": ["abc"[c] for c in truth[:60]]})
    pq.write_table(gold, folder / f"{name}-gold.parquet")
    return f"{name}.parquet", f"{name}-gold.parquet"


def _pictures(folder, count):
    generator = np.random.default_rng(0)
    for part, rows in (("noisy", range(count)), ("gold", range(count, count + 24))):
        for i in rows:
            place = folder / part / "ab"[i % 2] / f"{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            shade = 60 + 120 * (i % 2)
            Image.fromarray(generator.integers(shade - 60, shade + 60, (32, 32, 3), dtype=np.uint8)).save(place)
    return "noisy", "gold"
