"""Repeated rows with different labels, and rows unlike any trusted one."""

from dataclasses import replace

import numpy as np
import pytest

from labelfix.evidence import checks
from labelfix.evidence.checks import side_checks
from labelfix.models.features import FeatureInputs


def features(rows):
    return FeatureInputs(np.array(rows, dtype=np.float32))


TRUSTED = features([[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0.1, 0.9, 0]])
TRUTH = np.array([0, 0, 1, 1])


def test_the_later_of_two_equal_rows_with_different_labels_names_the_earlier():
    """Places in the file 30, 10, 20: row 0 is the last, and its twin is the row that stands at 10."""
    noisy = features([[1, 0, 0], [1, 0, 0], [0, 1, 0]])
    found = side_checks(noisy, np.array([1, 0, 1]), np.array([30, 10, 20]), TRUSTED, TRUTH, 2)
    assert found.duplicate_of.tolist() == [10, -1, -1]
    assert (found.equal, found.near) == (2, 0)


def test_equal_rows_with_the_same_label_are_no_finding():
    found = side_checks(features([[1, 0, 0]] * 3), np.zeros(3, np.int64), np.arange(3), TRUSTED, TRUTH, 2)
    assert found.duplicate_of.tolist() == [-1, -1, -1]


def test_nearly_equal_rows_count_too():
    noisy = features([[1, 0, 0], [0.999, 0.02, 0], [0.5, 0.5, 0]])
    found = side_checks(noisy, np.array([0, 1, 1]), np.arange(3), TRUSTED, TRUTH, 2)
    assert found.duplicate_of.tolist() == [-1, 0, -1]
    assert (found.equal, found.near) == (0, 2)


def test_rows_of_a_table_that_point_the_same_way_do_not_hold_the_same():
    noisy = features([[1, 0, 0], [0.999, 0.02, 0], [1, 0, 0]])
    found = side_checks(noisy, np.array([0, 1, 1]), np.arange(3), TRUSTED, TRUTH, 2, table=True)
    assert found.duplicate_of.tolist() == [-1, -1, 0]
    assert (found.equal, found.near) == (2, None)


@pytest.mark.parametrize("most", [20_000, 3])
def test_many_rows_are_searched_block_by_block(monkeypatch, most):
    monkeypatch.setattr(checks, "BLOCK", 4)
    monkeypatch.setattr(checks, "MOST_PAIRS", most)
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(20, 8)).astype(np.float32)
    rows[17] = rows[2]
    given = np.arange(20) % 2
    trusted = FeatureInputs(generator.normal(size=(6, 8)).astype(np.float32))
    found = side_checks(FeatureInputs(rows), given, np.arange(20), trusted, np.arange(6) % 2, 2)
    assert found.duplicate_of[17] == 2
    assert (found.duplicate_of >= 0).sum() == 1
    assert found.near == (0 if most > 20 else None)


@pytest.mark.parametrize("width", [40, 1200])
def test_nearly_equal_rows_are_those_of_all_products(width, monkeypatch):
    """Rows around forty centres, some of them nearly equal and many around one; against all cosines in float64."""
    monkeypatch.setattr(checks, "BLOCK", 100)
    monkeypatch.setattr(checks, "TILE", 30)
    generator = np.random.default_rng(1)
    centres = generator.normal(size=(40, width)) + 1
    of = np.where(np.arange(1500) % 3 == 0, 0, generator.integers(40, size=1500))
    rows = (centres[of] + generator.choice([0.05, 0.15, 1.0], (1500, 1)) * generator.normal(size=(1500, width))).astype(
        "f4"
    )
    given = generator.integers(3, size=1500)
    found = side_checks(FeatureInputs(rows), given, np.arange(1500), FeatureInputs(rows[:9]), np.arange(9) % 3, 3)
    unit = rows.astype(float) / np.linalg.norm(rows.astype(float), axis=1, keepdims=True)
    cosine = unit @ unit.T
    sure = (abs(cosine - checks.NEAR) > 1e-5).all(axis=1)
    near = (cosine >= checks.NEAR) & (given[:, None] != given)
    assert 100 < near.any(axis=1).sum() < 1400
    assert found.near == pytest.approx(near.any(axis=1).sum(), abs=float((~sure).sum()))
    earlier = np.where(near & (np.arange(1500)[:, None] > np.arange(1500)), cosine, -1)
    assert (found.duplicate_of >= 0)[sure].tolist() == (earlier.max(axis=1) > 0)[sure].tolist()
    named = np.flatnonzero((found.duplicate_of >= 0) & sure)
    np.testing.assert_allclose(cosine[named, found.duplicate_of[named]], earlier[named].max(axis=1), atol=1e-6)


def test_parts_of_the_search_that_are_kept_are_not_searched_again(monkeypatch):
    monkeypatch.setattr(checks, "PART", 8)
    generator = np.random.default_rng(0)
    rows, given = FeatureInputs(generator.normal(size=(20, 3)).astype(np.float32)), np.arange(20) % 2
    kept = {}

    def keep(name, compute):
        if name not in kept:
            kept[name] = compute()
        return kept[name]

    first = side_checks(rows, given, np.arange(20), TRUSTED, TRUTH, 2, keep=keep)
    assert list(kept) == ["repeats", "unlike-0", "unlike-8", "unlike-16"]
    for part in ("_repeats", "_unlike"):
        monkeypatch.setattr(checks, part, lambda *_: pytest.fail("searched again"))
    again = side_checks(rows, given, np.arange(20), TRUSTED, TRUTH, 2, keep=keep)
    assert again.outlier_score.tolist() == first.outlier_score.tolist()


def test_a_row_unlike_all_trusted_ones_has_the_highest_score():
    noisy = features([[0.95, 0.05, 0], [0, 0, 1]])
    found = side_checks(noisy, np.array([0, 1]), np.arange(2), TRUSTED, TRUTH, 3)
    assert found.outlier_score[1] == 1
    assert found.outlier_score[0] == 0
    told = found.to_json(["a", "b", "c"], 2)
    assert told["classes_without_trusted_rows"] == ["c"]
    assert told["rows_unlike_any_trusted_row"] == 1
    near_and_far = replace(found, outlier_score=np.array([0.985, 0.995]))
    assert near_and_far.to_json(["a", "b", "c"], 2)["rows_unlike_any_trusted_row"] == 1


def test_few_directions_tell_nearly_all_pairs_apart():
    """Rows in fifty groups, of 384 features that fall off slowly: less than one pair in 20,000 is looked at whole, of
    which half the `DIRECTIONS` would look at ten times as many; and those cost less than 7 % of all products."""
    generator = np.random.default_rng(0)
    falling = np.arange(1, 385) ** -0.5
    groups = generator.normal(size=(50, 384)) * falling
    rows = 2 * groups[generator.integers(50, size=2000)] + generator.normal(size=(2000, 384)) * falling
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    search = checks._Neighbours(unit, np.arange(2000))
    product = search.left @ search.right
    pairs = (np.count_nonzero(product >= checks.NEAR - 1 - checks.SLACK) - 2000) / 2
    assert pairs / (2000 * 1999 / 2) < 1 / 20_000
    assert search.left.shape[1] < 0.07 * 384
