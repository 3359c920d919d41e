"""Which rows to ask a person about."""

import numpy as np

from labelfix.scoring.next_rows import candidates, choose, worth


def test_a_row_is_worth_the_probability_that_its_corrected_label_is_wrong():
    """A given label that is surely wrong is fixed by the correction: its answer is worth little."""
    soft = np.array([[0.99, 0.01], [0.55, 0.45]], dtype=np.float32)
    assert np.allclose(worth(soft, np.array([0, 0])), [0.01, 0.45])


def test_trusted_rows_are_not_asked_about():
    assert candidates(np.array([0.5, 0.4, 0.3]), np.array([False, True, True]), 1).tolist() == [1, 2]


def test_near_copies_are_asked_about_once():
    """A cosine of .98 is a copy, one of .96 is not."""
    features = np.array([[1, 0, 0], [0.98, 0.199, 0], [0.96, 0, 0.28]], dtype=np.float32)
    assert choose(np.array([0.5, 0.49, 0.1]), np.zeros(3, np.int64), features, 3).tolist() == [0, 2]


def test_ten_rows_are_considered_for_each_that_is_wanted():
    assert len(candidates(np.ones(100), np.ones(100, bool), 3)) == 30


def test_classes_that_were_asked_about_often_wait_for_the_others():
    """Ten rows of class 0 are worth a little more than ten of class 1: both are asked about."""
    value = np.concatenate([np.full(10, 0.50), np.full(10, 0.48)])
    suggested = np.repeat([0, 1], 10)
    chosen = choose(value, suggested, np.eye(20, dtype=np.float32), 10)
    assert (suggested[chosen] == 1).sum() >= 3


def test_a_class_that_was_asked_about_twice_gives_way_to_one_that_is_worth_nine_tenths():
    """Of four rows from two classes two are of class 0, one more than fair: they count 1 / (1 + .25 · ½) = .89."""
    suggested = np.repeat([0, 1], 4)
    for other, third in ((0.45, 1), (0.43, 0)):
        value = np.concatenate([np.full(4, 0.50), np.full(4, other)])
        chosen = suggested[choose(value, suggested, np.eye(8, dtype=np.float32), 4)]
        assert chosen[:3].tolist() == [0, 0, third]
