"""Trusted rows are doubted where a model that never saw them is sure of another class."""

import numpy as np

from labelfix.evidence.doubts import MOST, doubts

P = np.array([[0.97, 0.03], [0.02, 0.98], [0.999, 0.001], [0.6, 0.4]])


def test_the_worst_contradiction_comes_first_and_mere_disagreement_is_not_listed():
    """Trusted labels are all class 1: row 2 is contradicted most, row 0 less; row 1 agrees, row 3 hesitates."""
    found = doubts(np.log(P), np.ones(4, dtype=np.int64))
    assert [each.row for each in found] == [2, 0]
    assert all(each.suggested == 0 for each in found)


def test_at_most_so_many_are_listed():
    log_p = np.log(np.tile([[0.99, 0.01]], (3 * MOST, 1)))
    assert len(doubts(log_p, np.ones(3 * MOST, dtype=np.int64))) == MOST
