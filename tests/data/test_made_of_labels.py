"""Columns that are made of the given labels are told, and columns that tell the truth are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import labelfix
from labelfix.data.made_of_labels import says

MATRICES = {
    "even": 0.7 * np.eye(3) + 0.1,
    "pairs": 0.45 * np.eye(3) + 0.55 * np.roll(np.eye(3), 1, axis=1),
    "one class": np.array([[0.4, 0.6, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    "hardly told": 0.1 * np.eye(3) + 0.3,
}


def drawn(matrix: np.ndarray, seed: int, rows: int = 1_100, pairs: int = 100):
    """True and given labels of the noisy rows and of the pairs after them."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, rows)
    given = np.array([generator.choice(3, p=matrix[c] / matrix[c].sum()) for c in truth])
    return truth, given, given[:-pairs], truth[-pairs:], given[-pairs:], generator


@pytest.mark.parametrize("name", MATRICES)
def test_what_follows_from_the_true_class_is_never_told(name: str) -> None:
    """Columns that have the true class in all rows, in most of them and in none."""
    for seed in range(15):
        truth, _, labels, pairs_truth, pairs_given, generator = drawn(MATRICES[name], seed)
        for kept in (1.0, 0.8, 0.0):
            values = np.where(generator.random(len(truth)) < kept, truth, generator.integers(0, 3, len(truth)))
            assert says(values, labels, pairs_truth, pairs_given, 3) is None


@pytest.mark.parametrize(("kept", "least", "most"), [(1.0, 30, 30), (0.9, 9, 17), (0.5, 0, 0)])
def test_what_follows_from_the_given_label_is(kept: float, least: int, most: int) -> None:
    """With the label in half of the rows a column says less of it than the true class does; at two standard errors .9
    were told in 21 draws of 30, at four in 6."""
    found = 0
    for seed in range(30):
        _, given, labels, pairs_truth, pairs_given, generator = drawn(MATRICES["even"], seed)
        values = np.where(generator.random(len(given)) < kept, given, generator.integers(0, 3, len(given)))
        found += says(values, labels, pairs_truth, pairs_given, 3) is not None
    assert least <= found <= most


def test_a_column_for_each_class_is_made_of_the_labels() -> None:
    """None of them says enough by itself."""
    truth, given, labels, pairs_truth, pairs_given, generator = drawn(MATRICES["even"], 0)
    assert all(says((given == c).astype(int), labels, pairs_truth, pairs_given, 3) is not None for c in range(3))
    assert says((truth == 0).astype(int), labels, pairs_truth, pairs_given, 3) is None
    once = np.where(generator.random(len(given)) < 0.02, 1, given == 0).astype(int)
    assert says(once, labels, pairs_truth, pairs_given, 3) is None


def warned(folder: Path, wrong: float) -> list[str]:
    """The columns that `check` warns of."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, 600)
    given = np.where(generator.random(600) < wrong, (truth + 1) % 3, truth)
    size, mean = truth * 2 + generator.normal(0, 1, 600), given * 0.3 + generator.normal(0, 0.01, 600)
    queue = np.where(generator.random(600) < 0.95, given, generator.integers(0, 3, 600))
    lines = [f"k{i},{size[i]:.3f},{mean[i]:.4f},q{queue[i]},{'xyz'[given[i]]}" for i in range(600)]
    (folder / "noisy.csv").write_text("\n".join(["id,size,mean,queue,label", *lines]) + "\n")
    some = generator.choice(600, 80, replace=False)
    (folder / "gold.csv").write_text("\n".join(["id,label", *(f"k{i},{'xyz'[truth[i]]}" for i in some)]) + "\n")
    found = labelfix.check(folder / "noisy.csv", folder / "gold.csv").findings
    return [str(each) for each in found if "says more of the given labels" in str(each)]


def test_numbers_and_categories_are_warned_of_with_the_way_out(tmp_path: Path) -> None:
    mean, queue = warned(tmp_path, 0.3)
    assert "column 'mean'" in mean
    assert "column 'queue'" in queue
    assert "--feature-columns" in mean


def test_where_no_label_is_wrong_nothing_can_be_told(tmp_path: Path) -> None:
    assert warned(tmp_path, 0.0) == []
