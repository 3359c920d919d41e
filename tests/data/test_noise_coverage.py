"""The noise rate's intervals by a small simulation; tests/measure/noise_coverage.py has the whole one."""

import importlib.util
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from labelfix.data.intervals import share_interval, wilson
from labelfix.data.labels.class_shares import weighted
from labelfix.data.labels.likely_rates import likely_rates
from labelfix.data.labels.noise_rate import counted_rate, rate_of

SCRIPT = Path(__file__).parents[1] / "measure" / "noise_coverage.py"


def _simulation():
    name = "noise_coverage"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, SCRIPT)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


DRAWS = 30

CELLS = [
    ("per-class", 2, 10, 0.2, 100, "unif"),
    ("per-class", 4, 25, 0.0, 1, "unif"),
    ("per-class", 4, 25, 0.4, 10, "flip"),
    ("per-class", 4, 100, 0.4, 100, "unif"),
    ("per-class", 4, 100, 0.2, 10, "rising"),
    ("per-class", 2, 100, 0.4, 100, "falling"),  # shares that the given labels hardly tell
    ("per-class", 4, 100, 0.4, 100, "falling"),
    ("per-class", 10, 100, 0.4, 1, "flip"),
    ("per-class", 10, 400, 0.1, 100, "falling"),
    ("per-class", 30, 150, 0.2, 1, "unif"),
    ("random", 4, 10, 0.6, 10, "unif"),
    ("random", 10, 100, 0.1, 100, "flip"),
]


@cache
def _simulated(cell):
    simulation = _simulation()
    return simulation.simulate(simulation.Cell(*cell), DRAWS)


@pytest.mark.parametrize("cell", CELLS)
def test_intervals_hold_the_rate_and_those_of_the_classes(cell):
    found = _simulated(cell)
    assert found.held >= 0.9
    assert found.classes_held >= 0.9


def test_pooled_they_hold_it_as_often_as_they_say():
    assert np.mean([_simulated(cell).held for cell in CELLS]) >= 0.93


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell[0] == "per-class" and cell[4] == 1])
def test_rows_drawn_per_class_are_worth_nearly_as_much_as_others_where_classes_are_equal(cell):
    simulation = _simulation()
    assert simulation.beside_random(simulation.Cell(*cell), DRAWS, 0) <= 2


@pytest.mark.parametrize("each", [25, 100])
def test_no_wrong_pair_of_any_class_says_as_much_as_none_of_a_random_draw(each):
    """Where the variance was bootstrapped from them the ends were .998 and .275; drawn at random .038 and .010."""
    pairs, given = np.diag([each] * 4), np.array([1000] * 4)
    found = rate_of(pairs, given, "per-class")
    assert (found.value, found.low) == (pytest.approx(0, abs=1e-12), 0)
    assert found.high == pytest.approx(rate_of(pairs, given, "random").high, rel=0.1)


def test_rates_that_rows_tell_well_have_the_interval_of_their_linear_part():
    """T = [[.8, .2], [.1, .9]] and shares (.3, .7), so many given labels that they are known."""
    pairs, given = np.array([[8_000, 2_000], [1_000, 9_000]]), np.array([3_100_000, 6_900_000])
    found = likely_rates(pairs, given)
    # π = (q − e₂) / (1 − e₁ − e₂) with q = .31: of e₁ the rate takes π + (e₁ − e₂) · π / .7, of e₂ the rest likewise.
    first, second = 0.3 + 0.1 * 0.3 / 0.7, 0.7 + 0.1 * (0.31 - 0.1 - 0.7) / 0.7**2
    error = np.sqrt(first**2 * 0.8 * 0.2 / 10_000 + second**2 * 0.1 * 0.9 / 10_000)
    assert found.value == pytest.approx(0.13, abs=1e-4)
    assert found.high - found.value == pytest.approx(1.96 * error, rel=0.05)
    assert found.value - found.low == pytest.approx(1.96 * error, rel=0.05)


def test_classes_weigh_by_their_shares_and_these_are_found_behind_a_known_transition():
    """T = [[.8, .2], [.1, .9]] and true shares (.3, .7) give shares of (.31, .69), and .3 · .2 + .7 · .1 are wrong."""
    found = weighted(np.array([[80_000, 20_000], [10_000, 90_000]]), np.array([310_000, 690_000]))
    np.testing.assert_allclose(found.shares, [0.3, 0.7], atol=2e-3)
    assert found.rate == pytest.approx(0.13, abs=1e-3)


def test_the_rows_of_a_class_that_are_meant_are_those_truly_of_it():
    """Of 100 rows given the rare class 90 are of the other one: its own ten make its interval wide."""
    pairs = np.array([[45, 5], [0, 9]])
    few = counted_rate(pairs, np.array([810, 100]), "per-class").classes[1]
    many = counted_rate(pairs, np.array([810, 1000]), "per-class").classes[1]
    assert few.high - few.low > 1.2 * (many.high - many.low)


def test_a_single_hit_does_not_rule_out_small_shares():
    """Wilson's own lower end of 1 in 16 is .0111, so that of shares of .011 only .84 of the intervals would hold it."""
    assert wilson(1, 16)[0] > 0.011
    assert share_interval(1, 16)[0] == pytest.approx(0.05129 / 16)
    assert share_interval(15, 16)[1] == pytest.approx(1 - 0.05129 / 16)
    assert share_interval(30, 100) == wilson(30, 100)


KNOWN = [
    ([[8, 2], [1, 9]], [700, 300]),
    ([[20, 3, 2], [1, 12, 12], [0, 0, 25]], [900, 400, 700]),
    ([[3, 1, 1, 0], [0, 5, 0, 0], [1, 0, 3, 1], [2, 0, 0, 3]], [500, 200, 200, 40]),
]


FIGURES = [
    (0.1808026, 0.0379477, 0.4561732, 0.0, 0.5649221),
    (0.2378323, 0.1517704, 0.4487474, 0.0, 0.145824),
    (0.3418317, 0.1275791, 0.5973653, 0.0, 1.0),
]


def figures(pairs, given):
    """The rate, its ends, and those of the last class."""
    found = counted_rate(np.array(pairs), np.array(given), "per-class")
    return found.rate.value, found.rate.low, found.rate.high, found.classes[-1].low, found.classes[-1].high


def test_the_constants_are_those_that_the_figures_of_the_docs_were_measured_with():
    """Measured again where one moves: docs/benchmarks.md, and then these."""
    assert [figures(*each) for each in KNOWN] == [pytest.approx(each, abs=1e-5) for each in FIGURES]
