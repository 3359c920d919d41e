"""T behind a weak model of the given labels: recovered where the model says anything, careful where it says nothing."""

import numpy as np
import pytest

from labelfix.numerics.recovered_transition import SMOOTHING, onto_simplex, recovered_transition
from labelfix.numerics.transition import expected_transition


def drawn(transition, sharpness, noisy=20_000, clean=2000, seed=0):
    """Rows of three equally frequent classes, and a model that says of a row of class c little more than chance."""
    classes = len(transition)
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, noisy + clean)
    given = np.array([generator.choice(classes, p=transition[c]) for c in truth])
    of_class = (1 - sharpness) / classes + sharpness * np.asarray(transition)
    said = of_class[truth] + generator.normal(0, 0.05, (noisy + clean, classes))
    return truth[:clean], said[:clean], given[clean:], said[clean:]


MATRIX = np.array([[0.9, 0.1, 0.0], [0.05, 0.6, 0.35], [0.2, 0.0, 0.8]])


@pytest.mark.parametrize("sharpness", [0.3, 1.0])
def test_it_is_found_however_unsure_the_model_is(sharpness):
    truth, of_clean, given, of_noisy = drawn(MATRIX, sharpness)
    found = recovered_transition(truth, of_clean, given, of_noisy, 3)
    shares = np.bincount(given, minlength=3) / len(given)
    assert np.abs(found - ((1 - SMOOTHING) * MATRIX + SMOOTHING * shares)).max() < 0.05
    assert np.allclose(found.sum(axis=1), 1)
    if sharpness < 1:  # the mean of the model is nearly flat
        assert expected_transition(truth, of_clean, 3).diagonal().mean() < 0.6


def test_a_model_that_says_nothing_leaves_the_prior():
    """R = ½I + ½·shares of the classes; with equal shares T is the same, then smoothed: ½ + ½·⅓ → .9·⅔ + .1·⅓."""
    truth, given = np.arange(300) % 3, np.arange(3000) % 3
    flat = np.full((3000, 3), 1 / 3)
    found = recovered_transition(truth, flat[:300], given, flat, 3)
    assert np.allclose(found.diagonal(), 0.9 * 2 / 3 + 0.1 / 3, atol=1e-3)


def test_a_class_without_trusted_rows_is_taken_for_what_its_given_rows_look_like():
    truth, of_clean, given, of_noisy = drawn(0.7 * np.eye(3) + 0.1, 0.6)
    keep = truth != 1
    found = recovered_transition(truth[keep], of_clean[keep], given, of_noisy, 3)
    assert np.isfinite(found).all()
    assert found[1].argmax() == 1


def test_rows_are_projected_onto_probabilities():
    """(.5, .7) is .1 too much each; (2, 0) loses its second entry; (.3, .7) stays."""
    rows = np.array([[0.5, 0.7], [2.0, 0.0], [0.3, 0.7]])
    assert np.allclose(onto_simplex(rows), [[0.4, 0.6], [1.0, 0.0], [0.3, 0.7]])


def test_the_prior_weighs_as_much_as_fifteen_sure_trusted_rows():
    """A model that is sure of 16 trusted rows: R = (32 · of given rows + 30 · prior) / 62, then smoothed."""
    truth, given = np.arange(16) % 2, np.arange(40) % 2
    of_noisy = np.where(np.eye(2)[given] > 0, 0.95, 0.05)
    found = recovered_transition(truth, np.eye(2)[truth], given, of_noisy, 2)
    kept = (32 * 0.95 + 30 * 0.75) / 62
    assert found == pytest.approx(0.9 * np.array([[kept, 1 - kept], [1 - kept, kept]]) + 0.05, abs=1e-4)
