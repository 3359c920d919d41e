"""Whoever waits is told: every stage begins with what lies ahead, moves, and ends."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.data.read import read_training
from labelfix.data.rows_ahead import rows_ahead
from labelfix.progress import Silent, counted
from labelfix.settings.data import DataSettings


class Stage:
    def __init__(self, name, total):
        self.name, self.total, self.steps, self.ended = name, total, [], False


class Recorder(Silent):
    """Keeps every stage with its steps."""

    def __init__(self):
        self.stages, self._open = [], []

    def start(self, stage, total=None, unit="rows"):
        self._open.append(Stage(stage, total))
        self.stages.append(self._open[-1])

    def advance(self, amount=1, **facts):
        self._open[-1].steps.append(amount)

    def finish(self):
        self._open.pop().ended = True

    def named(self, name):
        return next(stage for stage in self.stages if stage.name.startswith(name))


def table(rows=240):
    generator = np.random.default_rng(0)
    truth = np.arange(rows) % 2
    points = generator.normal(0, 1, (rows, 2)) + np.where(truth[:, None] == 1, 2.0, -2.0)
    given = np.where(generator.random(rows) < 0.2, 1 - truth, truth)
    words = np.array(["cat", "dog"])
    noisy = pa.table({"id": np.arange(rows), "x": points[:, 0], "y": points[:, 1], "label": words[given]})
    return noisy, pa.table({"id": np.arange(40), "label": words[truth[:40]]})


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ({}, ["fit simple models", "learn how labels go wrong", "fit the classifier", "weigh every label"]),
        ({"method": "glc"}, ["fit glc"]),
        ({"backbone": "mlp", "epochs": 2, "recipe": "paper"}, ["train"]),
    ],
    ids=["mlc", "glc", "network"],
)
def test_every_stage_of_training_begins_moves_and_ends(tmp_path, monkeypatch, options, fits):
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    told = Recorder()
    noisy, clean = table()
    run = labelfix.train(
        noisy, clean, out=tmp_path / "run", cache_dir=str(tmp_path / "cache"), progress=told, **options
    )
    assert all(stage.ended for stage in told.stages), [stage.name for stage in told.stages if not stage.ended]
    names = [stage.name for stage in told.stages]
    for name in ["read", "encode noisy", *fits, "check against trusted rows", "correct"]:
        assert name in names
    for stage in told.stages:
        assert sum(stage.steps) > 0, f"{stage.name} never moved"
        if stage.total is not None:
            assert sum(stage.steps) == stage.total, stage.name
    assert told.named("correct").total == told.named("encode noisy").total == 240
    assert told.named("read").total == 2 * 240
    # What the rivals have in common with the run is not fitted again, and the rest of it side by side.
    for name, least in {"fit simple": 8, "learn how": 8, "check against": 4}.items() if not options else []:
        assert len(told.named(name).steps) >= least, f"{name} stands still"

    told = Recorder()
    run.predict(noisy, progress=told)
    run.correct(noisy, progress=told)
    assert [(s.name, s.total, sum(s.steps), s.ended) for s in told.stages] == [
        ("predict", 240, 240, True),
        ("correct", 240, 240, True),
    ]


def rows_counted(path, told):
    gold = path.parent / "gold.csv"
    gold.write_text("id,label\n0,cat\n1,dog\n")
    with counted(told, "read", rows_ahead(path)):
        read_training(str(path), str(gold), DataSettings(), 100)
    (stage,) = told.stages
    return stage


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl", "t.parquet"])
def test_reading_moves_towards_a_total_that_is_known_from_the_start(tmp_path, name):
    noisy, _ = table(5000)
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(noisy, path)
    elif name.endswith("jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in noisy.to_pylist()))
    else:
        with pa.output_stream(str(path)) as stream:
            pa.csv.write_csv(noisy, stream)
    passes = 3 if "csv" in name else 2
    stage = rows_counted(path, Recorder())
    assert stage.total == pytest.approx(passes * 5000, rel=1.0 if name.endswith("gz") else 0.01)
    assert len(stage.steps) > 20
    assert sum(stage.steps) == stage.total


def test_of_what_nothing_cheap_tells_no_total_is_said(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "zeros.csv").write_bytes(b"\0" * 100)
    (tmp_path / "broken.csv.gz").write_bytes(b"\x1f\x8bno")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    names = ["folder", "zeros.csv", "broken.csv.gz", "broken.parquet", "gone.csv"]
    assert [rows_ahead(tmp_path / name) for name in names] == [None] * 5
