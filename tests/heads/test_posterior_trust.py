"""Posteriors of several sources: how far pairs move what they are trusted, and scale them."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from labelfix.correctors.contract import Problem
from labelfix.data.opinions import Opinions
from labelfix.heads.fit_scale import kinds_for
from labelfix.heads.folds import Folds
from labelfix.heads.posterior_trust import PairedPosterior, Trust, fit_trust, scaled_by_pairs
from labelfix.methods.mlc import anchored, posterior
from labelfix.methods.mlc.posterior import APART, OF_SOURCES, USUAL
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings

K, PAIRS, FOLDS = 3, 1200, 4


def folds_of(fold):
    """Four folds of rows that all count alike."""
    return Folds(fold, 4, np.ones(len(fold)))


def favoured(seed):
    """Pairs, and a posterior of them that gives class 0 four times the odds that it should have."""
    generator = np.random.default_rng(seed)
    log_p = np.log(generator.dirichlet(np.full(K, 0.5), PAIRS))
    truth = np.array([generator.choice(K, p=p) for p in np.exp(log_p)])
    held = np.exp(log_p) * np.array([4.0, 1.0, 1.0])
    held /= held.sum(axis=1, keepdims=True)
    trust = Trust(1.0, 0.0, np.zeros((K, K)))
    return truth, np.arange(PAIRS) % FOLDS, PairedPosterior(trust, 1.0, held, (trust,) * FOLDS)


def test_a_class_that_is_favoured_is_put_back():
    truth, fold, found = favoured(1)
    scaled = scaled_by_pairs(found, truth, folds_of(fold), truth)
    shift = scaled.trust.scale.shift
    assert shift[0] - shift[1:].mean() == pytest.approx(-np.log(4), abs=0.35)
    each = np.arange(PAIRS)
    assert -np.log(scaled.held[each, truth]).mean() < -np.log(found.held[each, truth]).mean() - 0.05
    assert np.allclose(scaled.held.sum(axis=1), 1)


def test_no_fold_has_a_say_in_how_it_is_scaled():
    truth, fold, found = favoured(2)
    scaled = scaled_by_pairs(found, truth, folds_of(fold), truth)
    other = np.where(fold == 1, (truth + 1) % K, truth)
    again = scaled_by_pairs(found, other, folds_of(fold), truth)
    assert np.array_equal(again.held[fold == 1], scaled.held[fold == 1])
    assert not np.allclose(again.held[fold == 2], scaled.held[fold == 2])
    assert np.array_equal(again.without[1].scale.slope, scaled.without[1].scale.slope)


def test_the_scale_is_the_likeliest_one_under_its_prior():
    truth, fold, found = favoured(3)
    log_p, one_hot = np.log(found.held), np.eye(K)[truth]

    def loss(values):
        slope, shift = values.reshape(2, K)
        z = slope * log_p + shift
        log_q = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return -(log_q * one_hot).sum() + 2 * ((slope - 1) ** 2).sum() + 2 * (shift**2).sum()

    expected = minimize(loss, np.repeat([1.0, 0.0], K), tol=1e-10).x.reshape(2, K)
    scale = scaled_by_pairs(found, truth, folds_of(fold), truth).trust.scale
    assert np.allclose([scale.slope, scale.shift], expected, atol=1e-3)


def test_classes_are_scaled_one_by_one_where_pairs_tell_them_all():
    """A class that no pair is of can only get rarer by a shift of its own, whatever the noisy rows are."""
    truth, fold, found = favoured(4)
    some = truth[truth < K - 1]
    for rare, kinds in ((95, ("temperature", "vector")), (93, ("temperature",))):
        assert kinds_for(some, np.repeat([0, K - 1], [rare, 100 - rare])) == kinds
    scale = scaled_by_pairs(found, np.where(truth == K - 1, 0, truth), folds_of(fold), truth).trust.scale
    assert np.array_equal(scale.shift, np.zeros(K))
    assert np.ptp(scale.slope) == 0


def trusted(pairs, log_t):
    """κ of several sources that are as good as T says, by so many pairs, a fifth of them wrong; nobody else knows."""
    rows = np.arange(pairs)
    truth = rows % K
    given = np.where(rows // K % 5 == 0, (truth + 1 + rows // (5 * K) % 2) % K, truth)
    nothing = np.zeros((pairs, K))
    terms = log_t, [log_t] * FOLDS
    return fit_trust(nothing, nothing, truth, given, folds_of(rows // K % FOLDS), terms, USUAL, OF_SOURCES, APART).kappa


def test_where_pairs_say_nothing_five_sources_count_as_two():
    assert 5 * trusted(24, np.zeros((K, K))) == pytest.approx(2)


def test_a_hundred_pairs_are_enough_to_say_that_sources_do_not_err_together():
    log_t = np.log(0.8 * np.eye(K) + 0.1 * (1 - np.eye(K)))
    assert [trusted(pairs, log_t) for pairs in (15, 60, 120)] == [0.6, 0.8, 1.0]


@pytest.mark.parametrize(("pairs", "scaled"), [(96, False), (104, True)])
def test_a_hundred_pairs_scale_the_posterior_of_several_sources(pairs, scaled, monkeypatch):
    draw = np.random.default_rng(5)
    truth = np.arange(160 + pairs) % 2
    points = (np.eye(2)[truth] + draw.normal(0, 0.7, (len(truth), 2))).astype(np.float32)
    said = np.where(draw.random((len(truth), 3)) < 0.8, truth[:, None], 1 - truth[:, None])

    def opinions(of):
        row, source = np.repeat(np.arange(len(of)), 3), np.tile(np.arange(3), len(of))
        return Opinions.of(len(of), row, source, of.ravel(), ("anna", "bert", "carla"))

    made = Problem(
        noisy=FeatureInputs(points[pairs:]),
        given=said[pairs:, 0],
        clean=FeatureInputs(points[:pairs]),
        truth=truth[:pairs],
        paired_given=said[:pairs, 0],
        num_classes=2,
        sampling="random",
        new_classifier=lambda generator: Classifier(torch.nn.Identity(), 2, 2, generator),
        family="head",
        device=torch.device("cpu"),
        seed=0,
        opinions=opinions(said[pairs:]),
        paired_opinions=opinions(said[:pairs]),
    )
    asked = []
    monkeypatch.setattr(posterior, "scaled_by_pairs", lambda found, *rest: asked.append(rest) or found)
    anchored.solve(made, MlcSettings(), Silent())
    assert bool(asked) == scaled
