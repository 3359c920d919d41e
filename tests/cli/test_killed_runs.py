"""Real `labelfix train` processes, killed at random moments, resumed until they are done: the same bytes come out."""

import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from own_process import OwnProcess
from PIL import Image

PATIENCE = 300.0  # seconds that one process may take

Moments = list[tuple[str, str]]
"""For each kill what is waited for first, and then; see `Killer._wait`."""


def chosen(kills):
    """Moments of all kinds: while a process starts, while it trains, while it writes a checkpoint."""
    dice = random.Random(kills)
    first = ["getting on", "getting on", "getting on", "anywhen"]
    then = ["writing", "writing", "getting on", "anywhen"]
    return [("beginning", "anywhen"), *((dice.choice(first), dice.choice(then)) for _ in range(kills - 1))]


@dataclass
class Killer:
    """Runs one command to its end through kills.

    Attributes:
        out: The run folder.
        kills: How many processes were killed at work.
        during_writes: After how many of them a half-written checkpoint lay there.
    """

    out: Path
    kills: int = 0
    during_writes: int = 0
    said: list[str] = field(default_factory=list)

    def run(self, words, moments):
        """Begin the run, kill it at these moments, and let it finish; moments that it does not reach are left."""
        while moments:
            process = self._start(["--resume", str(self.out)] if self.kills else words)
            first, then = moments[0]
            try:
                self._wait(process, first)
                self._wait(process, then)
            finally:
                process.kill()
                self.said.append(process.ended()[1])
            if process.returncode != -signal.SIGKILL:
                assert process.returncode == 0, self.said[-1]
                return
            del moments[0]
            self.kills += 1
            self.during_writes += any(True for _ in (self.out / "checkpoints").glob(".*"))
        process = self._start(["--resume", str(self.out), "--checkpoint-every", "10m"])
        self.said.append(process.ended()[1])
        assert process.returncode == 0, self.said[-1]

    def _start(self, words):
        return OwnProcess("train", *words, folder=self.out.parent)

    def _wait(self, process, moment):
        """Until a moment of this kind, or the end of the process."""
        if moment == "anywhen":
            time.sleep(random.Random(self.kills).uniform(0.0, 0.5))
            return
        folder, before, mark = self.out / "checkpoints", self._states(), self.out / "unfinished"
        end = time.monotonic() + PATIENCE
        while process.returncode is None:
            assert time.monotonic() < end, f"nothing happened for {PATIENCE} s"
            if moment == "beginning" and mark.exists():
                return
            if moment == "getting on" and self._states() - before:
                return
            if moment == "writing" and any(True for _ in folder.glob(".*.*")):
                return
            time.sleep(0.001)

    def _states(self):
        folder = self.out / "checkpoints"
        return {path.name for path in folder.glob("s*")} if folder.is_dir() else set()


def straight_through(words, out):
    """`corrected.parquet` of a run that nobody kills."""
    process = OwnProcess("train", *words, "--out", str(out), "--checkpoint-every", "0", "-q", folder=out.parent)
    _, said = process.ended()
    assert process.returncode == 0, said
    return (out / "corrected.parquet").read_bytes()


@pytest.fixture
def embeddings(tmp_path, monkeypatch, request):
    """Points in three clusters with wrong labels, and trusted labels of a tenth of them; 1200 if not said otherwise."""
    rows = getattr(request, "param", 1200)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, rows)
    points = generator.normal(size=(rows, 8)).astype(np.float32) + 3 * np.eye(3, 8, dtype=np.float32)[truth]
    given = np.where(generator.random(rows) < 0.3, (truth + 1) % 3, truth)
    ids = pa.array(np.arange(rows))
    table = {"id": ids, "embedding": pa.array(list(points)), "label": pa.array(given).cast(pa.string())}
    pq.write_table(pa.table(table), tmp_path / "noisy.parquet")
    trusted = pa.table({"id": ids, "label": pa.array(truth).cast(pa.string())}).slice(0, rows // 10)
    pq.write_table(trusted, tmp_path / "gold.parquet")
    return ["--noisy", str(tmp_path / "noisy.parquet"), "--clean", str(tmp_path / "gold.parquet")]


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Two kinds of tiny pictures, by folder of their noisy class."""
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    for part, count, noise in (("noisy", 48, 0.3), ("gold", 16, 0.0)):
        for number in range(count):
            truth = number % 2
            shown = 1 - truth if generator.random() < noise else truth
            folder = tmp_path / part / ("dark", "light")[shown]
            folder.mkdir(parents=True, exist_ok=True)
            pixels = generator.integers(0, 120, (32, 32, 3)) + 120 * truth
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{part}-{number}.png")
    return ["--noisy", str(tmp_path / "noisy"), "--clean", str(tmp_path / "gold")]


NETWORK = ["--backbone", "mlp", "--set", "recipe=paper", "--set", "batch_size=16"]


def survive(words, every, moments, folder):
    """Kill runs at these moments, each until it is done, and compare what comes out with one that was left alone."""
    expected = straight_through(words, folder / "straight")
    killers = []
    while moments:
        killer = Killer(folder / f"killed-{len(killers)}")
        killers.append(killer)
        killer.run([*words, "--out", str(killer.out), "--checkpoint-every", every], moments)
        assert (killer.out / "corrected.parquet").read_bytes() == expected
        assert {"unfinished", "checkpoints"}.isdisjoint(os.listdir(killer.out))
        assert killer.kills, "the run is too short to be killed"
    return killers


@pytest.mark.parametrize("embeddings", [600], indirect=True)
def test_a_network_killed_at_work_gives_the_same_bytes(embeddings, tmp_path):
    moments = [("getting on", "getting on"), ("getting on", "writing")]
    killers = survive([*embeddings, *NETWORK, "--set", "epochs=15"], "0.1s", moments, tmp_path)
    assert any("going on from checkpoint" in said for said in killers[0].said)


@pytest.mark.slow
def test_twenty_kills_some_during_a_write_give_the_same_bytes(embeddings, tmp_path):
    killers = survive([*embeddings, *NETWORK, "--set", "epochs=60"], "0.1s", chosen(20), tmp_path)
    assert sum(killer.kills for killer in killers) == 20
    assert sum(killer.during_writes for killer in killers) >= 3


@pytest.mark.slow
def test_images_killed_at_work_give_the_same_bytes(images, tmp_path):
    words = [*images, "--backbone", "resnet32", "--set", "recipe=paper", "--set", "epochs=12"]
    killers = survive([*words, "--set", "batch_size=16"], "0.5s", chosen(4), tmp_path)
    assert any("going on from checkpoint" in said for said in killers[0].said)


@pytest.mark.slow
def test_anchored_training_killed_at_work_gives_the_same_bytes(embeddings, tmp_path):
    killers = survive([*embeddings, "--set", "recipe=anchored"], "10m", chosen(4), tmp_path)
    assert any("taken from before the interruption" in said for said in killers[0].said)
