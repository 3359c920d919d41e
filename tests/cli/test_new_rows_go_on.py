"""`correct` and `predict` of rows that an encoder or a network reads go on after a kill, to the same bytes."""

import pytest
from tiny_encoders import WORDS, tiny_bert

from labelfix.cli import main
from labelfix.models import cache, pieces
from labelfix.models.text import encoder
from labelfix.progress import Silent
from labelfix.scoring import scorer
from labelfix.settings.model import ComputeSettings

BLOCK = 7


def rows(path, first, count):
    said = [WORDS[row * 5 % 7] + " " + WORDS[7 + row % 7] for row in range(first, first + count)]
    lines = [f"{row},{text},{['cat', 'dog'][row % 2]}" for row, text in enumerate(said, first)]
    path.write_text("id,text,label\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run on an encoder's fixed features, and one whose encoder has learned."""
    folder = tmp_path_factory.mktemp("runs")
    tiny_bert(folder / "bert")
    rows(folder / "noisy.csv", 0, 60)
    rows(folder / "gold.csv", 0, 16)
    words = ["train", "--noisy", str(folder / "noisy.csv"), "--clean", str(folder / "gold.csv"), "-q", "--method"]
    words += ["clean-only", "--backbone", str(folder / "bert")]
    assert main([*words, "--out", str(folder / "fixed")]) == 0
    assert main([*words, "--no-freeze", "--set", "epochs=1", "--out", str(folder / "learnt")]) == 0
    rows(folder / "new.csv", 100, 40)
    return folder


@pytest.fixture
def computed(monkeypatch, tmp_path):
    """Tiny windows and blocks, each kept at once; how many were computed, and the one to stop at."""
    count = {"done": 0, "stop": None}

    def counting(function):
        def counted(*arguments):
            if count["done"] == count["stop"]:
                raise KeyboardInterrupt
            count["done"] += 1
            return function(*arguments)

        return counted

    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(pieces, "KEPT_EVERY", 0.0)
    monkeypatch.setattr(encoder.FrozenText, "rows_at_once", BLOCK)
    monkeypatch.setattr("labelfix.scoring.blocks.BLOCK", BLOCK)
    monkeypatch.setattr(encoder.FrozenText, "_window", counting(encoder.FrozenText._window))
    return count, counting


@pytest.mark.parametrize("run", ["fixed", "learnt"])
@pytest.mark.parametrize("command", ["correct", "predict"])
def test_a_command_that_was_killed_goes_on(runs, computed, monkeypatch, tmp_path, run, command):
    count, counting = computed
    if run == "learnt":
        scores = "_block" if command == "correct" else "_probabilities"
        monkeypatch.setattr(scorer.Scorer, scores, counting(getattr(scorer.Scorer, scores)))
    cached = cache.cache_folder(ComputeSettings())
    name = "--noisy" if command == "correct" else "--input"
    new = tmp_path / "new.csv"
    new.write_bytes((runs / "new.csv").read_bytes())

    def say(out, stop=None):
        count.update(done=0, stop=stop)
        return main([command, "--run", str(runs / run), name, str(new), "--out", str(tmp_path / out), "-q"])

    assert say("killed.parquet", 4) == 130
    assert len([*cached.glob("*.pieces/*/entry.json")]) == 4
    assert not (tmp_path / "killed.parquet").exists()
    assert say("killed.parquet") == 0
    assert count["done"] == 2
    assert not [*cached.glob("*.pieces")]
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "other"))
    assert say("straight.parquet") == 0
    assert count["done"] == 6
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "straight.parquet").read_bytes()


def test_other_rows_take_nothing_from_the_killed_command(runs, computed, monkeypatch, tmp_path):
    count, counting = computed
    monkeypatch.setattr(scorer.Scorer, "_block", counting(scorer.Scorer._block))
    new = rows(tmp_path / "new.csv", 100, 40)

    def say(run, stop=None):
        count.update(done=0, stop=stop)
        words = ["correct", "--run", str(run), "--noisy", str(new), "--out", str(tmp_path / "out.parquet")]
        return main([*words, "--overwrite", "-q"])

    assert say(runs / "learnt", 4) == 130
    told = new.read_text()
    new.write_text(told.replace(",cat\n", ",dog\n", 1))
    assert say(runs / "learnt") == 0
    assert count["done"] == 6
    new.write_text(told)
    assert say(runs / "learnt") == 0
    assert count["done"] == 2


def test_a_piece_that_is_damaged_or_has_no_room_is_computed_again(tmp_path, monkeypatch):
    import numpy as np

    monkeypatch.setattr(pieces, "KEPT_EVERY", 0.0)
    kept = pieces.Pieces(tmp_path / "some", 2, Silent())

    def made(numbers):
        return ({"rows": np.full((2, 3), number)} for number in numbers)

    first = kept.through(range(9), made)
    [next(first) for _ in range(6)]
    (tmp_path / "some" / "3" / "rows.bin").write_bytes(b"")
    asked = []

    def noted(numbers):
        asked.extend(numbers)
        return made(numbers)

    assert [int(each["rows"][0, 0]) for each in kept.through(range(9), noted)] == [*range(9)]
    assert asked == [*range(3, 9)]
    kept.forget()
    (tmp_path / "some").write_text("a file where the folder would be")
    assert len([*kept.through(range(9), made)]) == 9
