"""Rows that come later and whose labels were given in another way than those of the run."""

import numpy as np
import pytest

from labelfix.data.tables import ClassNames
from labelfix.evidence.later_rows import LaterRows
from labelfix.evidence.saved_judges import Judges

PAIRS, NEW = 100, 400


def soft_of(doubt, rows):
    """Soft labels whose given label, class 0, looks wrong by this much on average, ± .2."""
    wrong = doubt + np.where(np.arange(rows) % 2, 0.2, -0.2)
    return np.stack([1 - wrong, wrong], axis=1).astype(np.float32)


def judges_of(sampling="random", pairs=PAIRS):
    """Models to whom pairs look wrong by .3."""
    none = np.zeros(0)
    return Judges(
        correctors=(),
        heads=(),
        score=none,
        by=none.astype(np.int64),
        label=none.astype(np.int64),
        weight=none,
        class_weight=np.ones(2),
        per_class=False,
        truth=np.zeros(pairs, dtype=np.int64),
        given=np.zeros(pairs, dtype=np.int64),
        soft=soft_of(0.3, pairs),
        share=np.ones(1),
        sampling=sampling,
        guarantee={},
    )


def lost(doubt, *, sampling="random", pairs=PAIRS, same=False):
    """What does not hold of new rows beside pairs that look wrong by .3."""
    rows = LaterRows(judges_of(sampling, pairs), ClassNames(("a", "b")), NEW)
    given = np.zeros(NEW, dtype=np.int64)
    rows.see(given, given, soft_of(doubt, NEW))
    shares = np.array([NEW, 0])
    return rows.figures(shares, shares, same)["new_rows"]["not_met"]


@pytest.mark.parametrize(("doubt", "told"), [(0.386, False), (0.394, True), (0.214, False), (0.206, True)])
def test_four_standard_errors_are_another_way(doubt, told):
    """One is √(.2² / 100 + .2² / 400) = .0224."""
    assert any("were given in another way" in each for each in lost(doubt)) == told


def test_the_sentence_has_both_shares():
    (said,) = lost(0.6)
    assert "look wrong in 60 % of all cases, and those of the rows you checked in 30 %" in said


def test_rows_that_were_not_drawn_at_random_and_few_are_nothing_to_compare_with():
    assert lost(0.6, sampling="per-class") == []
    assert lost(0.6, sampling="picked") == []
    assert lost(0.6, pairs=19) == []
    assert not any("another way" in each for each in lost(0.6, same=True))


@pytest.mark.parametrize(("other", "told"), [(4_990, False), (5_010, True)])
def test_shares_of_classes_may_differ_by_one_row_in_twenty(other, told):
    """Of 100,000 rows chance makes less than that."""
    rows = LaterRows(judges_of(), ClassNames(("a", "b")), 100_000)
    given = (np.arange(100_000) < other).astype(np.int64)
    rows.see(given, np.zeros_like(given), soft_of(0.3, 100_000))
    own = np.array([100_000, 0])
    assert any("have the given label" in each for each in rows.figures(own, own, False)["new_rows"]["not_met"]) == told
