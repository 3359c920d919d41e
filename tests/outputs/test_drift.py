"""Whether classes have other shares: the test holds its level, sees what is there, and says how much it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency, fisher_exact

from labelfix.errors import InputError
from labelfix.outputs.corrected_rows import HeldRows
from labelfix.outputs.drift import DRAWS, DRIFT_LEVEL, MAX_DRIFT, compare, p_value
from labelfix.outputs.exports import corrected_table, write_corrected


def rows(make_labels, counts, classes=("cat", "dog"), **rest):
    given = [name for name, count in zip(classes, counts, strict=True) for _ in range(count)]
    soft = np.eye(len(classes))[[classes.index(name) for name in given]]
    return make_labels(given, soft, classes=classes, **rest)


def held(make_labels, counts, **rest):
    return HeldRows(corrected_table(rows(make_labels, counts, **rest)))


@pytest.fixture
def against(make_labels, tmp_path):
    write_corrected(tmp_path / "old.parquet", rows(make_labels, [500, 500]))
    return tmp_path / "old.parquet"


def test_like_shares_pass_and_others_are_called_drift(make_labels, against):
    for found in compare(held(make_labels, [240, 260]), against):
        assert found.lines == (f"{found.what}: no drift from …{str(against)[-29:]} (p = 0.5)",)
        assert (found.differs, found.passed, found.class_name) == (False, True, "cat")
    given, predicted = compare(held(make_labels, [400, 100]), against)
    assert (given.what, predicted.what) == ("given labels", "predicted classes")
    for found in (given, predicted):
        assert (found.differs, found.passed) == (True, False)
        assert found.distance == pytest.approx(0.3)
        assert (found.share, found.share_against) == (0.8, 0.5)


def test_a_difference_within_the_tolerance_is_said_and_passes(make_labels, against):
    many = held(make_labels, [57_000, 43_000])
    assert [found.passed for found in compare(many, against, tolerance=0.05)] == [False, False]
    (found, _) = compare(many, against, tolerance=0.08)
    assert (found.differs, found.passed) == (True, True)
    assert "within the tolerance" in found.lines[0]


def test_both_questions_together_hold_the_level(make_labels, against):
    assert DRIFT_LEVEL == 0.001
    assert MAX_DRIFT == 0.05
    assert [found.level for found in compare(held(make_labels, [5, 5]), against)] == [DRIFT_LEVEL / 2] * 2
    assert [found.level for found in compare(held(make_labels, [5, 5]), against, 0.1)] == [0.05] * 2


def test_the_p_value_is_that_of_the_test_of_homogeneity():
    here, there = np.array([60, 30, 10]), np.array([400, 450, 150])
    expected = chi2_contingency(np.stack([here, there]), correction=False).pvalue
    assert p_value(here, there) == pytest.approx(expected)


@pytest.mark.parametrize(("here", "there"), [([4, 2], [1, 9]), ([0, 3], [40, 10]), ([6, 0], [500, 500])])
def test_few_rows_are_tested_exactly(here, there):
    """Of two classes and the same statistic the exact p-value is known: Fisher's sums the tables as rare or rarer."""
    found = p_value(np.array(here), np.array(there))
    assert found == pytest.approx(fisher_exact([here, there]).pvalue, abs=4 * np.sqrt(0.25 / DRAWS) + 0.02)


def test_the_level_holds_for_few_rows_and_many_classes():
    generator = np.random.default_rng(0)
    shares = generator.dirichlet(np.ones(12))
    p = [p_value(generator.multinomial(15, shares), generator.multinomial(60, shares)) for _ in range(300)]
    for level in (0.05, 0.2):
        assert np.mean(np.array(p) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 300)


def test_rows_in_another_order_of_classes_and_classes_of_one_side_are_compared_by_name(make_labels, against):
    (found, _) = compare(held(make_labels, [500, 500], classes=("dog", "cat")), against)
    assert found.distance == 0
    (found, _) = compare(held(make_labels, [0, 100, 100], classes=("bird", "cat", "dog")), against)
    assert (found.distance, found.p) == (0, 1)


def test_rows_of_other_classes_and_no_rows_at_all(make_labels, against):
    with pytest.raises(InputError, match="has none of the classes of the rows"):
        compare(held(make_labels, [5, 5], classes=("a", "b")), against)
    for found in compare(HeldRows(corrected_table(rows(make_labels, [1, 0])).slice(0, 0)), against):
        assert (found.p, found.passed) == (None, True)
        assert "there are no rows to compare" in found.lines[0]


def test_what_is_said_fits_80_columns(make_labels, tmp_path):
    classes = ("a class of a name that is far too long to be shown", "dog")
    write_corrected(tmp_path / f"{'old' * 30}.parquet", rows(make_labels, [500, 500], classes))
    for found in compare(held(make_labels, [4000, 1000], classes=classes), tmp_path / f"{'old' * 30}.parquet"):
        assert max(map(len, found.lines)) <= 80
