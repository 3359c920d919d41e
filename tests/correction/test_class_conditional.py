"""Telling noise that depends on the class alone from noise that depends on the row."""

import numpy as np
import pytest
from scipy.special import softmax

from labelfix.correction.class_conditional import CLEARLY, advantage_of_direct_model

MATRIX = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])


def test_by_hand():
    """Differences of log-likelihoods 1, 2, 3: their mean is 2 and its standard error 1/√3."""
    log_f = np.log(np.full((3, 3), 1 / 3))
    given = np.array([0, 1, 2])
    said = -np.log(MATRIX.mean(axis=0)[given])
    found = advantage_of_direct_model(log_f, MATRIX, given, said - np.array([1.0, 2.0, 3.0]))
    assert found == pytest.approx(2 * np.sqrt(3))


def test_one_row_says_nothing():
    assert advantage_of_direct_model(np.zeros((1, 3)), MATRIX, np.array([0]), np.array([9.0])) == 0


def test_the_class_explains_noise_that_was_drawn_by_it_and_not_noise_that_follows_the_row():
    generator = np.random.default_rng(0)
    f = softmax(3 * generator.normal(size=(4000, 3)), axis=1)
    truth = (f.cumsum(axis=1) < generator.random((4000, 1))).sum(axis=1)
    by_class = (MATRIX[truth].cumsum(axis=1) < generator.random((4000, 1))).sum(axis=1)
    # A direct model that has to learn, and is off by that much, from P(y' | x) itself.
    learned = softmax(np.log(f @ MATRIX) + 0.5 * generator.normal(size=(4000, 3)), axis=1)
    rows = np.arange(4000)
    assert advantage_of_direct_model(np.log(f), MATRIX, by_class, -np.log(learned[rows, by_class])) < CLEARLY
    by_row = f.argmax(axis=1)  # labels that follow what x looks like, whatever its class
    direct = softmax(4 * np.log(f), axis=1)
    assert advantage_of_direct_model(np.log(f), MATRIX, by_row, -np.log(direct[rows, by_row])) > -CLEARLY
