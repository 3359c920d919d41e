"""The classifier of the trusted rows starts from words for the classes only where these are clearly better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from labelfix.correction import members
from labelfix.correction.folds import cut
from labelfix.correction.members import Rows, fit_trusted_only, fits_better
from labelfix.training.linear import LinearHead, cross_entropy_to, minimise

K, D = 4, 32


def rows(count, noisy=0, wrong=0.3, seed=0, noise=0.15):
    """Trusted and noisy rows around directions of the classes; given labels are wrong that often."""
    generator = np.random.default_rng(seed)
    centres = np.linalg.qr(generator.normal(size=(D, K)))[0].T
    truth = np.arange(noisy + count) % K
    points = centres[truth] * 0.5 + noise * generator.normal(size=(len(truth), D))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    given = np.where(generator.random(noisy) < wrong, generator.integers(K, size=noisy), truth[:noisy])
    features, trusted = torch.from_numpy(points.astype(np.float32)), truth[noisy:]
    made = Rows(features, torch.from_numpy(given), torch.from_numpy(trusted), K, cut(trusted, 0), 0)
    return made, torch.from_numpy(centres.astype(np.float32))


def right(head):
    fresh, _ = rows(400)
    return float((head.logits(fresh.clean).argmax(dim=1) == fresh.truth).float().mean())


def same(one, other):
    heads = [one.full, *one.without], [other.full, *other.without]
    return all(torch.equal(a.weight, b.weight) for a, b in zip(*heads, strict=True))


def test_words_that_fit_the_classes_help_with_few_rows():
    few, centres = rows(8, noisy=200)
    alone, described = fit_trusted_only(few), fit_trusted_only(replace(few, described=centres))
    assert right(described.full) > right(alone.full) + 0.1


def test_words_that_do_not_fit_change_nothing():
    few, centres = rows(40, noisy=200)
    assert same(fit_trusted_only(few), fit_trusted_only(replace(few, described=centres.roll(1, dims=0))))


def test_words_that_given_labels_were_made_from_change_nothing_where_trusted_rows_speak_against_them():
    few, centres = rows(40, noisy=200)
    wrong = centres.roll(1, dims=0)
    made = replace(few, given=(few.noisy @ wrong.T).argmax(dim=1))
    assert same(fit_trusted_only(made), fit_trusted_only(replace(made, described=wrong)))


def test_without_noisy_rows_nothing_speaks_for_words():
    few, centres = rows(8)
    assert same(fit_trusted_only(few), fit_trusted_only(replace(few, described=centres)))


def test_a_gain_on_given_labels_below_one_standard_error_is_no_gain():
    """Two rows, one better and one worse by about as much; then both better."""
    pair = Rows(torch.eye(2), torch.tensor([0, 0]), torch.zeros(0, dtype=torch.int64), 2, cut(np.arange(2), 0), 0)
    plain = LinearHead.zeros(2, 2)
    one = LinearHead(torch.tensor([[2.0, -1.5], [0.0, 0.0]]), torch.zeros(2))
    both = LinearHead(torch.tensor([[2.0, 1.5], [0.0, 0.0]]), torch.zeros(2))
    balanced = replace(pair, given=torch.tensor([0, 0]), features=torch.eye(2))
    balanced = replace(balanced, features=torch.eye(2).repeat(2, 1), given=torch.tensor([0, 0, 1, 1]))
    better = np.ones(4)
    assert not fits_better(balanced, plain, one, better)
    told = replace(balanced, features=torch.tensor([[1.0, 0], [0, 1.0], [-1.0, 0], [0, -1.0]]))
    assert fits_better(told, plain, both, better)
    assert not fits_better(told, plain, both, -better), "trusted rows have a veto"


@pytest.mark.parametrize("ridge", [0.1, 10.0])
def test_weights_are_drawn_to_the_start_as_strongly_as_the_ridge_says(ridge):
    """The solution minimises loss + |W - W0|^2 / 2r: there the gradient of the loss is (W0 - W) / r."""
    few, centres = rows(24)
    start = LinearHead(centres * 5, torch.zeros(K))
    fitted = members._drawn_to(few, start, ridge)
    head = fitted.without_temperature(None)[0]
    weights = torch.ones(len(few.truth))
    _, slope = cross_entropy_to(few.one_hot(few.truth), weights)(head.logits(few.clean), slice(None))
    np.testing.assert_allclose(slope.T @ few.clean, (start.weight - head.weight) / ridge, atol=5e-3)


def test_drawn_to_zero_is_the_plain_ridge():
    few, _ = rows(24)
    zero = LinearHead.zeros(K, D)
    targets, every = few.one_hot(few.truth), torch.ones(len(few.truth))
    plain = minimise(few.clean, cross_entropy_to(targets, every), 10.0, zero)
    drawn = members._drawn_to(few, zero, 10.0).without_temperature(None)[0]
    np.testing.assert_allclose(drawn.weight, plain.weight, atol=1e-4)
