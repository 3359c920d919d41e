"""Judged figures are those of fresh rows; see tests/measure/judged_against_fresh.py, which measures every method."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from labelfix.data.split import CleanSplit
from labelfix.evidence.calibrate import calibrate
from labelfix.heads.folds import FOLDS
from labelfix.methods import clean_only
from labelfix.models.classifier import Classifier
from labelfix.networks.finished_model import posterior_network, transition_from

CLASSES, DRAWS = 10, 40
NONE = np.zeros(0, dtype=np.int64)


@pytest.fixture(scope="module")
def measure():
    path = Path(__file__).parents[1] / "measure" / "judged_against_fresh.py"
    spec = importlib.util.spec_from_file_location("judged_against_fresh", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def true_classifier(world):
    """P(y | x) as it is: nothing is left to learn but T and the temperature."""
    classifier = Classifier(nn.Identity(), world.centres.shape[1], CLASSES, torch.Generator().manual_seed(0))
    with torch.no_grad():
        classifier.head.weight.copy_(torch.from_numpy(world.centres * world.scale))
        classifier.head.bias.copy_(torch.from_numpy(-0.5 * (world.centres**2).sum(axis=1)))
    return classifier


def differences(measure, nested):
    """Mean difference between judged and fresh figures, with T from ten pairs a class, half of which judge."""
    world = measure.World.of(CLASSES, flip=0.4, apart=1.5)
    every, draws = np.arange(100), []
    for seed in range(DRAWS):
        made = measure.problem_of(world, "network", noisy=100, trusted=100, paired=True, seed=seed, equal=True)
        transition = transition_from(made, np.full((100, CLASSES), 1 / CLASSES))
        at_once = transition(every)
        fitted = posterior_network(
            made,
            CleanSplit(every[:50], NONE, every[50:]),
            true_classifier(world),
            transition if nested else lambda _, found=at_once: found,
            pa.table({}),
        )
        draws.append(measure.Draw(made, suggested(calibrate(made, fitted))))
    compared = measure.differences(world, draws)
    return {name: float(np.mean([each[name][2] for each in compared])) for name in measure.FIGURES}


def suggested(found):
    """The same before soft labels are scaled and a threshold is chosen."""
    asked = found.asked
    plain = replace(found.fitted, min_confidence=0.0)
    return replace(found, fitted=plain, corrected=asked.log_soft.argmax(axis=1), log_soft=asked.log_soft)


def test_a_matrix_from_the_rows_that_judge_would_look_better_than_it_is(measure):
    """Four labels of ten flipped: judged by the pairs that make it, T promises what it cannot keep."""
    measure.FRESH = 5_000
    nested, at_once = differences(measure, True), differences(measure, False)
    assert abs(nested["labels right"]) < 0.01
    assert abs(nested["labels nll"]) < 0.025
    assert at_once["labels right"] > 0.012
    assert at_once["labels nll"] < -0.03


def test_a_classifier_of_trusted_rows_is_judged_without_so_few_that_it_looks_no_worse_than_it_is(measure, monkeypatch):
    """Ten rows of each class: judged by heads that lack a quarter of them it would look a point worse."""
    measure.FRESH = 5_000
    world, found = measure.World.of(CLASSES, flip=0.4), {}
    for folds in (clean_only.MORE_FOLDS, FOLDS):
        monkeypatch.setattr(clean_only, "MORE_FOLDS", folds)
        problems = [measure.problem_of(world, "head", 50, 100, True, seed, equal=True) for seed in range(DRAWS // 2)]
        compared = measure.differences(world, [measure.draw(each, "clean-only", {}) for each in problems])
        found[folds] = float(np.mean([each["classifier right"][2] for each in compared]))
    assert abs(found[10]) < 0.006
    assert found[4] < -0.008
