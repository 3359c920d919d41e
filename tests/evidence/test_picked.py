"""Trusted rows that a person picked train, and do not say how many labels are right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from labelfix.cli import main
from labelfix.correctors.contract import Held, JudgingModel, Problem
from labelfix.evidence.picked import as_drawn, excess
from labelfix.models.features import FeatureInputs

NOISY = 900


@dataclass(frozen=True)
class AsTold:
    """A corrector whose soft labels are the softmax of the logits."""

    def soft_labels(self, logits, hidden, given, opinions=None):
        return torch.softmax(torch.from_numpy(logits), dim=1).numpy()


def drawn_at(ranks: np.ndarray, files: np.ndarray, own_scores: bool = True):
    """What is said of pairs whose given labels have these ranks among evenly spread scores of the noisy rows."""
    features = np.log(np.stack([ranks, 1 - ranks], axis=1)).astype(np.float32)
    scores = ((np.arange(NOISY) + 0.5) / NOISY).astype(np.float32)
    label = np.zeros(len(ranks), dtype=np.int64)
    problem = Problem(
        noisy=FeatureInputs(np.zeros((NOISY, 2), dtype=np.float32)),
        given=np.zeros(NOISY, dtype=np.int64),
        clean=FeatureInputs(features),
        truth=label,
        paired_given=label,
        num_classes=2,
        sampling="random",
        new_classifier=None,
        family="head",
        device=torch.device("cpu"),
        seed=0,
    )
    model = JudgingModel(
        lambda inputs, rows: (inputs.batch(rows).numpy(), np.zeros((len(rows), 1), dtype=np.float32)),
        AsTold(),
        own_scores=scores if own_scores else None,
    )
    held = Held(np.arange(len(ranks)), np.zeros(len(ranks), dtype=np.int64), (model,), "trusted rows out of fold")
    return as_drawn(problem, held, files), problem


def evenly(mean: float, rows: int) -> np.ndarray:
    """Ranks around a mean."""
    return mean + (np.linspace(0.005, 0.995, rows) - 0.5) * 0.5


def test_the_statistic_is_standard_normal_of_rows_drawn_at_random() -> None:
    generator, z = np.random.default_rng(0), []
    for _ in range(2_000):
        scores = generator.random(1_000)
        pairs, noisy = scores[:200], np.sort(scores[200:])
        z.append(excess(np.searchsorted(noisy, pairs) / 800, 800))
    assert np.mean(z) == pytest.approx(0, abs=0.1)
    assert np.std(z) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(("mean", "looks"), [(0.39, {}), (0.37, {0: "wrong"}), (0.585, {}), (0.6, {0: "right"})])
def test_four_standard_errors_to_wrong_or_three_to_right_make_rows_picked(mean: float, looks: dict[int, str]) -> None:
    """Of 100 rows beside 900 one is .0304: .13 is 4.3 of them, .11 3.6, .1 3.3 and .085 2.8."""
    found, problem = drawn_at(evenly(mean, 100), np.zeros(100, dtype=np.int64))
    assert found.looks == looks
    assert found.picked is None
    assert found.judging(problem).sampling == ("picked" if looks else "random")


def test_rows_of_another_file_that_were_drawn_at_random_still_judge() -> None:
    ranks, files = np.concatenate([evenly(0.3, 100), evenly(0.5, 60)]), np.repeat([0, 1], [100, 60])
    found, problem = drawn_at(ranks, files)
    judging = found.judging(problem)
    assert judging.sampling == "random"
    assert judging.judges.tolist() == [False] * 100 + [True] * 60
    assert len(found.without(problem).truth) == 60


def test_too_few_others_cannot_speak_for_the_file() -> None:
    ranks, files = np.concatenate([evenly(0.3, 100), evenly(0.5, 12)]), np.repeat([0, 1], [100, 12])
    found, problem = drawn_at(ranks, files)
    assert found.judging(problem).sampling == "picked"
    assert found.judging(problem).judges.all()


def test_models_that_have_learned_the_noisy_rows_tell_nothing() -> None:
    assert drawn_at(evenly(0.3, 100), np.zeros(100, dtype=np.int64), own_scores=False)[0].looks == {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,200 rows of three classes, a quarter of whose labels is wrong; rows picked among the wrong ones, and others."""
    made, generator = tmp_path_factory.mktemp("picked"), np.random.default_rng(0)
    truth = generator.integers(0, 3, 1_200)
    wrong = generator.random(1_200) < 0.25
    given = np.where(wrong, (truth + generator.integers(1, 3, 1_200)) % 3, truth)
    x = np.eye(3)[truth] * 3 + generator.normal(0, 1, (1_200, 3))
    rows = [f"k{i},{a:.3f},{b:.3f},{c:.3f},{'xyz'[g]}" for i, ((a, b, c), g) in enumerate(zip(x, given, strict=True))]
    (made / "noisy.csv").write_text("\n".join(["id,a,b,c,label", *rows]) + "\n")
    doubtful = np.concatenate([np.flatnonzero(wrong)[:70], np.flatnonzero(~wrong)[:20]])
    others = np.setdiff1d(np.arange(1_200), doubtful)
    for name, some in (("picked", doubtful), ("random", generator.choice(others, 60, replace=False))):
        (made / f"{name}.csv").write_text("\n".join(["id,label", *(f"k{i},{'xyz'[truth[i]]}" for i in some)]) + "\n")
    return made


def train(folder: Path, run: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is printed."""
    files = [word for name in words if not name.startswith("-") for word in ("--clean", str(folder / f"{name}.csv"))]
    flags = ["--clean-sampling", "random"] if "--random" in words else []
    assert main(["train", "--noisy", str(folder / "noisy.csv"), *files, *flags, "-v", "--out", str(run)]) == 0
    printed = capsys.readouterr()
    return " ".join((printed.out + printed.err).split())


def test_a_run_on_picked_rows_says_no_figure_of_the_others(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = train(folder, tmp_path / "run", capsys, "picked")
    assert "picked.csv: its rows were not drawn at random: their given labels look wrong more often" in said
    assert "how many labels are right, before and after, cannot be said: the rows you checked were not drawn" in said
    assert "next: check rows drawn at random" in said
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    rate = metrics["evidence"]["noise"]["rate"]
    assert (rate["low"], rate["high"]) == (None, None)
    assert metrics["counts"]["paired_given_wrong"]["low"] is None
    assert main(["flag", "--run", str(tmp_path / "run"), "--max-noise-rate", "0.05"]) == 2
    assert "drawn at random" in " ".join(capsys.readouterr().err.split())
    assert main(["flag", "--run", str(tmp_path / "run"), "--max-false-flags", "0.2"]) == 0
    told = " ".join("".join(capsys.readouterr()).split())
    assert "assumed: other rows are like the trusted ones, which were not drawn at random" in told


def test_the_first_rows_of_a_file_do_not_speak_for_worse_ones(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No label of the first 120 rows is wrong, and a quarter of all."""
    header, *lines = (folder / "noisy.csv").read_text().splitlines()
    right = ["xyz"[int(np.argmax([float(cell) for cell in line.split(",")[1:4]]))] for line in lines[:120]]
    better = [line[:-1] + label for line, label in zip(lines, right, strict=False)]
    (tmp_path / "noisy.csv").write_text("\n".join([header, *better, *lines[120:]]) + "\n")
    rows = [f"k{i},{label}" for i, label in enumerate(right)]
    (tmp_path / "first.csv").write_text("\n".join(["id,label", *rows]) + "\n")
    said = train(tmp_path, tmp_path / "run", capsys, "first")
    assert "first.csv: all its 120 rows stand between rows 1 and 120 of the 1,200" in said
    assert "their given labels look right more often" in said
    assert "how many labels are right, before and after, cannot be said" in said


def test_rows_drawn_at_random_later_say_it(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = train(folder, tmp_path / "run", capsys, "picked", "random")
    assert "(60 of the 150 rows you checked; " in said
    evidence = json.loads((tmp_path / "run" / "metrics.json").read_text())["evidence"]
    rate = evidence["noise"]["rate"]
    assert rate["low"] < 0.21 < rate["high"]  # (300 - 70) / (1,200 - 90)
    assert evidence["judged_on"] | {"rows": 60, "chosen": 90, "sampling": "random"} == evidence["judged_on"]


def test_who_says_that_rows_were_drawn_at_random_is_believed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = train(folder, tmp_path / "run", capsys, "picked", "--random")
    assert "not drawn at random" not in said
    assert "(90 rows you checked; " in said


@pytest.mark.parametrize("columns", ["label", "label,other"])
def test_trusted_rows_of_one_class_do_not_make_all_rows_that_class(tmp_path: Path, columns: str) -> None:
    """The first rows of a file that is sorted by class, which lie among the others; without the rule .65, .68."""
    generator = np.random.default_rng(0)
    truth = np.sort(generator.integers(0, 3, 1_200))
    x = np.eye(3)[truth] * 1.7 + generator.normal(0, 1, (1_200, 3))
    label, other = (
        np.where(generator.random(1_200) < wrong, generator.integers(0, 3, 1_200), truth) for wrong in (0.3, 0.4)
    )
    rows = [f"k{i},{a:.3f},{b:.3f},{c:.3f},{'xyz'[label[i]]},{'xyz'[other[i]]}" for i, (a, b, c) in enumerate(x)]
    (tmp_path / "noisy.csv").write_text("\n".join(["id,a,b,c,label,other", *rows]) + "\n")
    (tmp_path / "gold.csv").write_text("\n".join(["id,label", *(f"k{i},x" for i in range(150))]) + "\n")
    words = ["--noisy", str(tmp_path / "noisy.csv"), "--clean", str(tmp_path / "gold.csv"), "--label-columns", columns]
    assert main(["train", *words, "--feature-columns", "a,b,c", "--out", str(tmp_path / "run")]) == 0
    suggested = pq.read_table(tmp_path / "run" / "corrected.parquet")["suggested_label"].to_pylist()
    right = np.mean([name == "xyz"[c] for name, c in zip(suggested, truth, strict=True)])
    assert right > 0.8  # of the given labels .82
