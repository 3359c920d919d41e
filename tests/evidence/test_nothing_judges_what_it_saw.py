"""No network looks at the trusted rows that judge it: whatever these hold, it is the same to the last bit.

Judged figures then differ from those of fresh rows by chance alone, given which rows were drawn.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from labelfix.methods.table import METHODS
from labelfix.models.features import FeatureInputs
from labelfix.networks import training

sys.path.insert(0, str(Path(__file__).parents[1] / "measure"))

import judged_against_fresh as measure

QUICK = ("distillation", "bayes", "joint-optimization")
TRUSTED, CLASSES = 60, 4


@pytest.mark.parametrize(
    "method", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in METHODS]
)
def test_whatever_judging_rows_hold_the_network_is_the_same(method, monkeypatch):
    splits = {}
    cut = training.cut_trusted_rows

    def same_split(problem, settings, choosers=False):
        """Which rows are held out follows from all labels, and shall not change here."""
        return splits.setdefault(choosers, cut(problem, settings, choosers))

    for module in [each for name, each in sys.modules.items() if name.startswith("labelfix.")]:
        if getattr(module, "cut_trusted_rows", None) is cut:
            monkeypatch.setattr(module, "cut_trusted_rows", same_split)
    world = measure.World.of(CLASSES, flip=0.4)
    made = measure.problem_of(world, "network", noisy=120, trusted=TRUSTED, paired=True, seed=3)
    settings = {"epochs": 2, "held_out": 0.4}
    found = measure.fit(made, method, settings)
    assert found.held is not None
    judging = found.held.rows
    assert 5 <= len(judging) < TRUSTED / 2
    truth, given = made.truth.copy(), made.paired_given.copy()
    truth[judging], given[judging] = (truth[judging] + 1) % CLASSES, (given[judging] + 2) % CLASSES
    rows = made.clean.batch(np.arange(TRUSTED)).numpy().copy()
    rows[judging] += 1
    other = measure.fit(replace(made, truth=truth, paired_given=given, clean=FeatureInputs(rows)), method, settings)
    assert np.array_equal(other.held.rows, judging)
    for name, value in found.classifier.state_dict().items():
        assert torch.equal(value, other.classifier.state_dict()[name]), name


def test_a_judge_does_not_look_at_the_rows_that_it_judges(monkeypatch):
    """What is chosen after training, the temperature and T, is chosen for each part without that part."""
    world = measure.World.of(CLASSES, flip=0.4)
    made = measure.problem_of(world, "network", noisy=120, trusted=TRUSTED, paired=True, seed=3)
    cut = training.cut_trusted_rows
    split = []

    def same_split(*arguments):
        split.append(cut(*arguments))
        return split[0]

    monkeypatch.setattr(training, "cut_trusted_rows", same_split)
    settings = {"epochs": 2, "held_out": 0.4}
    found = measure.fit(made, "bayes", settings)
    own = found.held.rows[found.held.by == 1]
    folds = sys.modules["labelfix.networks.finished_model"].cut_folds(
        made.truth[found.held.rows], made.seed, by_class=False
    )
    monkeypatch.setattr("labelfix.networks.finished_model.cut_folds", lambda *_, **__: folds)
    given = made.paired_given.copy()
    given[own] = (given[own] + 1) % CLASSES
    rows = made.clean.batch(np.arange(TRUSTED)).numpy().copy()
    rows[own] += 1
    other = measure.fit(
        replace(made, paired_given=given, clean=FeatureInputs(rows)), "bayes", {"epochs": 2, "held_out": 0.4}
    )
    for number, (one, two) in enumerate(zip(found.held.models, other.held.models, strict=True)):
        same = one.temperature == two.temperature and np.array_equal(
            one.corrector.label_terms, two.corrector.label_terms
        )
        assert same == (number == 1), number
