"""Trusted rows are doubted where a model that never saw them is sure of another class."""

import numpy as np

from labelfix.evidence.doubts import doubts

P = np.array([[0.97, 0.03], [0.02, 0.98], [0.999, 0.001], [0.6, 0.4]])


def test_the_worst_contradiction_comes_first_and_mere_disagreement_is_not_listed():
    """Trusted labels are all class 1: row 2 is contradicted most, row 0 less; row 1 agrees, row 3 hesitates."""
    found = doubts(np.log(P), np.ones(4, dtype=np.int64))
    assert [each.row for each in found] == [2, 0]
    assert all(each.suggested == 0 for each in found)


def test_a_model_that_is_not_sure_or_does_not_rule_the_label_out_says_nothing():
    """It gives another class .85 and the label .03; .93 and .06; .91 and .04, which is enough."""
    p = np.array([[0.85, 0.03, 0.12], [0.93, 0.06, 0.01], [0.91, 0.04, 0.05]])
    assert [each.row for each in doubts(np.log(p), np.ones(3, dtype=np.int64))] == [2]


def test_no_more_are_listed_than_a_person_reads():
    log_p = np.log(np.tile([[0.99, 0.01]], (150, 1)))
    assert len(doubts(log_p, np.ones(150, dtype=np.int64))) == 50
