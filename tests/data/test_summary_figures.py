"""The summary's figures, worked by hand or against a simulation."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from labelfix.data.intervals import stratified, wilson
from labelfix.data.read import Reading, read_training
from labelfix.data.summary import class_shares, estimate_noise, summarise, transition_counts
from labelfix.settings.data import DataSettings


def reading(sampling: str | None = None) -> Reading:
    """Ten rows; four trusted: a given a, a given b, b given b, and a without a given label."""
    noisy = pa.table(
        {"id": np.arange(10), "x": np.arange(10) * 0.3, "label": ["a", "b", "b", None, "a", "a", "b", "a", "a", "a"]}
    )
    clean = pa.table({"id": [0, 1, 2, 3], "label": ["a", "a", "b", "a"]})
    return read_training(noisy, clean, DataSettings(clean_sampling=sampling))  # type: ignore[arg-type]


def test_wilsons_interval_is_the_one_worked_by_hand() -> None:
    """3 of 10: centre (0.3 + 0.19207) / 1.38415 = 0.35551, half 1.96 sqrt(0.021 + 0.0096036) / 1.38415 = 0.24772."""
    low, high = wilson(3, 10)
    assert low == pytest.approx(0.10779, abs=2e-5)
    assert high == pytest.approx(0.60322, abs=2e-5)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 20)[0] == 0.0
    assert wilson(20, 20)[1] == 1.0


def test_a_stratified_share_is_the_weighted_mean() -> None:
    """1 of 10 at weight 0.9 and 5 of 10 at weight 0.1: 0.9 * 0.1 + 0.1 * 0.5 = 0.14, far from the plain 6 of 20."""
    share, low, high = stratified(np.array([1.0, 5.0]), np.array([10.0, 10.0]), np.array([0.9, 0.1]))
    assert share == pytest.approx(0.14)
    assert 0 <= low < share < high <= 1


def test_the_stratified_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    weights, rates, draws = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.3, 0.5]), np.array([60.0, 60.0, 60.0])
    truth = float(weights @ rates)
    hits = 0
    for _ in range(2_000):
        _, low, high = stratified(rng.binomial(60, rates).astype(float), draws, weights)
        hits += low <= truth <= high
    assert 0.94 <= hits / 2_000 <= 0.98


def test_class_shares_are_found_behind_a_known_transition() -> None:
    """With T = [[.8, .2], [.1, .9]] and true shares (.3, .7), given shares are (.31, .69)."""
    counts = np.array([[80_000, 20_000], [10_000, 90_000]])
    np.testing.assert_allclose(class_shares(counts, np.array([310.0, 690.0])), [0.3, 0.7], atol=1e-3)


def test_a_per_class_draw_is_weighted_back_to_the_noisy_file() -> None:
    """A rare class that is half wrong: 9 in 10 rows are "a" (5 % wrong), 1 in 10 is "b" (50 % wrong): 9.5 % in all."""
    rng = np.random.default_rng(3)
    truth = np.where(rng.random(20_000) < 0.9, "a", "b")
    wrong = rng.random(20_000) < np.where(truth == "a", 0.05, 0.5)
    given = np.where(wrong, np.where(truth == "a", "b", "a"), truth)
    rows = np.concatenate([rng.permutation(np.flatnonzero(truth == c))[:200] for c in "ab"])
    noisy = pa.table({"id": np.arange(20_000), "x": rng.random(20_000), "label": given})
    read = read_training(noisy, pa.table({"id": rows, "label": truth[rows]}), DataSettings())
    assert read.data.sampling == "per-class"
    estimate = estimate_noise(read.data)
    assert estimate.wrong / estimate.paired > 0.2, "the plain share is far off"
    assert estimate.low <= float(wrong.mean()) <= estimate.high
    assert estimate.share == pytest.approx(float(wrong.mean()), abs=0.03)
    assert "per class" in estimate.how


def test_transition_counts_have_true_classes_as_rows_and_leave_out_rows_without_a_given_label() -> None:
    assert transition_counts(reading().data).tolist() == [[1, 1], [0, 1]]


def test_the_summary_counts_what_there_is() -> None:
    summary = summarise(reading())
    assert (summary.rows, summary.unlabelled, summary.trusted, summary.paired) == (10, 1, 4, 4)
    assert summary.given_counts == (6, 3)
    assert summary.trusted_counts == (3, 1)
    assert summary.training == 6
    assert (summary.noise.wrong, summary.noise.paired) == (1, 3)
    low, high = wilson(1, 3)
    assert (summary.noise.low, summary.noise.high) == (low, high)


def test_the_summary_reads_as_lines() -> None:
    text = "\n".join(summarise(reading("random")).lines())
    assert "noisy rows: 10 in noisy (1 without a label); 6 train as noisy rows" in text
    assert "trusted rows: 4 in clean; 4 stand in the noisy file (joined by id); drawn at random" in text
    assert "wrong given labels: 1 of 3 paired rows; estimate 33.3%, 95 % interval 6.1% to 79.2%" in text
    assert "a -> b: 1 of 2" in text


def test_many_classes_are_cut_short() -> None:
    labels = [f"class_{i % 40}" for i in range(400)]
    noisy = pa.table({"id": np.arange(400), "x": np.arange(400) * 0.1, "label": labels})
    clean = pa.table({"id": np.arange(80), "label": [f"class_{(i + 1) % 40}" for i in range(80)]})
    lines = summarise(read_training(noisy, clean, DataSettings())).lines()
    assert len(lines) < 35
    assert any("28 more classes" in line for line in lines)
    assert any("30 more pairs of classes" in line for line in lines)


def test_the_summary_is_plain_json_even_without_paired_rows() -> None:
    noisy = pa.table({"x": np.arange(6) * 0.1, "label": ["a", "b"] * 3})
    read = read_training(noisy, pa.table({"x": [7.5, 8.5], "label": ["a", "b"]}), DataSettings())
    values = json.loads(json.dumps(summarise(read).to_json(), allow_nan=False))
    assert values["noise"]["share"] is None
    assert values["joined_by"] == "none"
    assert any("not known" in line for line in summarise(read).lines())
