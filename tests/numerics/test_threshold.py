import numpy as np
import pytest

from labelfix.numerics.threshold import choose_threshold


def pairs(confident_wrong, rows=100, confidence=0.65):
    """Given labels all right; the posterior contradicts some of them, and is sure elsewhere."""
    held = np.tile([0.99, 0.01], (rows, 1))
    held[:confident_wrong] = [1 - confidence, confidence]
    return held, np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)


def test_pairs_raise_the_threshold_above_wrong_suggestions():
    assert choose_threshold(100, *pairs(confident_wrong=20)) == pytest.approx(0.73, abs=0.011)
    assert choose_threshold(100, *pairs(confident_wrong=20, confidence=0.85)) == pytest.approx(0.86, abs=0.009)


def test_pairs_lower_the_threshold_below_right_suggestions():
    held, _, truth = pairs(confident_wrong=20, confidence=0.55)
    assert choose_threshold(100, held, np.ones(100, dtype=np.int64), 1 - truth) == 0.6
    held[:20] = [0.55, 0.45]
    assert choose_threshold(100, held, np.ones(100, dtype=np.int64), truth) == 0.5


def test_with_more_than_two_classes_it_goes_down_to_a_third_where_pairs_speak_for_it():
    """Twenty right suggestions at .35 to .5, as four classes have them; the given labels of these rows are wrong."""
    held = np.tile([0.97, 0.01, 0.01, 0.01], (100, 1))
    held[:20, 0] = np.linspace(0.35, 0.49, 20)
    held[:20, 1:] = (1 - held[:20, :1]) / 3
    truth = np.zeros(100, dtype=np.int64)
    given = np.where(np.arange(100) < 20, 1, 0)
    assert choose_threshold(100, held, given, truth) == pytest.approx(0.35, abs=0.03)
    assert choose_threshold(100, held, truth, truth) == 0.6
    held[:20] = held[:20, [1, 0, 2, 3]]  # now the suggestions are wrong, and what is given is right
    assert choose_threshold(100, held, truth, truth) == pytest.approx(0.63, abs=0.03)


def test_a_pair_counts_as_its_class_occurs():
    """Rows that are contradicted wrongly, of a class that hardly occurs, hold back less."""
    held, given, truth = pairs(confident_wrong=20)
    weights = np.where(np.arange(100) < 20, 0.1, 1.225)
    alike = choose_threshold(100, held, given, truth)
    assert 0.6 < choose_threshold(100, held, given, truth, weights) < alike
    assert choose_threshold(100, held, given, truth, np.ones(100)) == alike


def test_one_pair_moves_it_by_little():
    values = [choose_threshold(60, *pairs(wrong, rows=60)) for wrong in range(15)]

    assert values[0] == 0.6
    assert values[-1] > 0.68
    assert max(np.diff(values)) <= 0.021
    assert min(np.diff(values)) >= 0


def test_without_a_gain_the_usual_threshold_stays():
    assert choose_threshold(1000, *pairs(confident_wrong=0)) == 0.6
    assert choose_threshold(400) == 0.6


def test_fewer_than_twenty_trusted_rows_make_it_cautious():
    assert choose_threshold(19) == 0.9
    assert choose_threshold(20) == 0.6
