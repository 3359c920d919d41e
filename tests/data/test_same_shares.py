"""Whether two samples have the same class shares: against other programs, by hand, and where rows are few."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, fisher_exact

from labelfix.data.labels.same_shares import DRAWS, same_shares


def test_the_p_value_is_the_one_worked_by_hand():
    """Counts (30, 10) and (30, 30): expected 24, 16, 36, 24; 36/24 + 36/16 + 36/36 + 36/24 = 1.5 + 2.25 + 1 + 1.5.

    P(chi² with one degree of freedom > 6.25) = 2 (1 - Phi(2.5)) = 0.01242.
    """
    assert same_shares(np.array([30, 10]), np.array([30, 30])) == pytest.approx(0.01242, abs=1e-5)


def test_the_p_value_is_that_of_the_test_of_homogeneity():
    here, there = np.array([60, 30, 10]), np.array([400, 450, 150])
    expected = chi2_contingency(np.stack([here, there]), correction=False).pvalue
    assert same_shares(here, there) == pytest.approx(expected)


@pytest.mark.parametrize(("here", "there"), [([4, 2], [1, 9]), ([0, 3], [40, 10]), ([6, 0], [500, 500])])
def test_few_rows_are_tested_exactly(here, there):
    """Of two classes and the same statistic the exact p-value is known: Fisher's sums the tables as rare or rarer."""
    found = same_shares(np.array(here), np.array(there))
    assert found == pytest.approx(fisher_exact([here, there]).pvalue, abs=4 * np.sqrt(0.25 / DRAWS) + 0.02)


def test_the_level_holds_for_few_rows_and_many_classes():
    generator = np.random.default_rng(0)
    shares = generator.dirichlet(np.ones(12))
    p = [same_shares(generator.multinomial(15, shares), generator.multinomial(60, shares)) for _ in range(300)]
    for level in (0.05, 0.2):
        assert np.mean(np.array(p) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 300)


def test_rare_classes_are_counted_as_one():
    """Eleven expected of three rare classes together, less than five of each."""
    here, there = np.array([50, 50, 2, 3, 9]), np.array([500, 500, 40, 40, 40])
    merged = np.array([[50, 50, 14], [500, 500, 120]])
    expected = chi2_contingency(merged, correction=False).pvalue
    assert same_shares(here, there) == pytest.approx(expected)


def test_a_class_that_is_rare_and_often_drawn_is_seen():
    """Chance would make four of 33."""
    assert same_shares(np.array([62, 33]), np.array([2811, 94])) < 0.001
    assert same_shares(np.array([30, 32, 33]), np.array([1400, 1411, 94])) < 0.001


def test_without_rows_nothing_is_compared():
    assert same_shares(np.array([0, 0]), np.array([3, 4])) is None
    assert same_shares(np.array([3, 4]), np.array([0, 0])) is None
