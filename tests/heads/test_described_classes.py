"""The classifier of the trusted rows starts from words for the classes only where these are clearly better."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from labelfix.heads import near_another_head, trusted_only
from labelfix.heads.folds import cut_folds
from labelfix.heads.rows import FitRows
from labelfix.heads.trusted_only import fit_trusted_only, fits_better
from labelfix.numerics.linear_heads import LinearHead

K, D = 4, 32


def rows(count, noisy=0, wrong=0.3, seed=0, noise=0.2):
    """Trusted and noisy rows around directions of the classes; given labels are wrong that often."""
    generator = np.random.default_rng(seed)
    centres = np.linalg.qr(generator.normal(size=(D, K)))[0].T
    truth = np.arange(noisy + count) % K
    points = centres[truth] * 0.5 + noise * generator.normal(size=(len(truth), D))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    given = np.where(generator.random(noisy) < wrong, generator.integers(K, size=noisy), truth[:noisy])
    features, trusted = torch.from_numpy(points.astype(np.float32)), truth[noisy:]
    made = FitRows(features, torch.from_numpy(given), torch.from_numpy(trusted), K, cut_folds(trusted, 0), 0)
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


def gains(first, second):
    """Two rows of two classes whose given labels a head makes likelier by about so much each than no head does."""
    given, nobody = torch.tensor([0, 1]), torch.zeros(0, dtype=torch.int64)
    pair = FitRows(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), given, nobody, 2, cut_folds(np.arange(2), 0), 0)
    return pair, LinearHead.zeros(2, 2), LinearHead(torch.tensor([[first, -second], [0.0, 0.0]]), torch.zeros(2))


def test_given_labels_of_all_classes_have_to_be_likelier():
    """Gains a and b have mean (a + b) / 2 and standard error |a - b| / 2: equal ones are clear, a and 0 are not."""
    assert fits_better(*gains(2.0, 2.0), np.zeros(4))
    assert not fits_better(*gains(2.0, 0.0), np.zeros(4)), "one standard error is not clear"
    assert not fits_better(*gains(-2.0, -2.0), np.zeros(4))


def test_trusted_rows_count_as_much_as_given_labels_and_have_a_veto():
    """Gains of 1, 3 are two standard errors, -3 and 1 minus a half, and -3 and -1 minus two."""
    assert fits_better(*gains(2.0, 0.0), np.array([1.0, 3.0]))
    assert fits_better(*gains(2.0, 2.0), np.array([-3.0, 1.0]))
    assert not fits_better(*gains(2.0, 2.0), np.array([-3.0, -1.0]))


def test_two_standard_errors_are_clear_and_neither_side_counts_more_than_three():
    """What docs/decisions/views.md measured."""
    assert (trusted_only.CLEARLY, trusted_only.MOST_ERRORS) == (2.0, 3.0)


@pytest.mark.parametrize("ridge", [0.1, 10.0])
def test_weights_are_drawn_to_the_start_as_strongly_as_the_ridge_says(ridge):
    """The solution minimises loss + |W - W0|^2 / 2r: there the gradient of the loss is (W0 - W) / r."""
    few, centres = rows(24)
    start = LinearHead(centres * 5, torch.zeros(K))
    (fitted,) = near_another_head.drawn_to(few, start, (ridge,))
    head = fitted.without_temperature(None)[0]
    weight = head.weight.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(few.clean @ weight.T + head.bias, few.truth, reduction="sum")
    (slope,) = torch.autograd.grad(loss, weight)
    np.testing.assert_allclose(slope, (start.weight - head.weight) / ridge, atol=5e-3)


def test_its_candidates_are_those_that_the_figures_of_the_docs_were_measured_with():
    """Scales and ridges of a head that is drawn to words, and ridges of one that is drawn to another head."""
    made, centres = rows(60, noisy=200, noise=0.4)
    truth = made.truth.numpy()
    assert fit_trusted_only(replace(made, described=centres)).losses(truth).mean() == pytest.approx(0.8465, abs=4e-4)
    around = near_another_head.fit_around(made, LinearHead(5 * centres, torch.zeros(K)))
    assert around.losses(truth).mean() == pytest.approx(0.8532, abs=4e-4)
