"""Anchored training that was killed goes on after the last stage it had finished, and comes to the same bits."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from toy_problem import problem, soft_labels

from labelfix.compute.checkpoints import Checkpoints
from labelfix.heads import learners
from labelfix.methods.mlc import anchored
from labelfix.progress import Silent
from labelfix.settings.interval import CheckpointInterval
from labelfix.settings.methods import MlcSettings

LAST = ("prior", "meta-step", "classifier")


def stages(folder):
    """The names of all stages, in an order in which a run may finish them."""
    names = {path.name.removeprefix("stage-") for path in folder.iterdir()}
    return ["S1", *sorted(names - {"S1", *LAST}), *LAST]


def fit(folder):
    made, _ = problem(noisy=300, clean=60)
    checkpoints = Checkpoints(folder, CheckpointInterval(seconds=600)) if folder is not None else None
    return made, anchored.solve(replace(made, checkpoints=checkpoints), MlcSettings(), Silent())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    return folder, fit(folder)


def same(ours, theirs):
    assert ours[1].history.equals(theirs[1].history)
    assert ours[1].metrics["shares"] == theirs[1].metrics["shares"]
    assert ours[1].min_confidence == theirs[1].min_confidence
    return np.array_equal(soft_labels(*ours), soft_labels(*theirs))


def test_every_member_and_every_later_stage_is_kept(finished):
    folder, (_, fitted) = finished
    assert set(stages(folder)) == {*fitted.metrics["shares"], *LAST}


@pytest.mark.parametrize("left", [5, 4, 2, 1, 0])
def test_a_run_killed_after_any_stage_comes_to_the_same_bits(finished, tmp_path, monkeypatch, left):
    folder, whole = finished
    names = stages(folder)
    for name in names[: len(names) - left]:
        shutil.copytree(folder / f"stage-{name}", tmp_path / f"stage-{name}")
    monkeypatch.setattr(learners, "fit_bayes_student", None)  # would fail if it were called again
    if left <= 2:
        monkeypatch.setattr(learners, "fit_glc", None)
        monkeypatch.setattr(learners, "fit_trusted_only", None)
    if left <= 1:
        monkeypatch.setattr(anchored, "train", None)
    if left == 0:
        monkeypatch.setattr(anchored, "outer_together", None)
    assert same(fit(tmp_path), whole)


def test_keeping_stages_changes_nothing(finished):
    assert same(fit(None), finished[1])
