"""The classifier of the trusted rows starts from words for the classes only where these are clearly better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from labelfix.correction import members
from labelfix.correction.folds import cut
from labelfix.correction.members import Rows, fit_trusted_only, second_if_clearly_better
from labelfix.training.linear import LinearHead, cross_entropy_to, minimise

K, D = 4, 32


def rows(count, seed=0, noise=0.15):
    """Trusted rows around directions of the classes."""
    generator = np.random.default_rng(seed)
    centres = np.linalg.qr(generator.normal(size=(D, K)))[0].T
    truth = np.arange(count) % K
    points = centres[truth] * 0.5 + noise * generator.normal(size=(count, D))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    features = torch.from_numpy(points.astype(np.float32))
    labels = torch.from_numpy(truth)
    return Rows(features, labels[:0], labels, K, cut(truth, 0), 0), torch.from_numpy(centres.astype(np.float32))


def right(head):
    fresh, _ = rows(400)
    return float((head.logits(fresh.features).argmax(dim=1) == fresh.truth).float().mean())


def test_words_that_fit_the_classes_help_with_few_rows():
    few, centres = rows(8)
    alone, described = fit_trusted_only(few), fit_trusted_only(replace(few, described=centres))
    assert right(described.full) > right(alone.full) + 0.1


def test_words_that_do_not_fit_change_nothing():
    few, centres = rows(40)
    wrong = replace(few, described=centres.roll(1, dims=0))
    alone, described = fit_trusted_only(few), fit_trusted_only(wrong)
    assert torch.equal(alone.full.weight, described.full.weight)
    for one, other in zip(alone.without, described.without, strict=True):
        assert torch.equal(one.weight, other.weight)


def test_a_gain_below_one_standard_error_is_no_gain():
    """Gains .1 .3: mean .2, standard error .1; gains -.3 .5: mean .1, standard error .4."""
    assert second_if_clearly_better(np.array([[1.0, 1.0], [0.9, 0.7]])) == 1
    assert second_if_clearly_better(np.array([[1.0, 1.0], [1.3, 0.5]])) == 0
    assert second_if_clearly_better(np.array([[1.0], [0.1]])) == 0, "one row has no error"


@pytest.mark.parametrize("ridge", [0.1, 10.0])
def test_weights_are_drawn_to_the_start_as_strongly_as_the_ridge_says(ridge):
    """The solution minimises loss + |W - W0|^2 / 2r: there the gradient of the loss is (W0 - W) / r."""
    few, centres = rows(24)
    start = LinearHead(centres * 5, torch.zeros(K))
    (fitted,) = members._drawn_to(few, start, [ridge])
    head = fitted.without_temperature(None)[0]
    weights = torch.ones(len(few.truth))
    loss = cross_entropy_to(few.one_hot(few.truth), weights)
    _, slope = loss(head.logits(few.clean).T[None], slice(None), torch.zeros(1, dtype=torch.int64))
    np.testing.assert_allclose(slope[0] @ few.clean, (start.weight - head.weight) / ridge, atol=5e-3)


def test_drawn_to_zero_is_the_plain_ridge():
    few, _ = rows(24)
    zero = LinearHead.zeros(K, D)
    targets, every = few.one_hot(few.truth), torch.ones(len(few.truth))
    plain = minimise(few.clean, cross_entropy_to(targets, every), 10.0, zero)
    drawn = members._drawn_to(few, zero, [10.0])[0].without_temperature(None)[0]
    np.testing.assert_allclose(drawn.weight, plain.weight, atol=1e-4)
