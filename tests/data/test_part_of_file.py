"""Trusted rows that stand in one part of the noisy file are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import labelfix
from labelfix.data.part_of_file import chance


def warnings(folder: Path, places: np.ndarray, **options: str) -> list[str]:
    """What `check` warns of where the trusted rows are those at some places of 400."""
    rows = [f"k{i},{i % 7},{(i * 37) % 11},{'xy'[i % 2]}" for i in range(400)]
    (folder / "noisy.csv").write_text("\n".join(["id,a,b,label", *rows]) + "\n")
    (folder / "gold.csv").write_text("\n".join(["id,label", *(f"k{i},{'xy'[i % 2]}" for i in places)]) + "\n")
    found = labelfix.check(folder / "noisy.csv", folder / "gold.csv", **options).findings
    return [str(each) for each in found if "stand between" in str(each)]


def test_the_first_rows_of_a_file_are_told(tmp_path: Path) -> None:
    (said,) = warnings(tmp_path, np.arange(60))
    assert "all its 60 rows stand between rows 1 and 60 of the 400" in said
    assert "drawn at random" in said


def test_most_of_the_rows_in_one_part_are_told(tmp_path: Path) -> None:
    (said,) = warnings(tmp_path, np.concatenate([np.arange(300, 360), [5, 30, 399]]))
    assert "57 of its 63 rows stand between rows 301 and 357" in said


@pytest.mark.parametrize("places", [np.arange(3, 400, 7), np.random.default_rng(0).choice(400, 60, replace=False)])
def test_rows_from_all_of_the_file_are_not(tmp_path: Path, places: np.ndarray) -> None:
    assert warnings(tmp_path, places) == []


def test_who_says_that_they_were_drawn_at_random_is_believed(tmp_path: Path) -> None:
    assert warnings(tmp_path, np.arange(60), clean_sampling="random") == []


@pytest.mark.parametrize(("pairs", "rows"), [(20, 60), (120, 1_200), (400, 500)])
def test_random_draws_are_told_once_in_a_thousand(pairs: int, rows: int) -> None:
    generator = np.random.default_rng(0)
    drawn = [chance(np.sort(generator.choice(rows, pairs, replace=False)), rows) for _ in range(5_000)]
    assert np.mean(np.array(drawn) < 0.001) <= 0.002
    assert 0.02 < np.mean(np.array(drawn) < 0.05) < 0.07


def test_the_chance_of_the_first_rows_is_that_of_two_samples() -> None:
    """D = 1: 2 exp(−2 · 30 · 70 / 100); fewer than twenty say nothing."""
    assert chance(np.arange(30), 100) == pytest.approx(2 * np.exp(-42))
    assert chance(np.arange(19), 100) == 1
