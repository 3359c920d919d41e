import numpy as np

from labelfix.correction.threshold import choose_threshold


def pairs(confident_wrong, rows=100):
    """Given labels all right; the posterior contradicts some of them with confidence 0.65, and is sure elsewhere."""
    held = np.tile([0.99, 0.01], (rows, 1))
    held[:confident_wrong] = [0.35, 0.65]
    return held, np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)


def test_pairs_raise_the_threshold_above_wrong_suggestions():
    assert choose_threshold(100, *pairs(confident_wrong=5)) == 0.7


def test_without_a_clear_gain_the_usual_threshold_stays():
    assert choose_threshold(1000, *pairs(confident_wrong=0)) == 0.6


def test_fewer_than_fifty_pairs_decide_nothing():
    assert choose_threshold(49, *pairs(confident_wrong=20, rows=49)) == 0.6
    assert choose_threshold(400) == 0.6


def test_fewer_than_twenty_trusted_rows_make_it_cautious():
    assert choose_threshold(19) == 0.9
    assert choose_threshold(20) == 0.6
