"""The summary's figures, worked by hand or against a simulation."""

import json

import numpy as np
import pyarrow as pa
import pytest

from labelfix.data.intervals import share_interval, wilson
from labelfix.data.labels.noise_rate import rate_in, transition_counts
from labelfix.data.read import read_training
from labelfix.data.summary import summarise
from labelfix.settings.data import DataSettings


def reading(sampling=None):
    """Ten rows; four trusted: a given a, a given b, b given b, and a without a given label."""
    noisy = pa.table(
        {"id": np.arange(10), "x": np.arange(10) * 0.3, "label": ["a", "b", "b", None, "a", "a", "b", "a", "a", "a"]}
    )
    clean = pa.table({"id": [0, 1, 2, 3], "label": ["a", "a", "b", "a"]})
    return read_training(noisy, clean, DataSettings(clean_sampling=sampling))  # type: ignore[arg-type]


def test_wilsons_interval_is_the_one_worked_by_hand():
    """3 of 10: centre (0.3 + 0.19207) / 1.38415 = 0.35551, half 1.96 sqrt(0.021 + 0.0096036) / 1.38415 = 0.24772."""
    low, high = wilson(3, 10)
    assert low == pytest.approx(0.10779, abs=2e-5)
    assert high == pytest.approx(0.60322, abs=2e-5)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 20)[0] == 0.0
    assert wilson(20, 20)[1] == 1.0


def test_a_per_class_draw_is_weighted_back_to_the_noisy_file():
    """A rare class that is half wrong: 9 in 10 rows are "a" (5 % wrong), 1 in 10 is "b" (50 % wrong): 9.5 % in all."""
    rng = np.random.default_rng(3)
    truth = np.where(rng.random(20_000) < 0.9, "a", "b")
    wrong = rng.random(20_000) < np.where(truth == "a", 0.05, 0.5)
    given = np.where(wrong, np.where(truth == "a", "b", "a"), truth)
    rows = np.concatenate([rng.permutation(np.flatnonzero(truth == c))[:200] for c in "ab"])
    noisy = pa.table({"id": np.arange(20_000), "x": rng.random(20_000), "label": given})
    read = read_training(noisy, pa.table({"id": rows, "label": truth[rows]}), DataSettings())
    assert read.data.sampling == "per-class"
    estimate, summary = rate_in(read.data), summarise(read)
    assert summary.wrong / estimate.rows > 0.2, "the plain share is far off"
    assert estimate.low <= float(wrong.mean()) <= estimate.high
    assert estimate.value == pytest.approx(float(wrong.mean()), abs=0.03)
    assert any("drawn per class, weighted" in line for line in summary.lines())


def test_transition_counts_have_true_classes_as_rows_and_leave_out_rows_without_a_given_label():
    assert transition_counts(reading().data).tolist() == [[1, 1], [0, 1]]


def test_the_summary_counts_what_there_is():
    summary = summarise(reading())
    assert (summary.rows, summary.unlabelled, summary.trusted, summary.paired) == (10, 1, 4, 4)
    assert summary.given_counts == (6, 3)
    assert summary.trusted_counts == (3, 1)
    assert summary.training == 6
    assert (summary.wrong, summary.noise.rows) == (1, 3)
    # Six rows that are no pairs are meant: the variance of three pairs is larger by 3/6.
    # A share of six rows goes in steps of a sixth, and the ends are half a step further out.
    low, high = share_interval(1 / 1.5, 3 / 1.5)
    assert (summary.noise.low, summary.noise.high) == (max(low - 1 / 12, 0), min(high + 1 / 12, 1))


def test_the_summary_reads_as_lines():
    text = "\n".join(summarise(reading("random")).lines())
    assert "noisy rows: 10 in noisy (1 without a label); 6 train as noisy rows" in text
    assert "trusted rows: 4 in clean; 4 stand in the noisy file (joined by id); drawn at random" in text
    assert "wrong given labels: 1 of 3 trusted rows with a given label; estimate 33.3%" in text
    assert "estimate 33.3%, 95 % interval 0.0% to 100.0%" in text
    assert "a -> b: 1 of 2" in text


def test_many_classes_are_cut_short():
    labels = [f"class_{i % 40}" for i in range(400)]
    noisy = pa.table({"id": [f"r{i}" for i in range(400)], "x": np.arange(400) * 0.1, "label": labels})
    clean = pa.table({"id": [f"r{i}" for i in range(80)], "label": [f"class_{(i + 1) % 40}" for i in range(80)]})
    lines = summarise(read_training(noisy, clean, DataSettings())).lines()
    assert len(lines) < 35
    assert any("28 more classes" in line for line in lines)
    assert any("30 more pairs of classes" in line for line in lines)


def test_the_summary_is_plain_json_even_without_paired_rows():
    noisy = pa.table({"x": np.arange(6) * 0.1, "label": ["a", "b"] * 3})
    read = read_training(noisy, pa.table({"x": [7.5, 8.5], "label": ["a", "b"]}), DataSettings())
    values = json.loads(json.dumps(summarise(read).to_json(), allow_nan=False))
    assert values["noise"]["value"] is None
    assert values["joined_by"] == "none"
    assert any("not known" in line for line in summarise(read).lines())
