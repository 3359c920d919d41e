"""What is said of a source in words, and from which figures on."""

import numpy as np
import pytest

from labelfix.evidence.sources import _words


def words(counts, together=()):
    return " ".join(_words({"name": "anna", "confusion": np.array(counts)}, ("ham", "spam"), together, False))


@pytest.mark.parametrize(("right", "few"), [(19, True), (20, False)])
def test_twenty_trusted_rows_are_enough_to_describe_a_source(right, few):
    assert ("trusted rows tell how good it is" in words([[right - 9, 0], [0, 9]])) == few


@pytest.mark.parametrize(("counts", "random"), [([[30, 20], [20, 30]], False), ([[29, 21], [20, 30]], True)])
def test_a_source_is_as_good_as_random_where_chance_makes_it_so_in_more_than_a_twentieth_of_cases(counts, random):
    """χ² is 4.00 and 3.24: chance alone makes as much in 4.6 and 7.2 % of cases."""
    assert ("as good as random" in words(counts)) == random


@pytest.mark.parametrize(("surplus", "copy"), [(0.84, False), (0.86, True)])
def test_a_copy_is_called_one(surplus, copy):
    pair = {"sources": ["anna", "bert"], "surplus": surplus, "same": 0.97, "rows": 200}
    assert ("says the same as bert on 97.0% of 200 rows" in words([[40, 0], [0, 40]], [pair])) == copy


@pytest.mark.parametrize(("same", "copy"), [(0.99, False), (1.0, True)])
def test_two_that_never_differ_are_like_copies_though_few_trusted_rows_leave_it_open(same, copy):
    pair = {"sources": ["anna", "bert"], "surplus": 0.6, "same": same, "rows": 1061}
    said = "like a copy; if it is one, leave one of them out"
    assert (said in words([[4, 0], [0, 4]], [pair])) == copy


@pytest.mark.parametrize(("crossed", "swapped"), [(4, False), (5, True)])
def test_two_classes_are_swapped_where_chance_hardly_says_so_of_either(crossed, swapped):
    """Five of five are more than two standard errors, √5; four of four are as many."""
    assert ("swapped" in words([[0, 20], [crossed, 0]])) == swapped


def test_a_source_that_guesses_has_no_classes_swapped():
    """More often crossed than not, by chance: 14 of 24 and 13 of 23."""
    assert "swapped" not in words([[10, 14], [13, 10]])
    assert "swapped" not in words([[8, 22], [20, 18]])


def test_classes_that_are_numbered_one_further_are_not_called_swapped():
    counts = np.array([[1, 30, 0], [0, 2, 30], [30, 0, 1]])
    said = _words({"name": "anna", "confusion": counts}, ("a", "b", "c"), (), False)
    assert "swapped" not in " ".join(said)
