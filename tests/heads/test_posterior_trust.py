"""Posteriors of several sources, scaled by pairs."""

import numpy as np
import pytest
from scipy.optimize import minimize

from labelfix.heads.posterior_trust import PairedPosterior, Trust, scaled_by_pairs

K, PAIRS, FOLDS = 3, 1200, 4


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
    scaled = scaled_by_pairs(found, truth, fold)
    shift = scaled.trust.scale.shift
    assert shift[0] - shift[1:].mean() == pytest.approx(-np.log(4), abs=0.35)
    each = np.arange(PAIRS)
    assert -np.log(scaled.held[each, truth]).mean() < -np.log(found.held[each, truth]).mean() - 0.05
    assert np.allclose(scaled.held.sum(axis=1), 1)


def test_no_fold_has_a_say_in_how_it_is_scaled():
    truth, fold, found = favoured(2)
    scaled = scaled_by_pairs(found, truth, fold)
    other = np.where(fold == 1, (truth + 1) % K, truth)
    again = scaled_by_pairs(found, other, fold)
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
    scale = scaled_by_pairs(found, truth, fold).trust.scale
    assert np.allclose([scale.slope, scale.shift], expected, atol=1e-3)
