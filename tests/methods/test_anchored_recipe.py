"""The anchored recipe on a toy problem, from the whole down to its folds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from toy_problem import CLASSES, WIDTH, blurred, problem, soft_labels

from labelfix.correctors.storage import load_corrector
from labelfix.errors import SettingsError
from labelfix.heads.folds import cut_folds
from labelfix.heads.learners import fit_given_labels, transitions
from labelfix.heads.trusted_only import fit_trusted_only
from labelfix.methods.mlc import anchored
from labelfix.methods.table import by_recipe
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings


def fit(made):
    return anchored.solve(made, MlcSettings(), Silent())


@pytest.mark.parametrize("paired", [True, False])
def test_it_corrects_most_wrong_labels_and_keeps_the_right_ones(paired):
    made, truth = problem(paired=paired)
    soft = soft_labels(made, fit(made))
    assert np.allclose(soft.sum(axis=1), 1, atol=1e-5)
    right = soft.argmax(axis=1) == truth
    wrong_before = made.given != truth
    assert right[wrong_before].mean() > 0.9
    assert right[~wrong_before].mean() > 0.97


@pytest.mark.parametrize("clean", [2, 3, 6, 15])
@pytest.mark.parametrize("paired", [True, False])
def test_a_handful_of_trusted_rows_is_enough_to_run(clean, paired):
    made, truth = problem(clean=clean, paired=paired)
    soft = soft_labels(made, fit(made))
    assert np.isfinite(soft).all()
    if clean >= 6:
        assert (soft.argmax(axis=1) == truth).mean() > (made.given == truth).mean() - 0.01


@pytest.mark.parametrize("paired", [True, False])
def test_a_saved_posterior_gives_the_same_labels_with_and_without_given_ones(tmp_path, paired):
    made, _ = problem(noisy=200, paired=paired)
    fitted = fit(made)
    fitted.corrector.save(tmp_path)
    logits, hidden = network_outputs(fitted.classifier, made.noisy, np.arange(200), made.device)
    given = made.given.copy()
    given[::3] = -1
    before = fitted.corrector.soft_labels(logits, hidden, given)
    again = load_corrector(tmp_path, logits.shape[1], hidden.shape[1])
    assert np.array_equal(before, again.soft_labels(logits, hidden, given))
    assert np.allclose(before[::3], softmax(logits[::3], axis=1), atol=1e-5)


def test_nothing_that_judges_a_trusted_row_has_seen_it():
    """Turning one trusted row's label around must not move its own out-of-fold prediction."""
    made, _ = problem(noisy=300)
    rows = anchored.load_rows(made)
    fold = rows.folds.of[0]
    truth = rows.truth.clone()
    truth[0] = (truth[0] + 1) % CLASSES
    turned = replace(rows, truth=truth)
    before, after = (fit_trusted_only(r).without[fold].weight for r in (rows, turned))
    # Its temperature and regularisation may move: they are two numbers chosen on all rows.
    cosine = torch.nn.functional.cosine_similarity(before.reshape(-1), after.reshape(-1), dim=0)
    assert cosine > 0.95
    expected = [transitions(r, fit_given_labels(r))[1][fold] for r in (rows, turned)]
    assert np.array_equal(*expected)


def test_history_has_a_row_an_outer_step_and_the_meta_loss_falls():
    made, _ = problem(noise=0.5, paired=False)
    history = fit(made).history.to_pydict()
    assert history["epoch"] == list(range(1, 13))
    for name in ("meta_loss", "meta_norm", "entropy", "changed", "a", "b", "c"):
        assert np.isfinite(history[name]).all(), name
    assert min(history["meta_loss"][1:]) < history["meta_loss"][0]


def test_folds_are_even_and_stratified():
    truth = np.repeat([0, 1, 2], [40, 8, 4])
    folds = cut_folds(truth, seed=0)
    assert folds.count == 4
    for fold in range(4):
        assert list(np.bincount(truth[folds.inside(fold)])) == [10, 2, 1]
        assert len(np.intersect1d(folds.inside(fold), folds.outside(fold))) == 0
    assert cut_folds(np.array([0, 1]), seed=0).count == 2


def test_the_default_recipe_is_for_fixed_features():
    made, _ = problem(noisy=100)
    assert by_recipe(made, MlcSettings(), Silent()).metrics["recipe"] == "anchored"
    network = replace(
        made,
        family="network",
        new_classifier=lambda g: Classifier(torch.nn.Identity(), WIDTH, CLASSES, g),
    )
    with pytest.raises(SettingsError, match="--set recipe=paper"):
        by_recipe(network, MlcSettings(), Silent())
    asked = MlcSettings(recipe="paper", epochs=1, warmup_epochs=0)
    assert by_recipe(network, asked, Silent()).metrics["recipe"] == "paper"


def test_more_classes_than_em_and_a_full_delta_allow():
    """101 classes, two trusted rows each: Δ is its diagonal and one number; nothing is K × K × N."""

    generator = np.random.default_rng(0)
    classes, made = 101, problem(noisy=10)[0]
    truth = np.tile(np.arange(classes), 6)
    rows = np.eye(classes, 104, dtype=np.float32)[truth] + 0.05 * generator.normal(size=(606, 104)).astype(np.float32)
    given = np.where(generator.random(606) < 0.2, generator.integers(0, classes, 606), truth)
    big = replace(
        made,
        noisy=FeatureInputs(rows[202:]),
        given=given[202:],
        clean=FeatureInputs(rows[:202]),
        truth=truth[:202],
        paired_given=given[:202],
        num_classes=classes,
        new_classifier=lambda g: Classifier(torch.nn.Identity(), 104, classes, g),
    )
    soft = soft_labels(big, fit(big))
    assert (soft.argmax(axis=1) == truth[202:]).mean() > 0.95


CHOSEN = ("beta", "kappa", "share_of_labels_as_given", "ridge", "min_confidence")
KNOWN_FIGURES = {
    0.4: ((0.4686, 0.2347, 0.3005), (1.2275, 1.0629, 0.2061), (0.4088, 0.3880), (1.0, 1.0, 0.0, 1.0, 0.55)),
    0.5: ((0.4804, 0.0883, 0.4122), (1.1995, 1.0777, 0.2332), (0.5840, 0.5900), (1.0, 1.0, 0.5, 1.0, 0.51)),
}
"""Shares of the members, parameters of the LCN, losses out of fold, and what was chosen."""


@pytest.mark.parametrize("scale", KNOWN_FIGURES)
def test_its_constants_are_those_that_the_figures_of_the_docs_were_measured_with(scale):
    """Priors, ridges, folds and candidates: one that moves has to be measured again, on sets that did not choose it."""
    made, _ = problem(noisy=300, clean=60)
    fitted = fit(blurred(made, scale))
    found = {**fitted.metrics, **fitted.metrics["posterior"], "min_confidence": fitted.min_confidence}
    shares, lcn, losses, chosen = KNOWN_FIGURES[scale]
    assert tuple(found["shares"].values()) == pytest.approx(shares, abs=1e-3)
    assert tuple(found["lcn"].values()) == pytest.approx(lcn, abs=5e-3)
    assert tuple(found["out_of_fold_nll"].values()) == pytest.approx(losses, abs=1e-3)
    assert tuple(found[name] for name in CHOSEN) == chosen


@pytest.mark.parametrize(("pairs", "speak"), [(19, False), (20, True)])
def test_twenty_pairs_say_how_far_the_given_label_is_trusted(pairs, speak):
    made, _ = problem(noisy=200, clean=40)
    paired = np.where(np.arange(40) < pairs, made.paired_given, -1)
    found = fit(replace(made, paired_given=paired)).metrics["posterior"]
    assert ("kappa" in found) == speak
    assert ("row_dependence" in found) != speak
