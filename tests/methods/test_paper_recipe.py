"""The paper's recipe on a toy problem: it learns, it is repeatable, it notices its own collapse."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_problem import CLASSES, WIDTH, problem, soft_labels

from labelfix.data.split import split_clean
from labelfix.errors import TrainingError
from labelfix.methods.mlc import paper
from labelfix.methods.mlc.judge import judge_network
from labelfix.methods.mlc.paper import make_mlc_plan
from labelfix.models.features import FeatureInputs
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings


@functools.cache
def fitted_with(paired, **settings):
    """A problem, its truth, and what 15 epochs make of it."""
    made, truth = problem(noisy=600, clean=60, paired=paired)
    return made, truth, paper.train_network(made, MlcSettings(**{"epochs": 15, **settings}), Silent())


@pytest.mark.parametrize(
    ("settings", "paired"),
    [
        ({}, True),
        ({}, False),
        ({"warmup_epochs": 0, "epochs": 40}, True),
        ({"lookahead": 5}, False),
        ({"skip": True}, True),
        ({"clean_split": "redrawn"}, False),
    ],
)
def test_it_corrects_most_wrong_labels(settings, paired):
    made, truth, fitted = fitted_with(paired, **settings)
    soft = soft_labels(made, fitted)
    assert np.allclose(soft.sum(axis=1), 1, atol=1e-5)
    given_right, corrected_right = (made.given == truth).mean(), (soft.argmax(axis=1) == truth).mean()
    assert given_right < 0.65
    assert corrected_right > 0.9


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    runs = []
    for seed in (0, 0, 1):
        made, _ = problem()
        made = replace(made, seed=seed)
        runs.append(soft_labels(made, paper.train_network(made, MlcSettings(epochs=3), Silent())))
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_history_has_a_row_an_epoch_with_every_figure():
    made, _ = problem()
    fitted = paper.train_network(made, MlcSettings(epochs=4, lookahead=5, skip=True), Silent())
    history = fitted.history.to_pydict()
    assert history["epoch"] == [1, 2, 3, 4]
    for name in ("corrected_loss", "clean_loss", "meta_loss", "meta_norm", "entropy", "changed", "gate", "gamma"):
        assert np.isfinite(history[name]).all(), name
    assert history["held_out_accuracy"][-1] > 0.9
    assert history["learning_rate"][0] > history["learning_rate"][-1] > 0


def test_fewer_noisy_rows_than_a_batch_are_one_batch():
    made, _ = problem(noisy=20)
    soft = soft_labels(made, paper.train_network(made, MlcSettings(epochs=2, batch_size=64), Silent()))
    assert soft.shape == (20, CLASSES)


def test_a_diverging_loss_stops_with_advice():
    made, _ = problem(noisy=200)
    with pytest.raises(TrainingError, match=r"no longer a number in epoch \d+; try --set learning_rate="):
        paper.train_network(made, MlcSettings(epochs=3, learning_rate=1e38), Silent())


def test_a_network_that_permutes_the_classes_is_called_collapsed():
    made, _ = problem()
    split = split_clean(made.truth, CLASSES, 0.2, 0)
    generator = torch.Generator().manual_seed(0)
    classifier = made.new_classifier(generator)
    lcn = LabelCorrectionNetwork(WIDTH, CLASSES, 4, 4, False, generator)
    with torch.no_grad():
        lcn.last.weight.zero_()
        lcn.last.bias.copy_(torch.tensor([0.0, 0.0, 5.0]))  # class 2 whatever comes in
    verdict = judge_network(made, split, np.full((CLASSES, CLASSES), 1 / CLASSES), classifier, lcn)
    assert verdict.collapse is not None
    assert verdict.collapse.startswith("the label correction network looks collapsed: on ")
    assert "try --set lcn_learning_rate=1e-4" in verdict.collapse


@pytest.mark.parametrize(("held_out", "enough"), [(49, False), (50, True)])
def test_fifty_held_out_rows_are_enough_to_see_a_collapse_without_the_meta_rows(held_out, enough):
    made, _ = problem(clean=5 * held_out)
    split = split_clean(made.truth, CLASSES, 0.2, 0)
    assert len(split.held_out) == held_out
    generator = torch.Generator().manual_seed(0)
    classifier = made.new_classifier(generator)
    lcn = LabelCorrectionNetwork(WIDTH, CLASSES, 4, 4, False, generator)
    with torch.no_grad():
        lcn.last.weight.zero_()
        lcn.last.bias.copy_(torch.tensor([0.0, 0.0, 5.0]))
    found = judge_network(made, split, np.full((CLASSES, CLASSES), 1 / CLASSES), classifier, lcn).collapse
    assert ("trusted rows it did not train on" in found) == enough
    assert ("trusted rows that taught it at second hand" in found) != enough


def test_a_good_fit_is_not_called_collapsed():
    _, _, fitted = fitted_with(True)
    assert fitted.warnings == ()
    judged = fitted.metrics["judged_on"]
    assert judged["corrected_right"] > judged["given_right"]


@pytest.mark.parametrize("paired", [True, False])
def test_the_transition_matrix_is_estimated_from_trusted_rows(paired):
    """40 % uniform noise over three classes: the diagonal is .6, the rest .2."""
    made, _ = problem(noisy=3000, clean=300, paired=paired)
    found = np.array(paper.train_network(made, MlcSettings(epochs=1), Silent()).metrics["transition"])
    assert np.abs(found - (0.2 + 0.4 * np.eye(CLASSES))).max() < 0.15


def test_the_learning_rate_follows_the_length_of_the_features():
    made, _ = problem()
    longer = FeatureInputs(made.noisy.features * 10)
    plan = make_mlc_plan(made, MlcSettings())
    scaled = make_mlc_plan(replace(made, noisy=longer), MlcSettings())
    assert plan.learning_rate == pytest.approx(0.3, rel=1e-5)
    assert scaled.learning_rate == pytest.approx(0.003, rel=1e-5)
