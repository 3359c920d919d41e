"""Whether classes have other shares: the test holds its level, sees what is there, and says how much it is."""

import numpy as np
import pytest

from labelfix.errors import InputError
from labelfix.outputs.corrected_rows import HeldRows
from labelfix.outputs.drift import DRIFT_LEVEL, MAX_DRIFT, compare
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
