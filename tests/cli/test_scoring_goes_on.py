"""A run that is killed while it scores its rows goes on with the blocks that were done, to the same bytes."""

import numpy as np
import pytest

from labelfix.cli import main
from labelfix.compute import kept_blocks
from labelfix.compute.checkpoints import Checkpoints
from labelfix.compute.kept_blocks import in_parts
from labelfix.progress import Silent
from labelfix.scoring import scorer
from labelfix.settings.interval import CheckpointInterval

WORDS = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--method", "clean-only", "-q"]
BLOCK = 7


@pytest.fixture
def blocks(monkeypatch):
    """Tiny blocks, each kept at once; gives how many were computed, and stops at the one that it is told."""
    computed, block = {"blocks": 0, "stop": None}, scorer.Scorer._block

    def counted(*arguments):
        if computed["blocks"] == computed["stop"]:
            raise KeyboardInterrupt
        computed["blocks"] += 1
        return block(*arguments)

    monkeypatch.setattr("labelfix.scoring.blocks.BLOCK", BLOCK)
    monkeypatch.setattr(kept_blocks, "KEPT_EVERY", 0.0)
    monkeypatch.setattr(scorer.Scorer, "_block", counted)
    return computed


def test_blocks_that_were_scored_are_not_scored_again(at_work, blocks):
    straight, out = at_work / "straight", at_work / "r"
    assert main([*WORDS, "--out", str(straight)]) == 0
    count = blocks["blocks"]
    assert count > 6
    for done in (1, count - 1):
        blocks.update(blocks=0, stop=done)
        assert main([*WORDS, "--out", str(out), "--overwrite"]) == 130
        blocks.update(blocks=0, stop=None)
        assert main(["train", "--resume", str(out), "-q"]) == 0
        assert blocks["blocks"] == count - done
        for name in ("corrected.parquet", "corrector/corrector.json", "classifier/labelfix.json"):
            assert (out / name).read_bytes() == (straight / name).read_bytes(), name
        assert not (out / "checkpoints").exists()


def checkpoints(folder, every=600.0):
    return Checkpoints(folder, CheckpointInterval(seconds=every))


def work(asked):
    """Blocks whose numbers are noted where they are computed."""

    def compute(numbers):
        for number in numbers:
            asked.append(number)
            yield {"soft": np.full((2, 3), number, np.float32), "predicted": np.arange(2) + number}

    return compute


def some(folder, count, every=600.0):
    """The first blocks of ten, as of a process that ends there."""
    said = in_parts(checkpoints(folder, every), Silent(), 10, work([]))
    return [next(said) for _ in range(count)]


@pytest.mark.parametrize("lost", ["", "0-1", "4-5"])
def test_it_goes_on_from_the_first_block_that_cannot_be_read(tmp_path, monkeypatch, lost):
    monkeypatch.setattr(kept_blocks, "KEPT_EVERY", 0.0)
    before = some(tmp_path, 6)
    if lost:
        (tmp_path / f"stage-{lost}" / "tensors.safetensors").write_bytes(b"")
    asked = []
    said = [*in_parts(checkpoints(tmp_path), Silent(), 10, work(asked))]
    assert asked == [*range(int(lost.partition("-")[0] or 5) if lost else 6, 10)]
    for one, other in zip(before, said, strict=False):
        assert {key: (array.dtype, array.tolist()) for key, array in one.items()} == {
            key: (array.dtype, array.tolist()) for key, array in other.items()
        }
    assert [each["predicted"][0] for each in said] == [*range(10)]


def test_what_takes_no_time_is_not_kept_until_it_is_large(tmp_path, monkeypatch):
    some(tmp_path, 9)
    assert not [*tmp_path.iterdir()]
    monkeypatch.setattr(kept_blocks, "LARGEST", 3 * (2 * 3 * 4 + 2 * 8))
    some(tmp_path, 7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stage-0-3", "stage-3-6"]


def test_nothing_is_kept_where_nobody_wants_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_blocks, "KEPT_EVERY", 0.0)
    some(tmp_path, 9, every=0.0)
    assert not [*tmp_path.iterdir()]


def test_a_disk_that_is_full_is_asked_once(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_blocks, "KEPT_EVERY", 0.0)
    tried = []
    monkeypatch.setattr(Checkpoints, "keep", lambda *_: tried.append(1) is not None)
    some(tmp_path, 9)
    assert len(tried) == 1


def test_blocks_change_after_they_were_given_and_are_kept_as_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_blocks, "LARGEST", 2 * (2 * 3 * 4 + 2 * 8))
    said = in_parts(checkpoints(tmp_path), Silent(), 10, work([]))
    next(said)["soft"][:] = -1
    next(said)
    next(said)
    assert next(in_parts(checkpoints(tmp_path), Silent(), 10, work([])))["soft"].tolist() == [[0.0] * 3] * 2
