"""Whatever order the rows come in, a run says and writes the same of each."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest

import labelfix

ROWS, TRUSTED = 120, 40
HEADS = (
    "mlc",
    "glc",
    "bayes",
    "finetune",
    "clean-only",
    "noisy-only",
    "mixed",
    "forward",
    "joint-optimization",
    "distillation",
    "l2rw",
    "meta-weight-net",
    "mlnt",
)
SHORT = dict.fromkeys(("joint-optimization", "l2rw", "meta-weight-net", "mlnt"), {"epochs": 5})
"""Fewer epochs of those that train by many."""

FIGURES = ("confidence", "label_score", "p_value", "outlier_score")
PLACES = {"seconds", "fit_seconds", "row"}


@pytest.fixture(scope="module")
def tables():
    """Noisy and trusted rows; then the same in another order."""
    generator = np.random.default_rng(0)
    truth = np.arange(ROWS) % 3
    points = generator.normal(size=(ROWS, 3)) + 2.5 * np.eye(3)[truth]
    points[-20:] = points[:20]  # rows that repeat others
    given = np.where(generator.random(ROWS) < 0.25, (truth + 1) % 3, truth)
    names = np.array(["ant", "bee", "cat"])
    ids = [f"row-{row:03d}" for row in range(ROWS)]
    columns = {f"x{place}": points[:, place] for place in range(3)}
    noisy = pa.table({"id": ids, **columns, "label": names[given]})
    trusted = pa.table({"id": ids[:TRUSTED], "label": names[truth[:TRUSTED]]})
    return (noisy, trusted), (noisy.take(generator.permutation(ROWS)), trusted.take(generator.permutation(TRUSTED)))


def ran(tables, folder, options):
    run = labelfix.train(*tables, folder / "run", cache_dir=str(folder / "cache"), device="cpu", **options)
    found = run.corrected.sort_by("id"), json.loads(json.dumps(dict(run.metrics)))
    shutil.rmtree(folder / "run")
    return found


def differing(one, other, place=""):
    """Where two metrics differ, but for times and numbers of rows in a file."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys()
        return [each for key in one if key not in PLACES for each in differing(one[key], other[key], f"{place}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [each for a, b in zip(one, other, strict=True) for each in differing(a, b, place)]
    same = one == pytest.approx(other, abs=1e-4) if isinstance(one, float) and other is not None else one == other
    return [] if same else [(place, one, other)]


@pytest.fixture(scope="module")
def worded(tables):
    """The same with a text for each row, of which some words tell the class."""
    generator = np.random.default_rng(1)
    fill = ["today", "again", "there", "often", "alone", "nearby", "quietly", "at noon", "in may", "for once"]
    words = {}
    for row in sorted(tables[0][0]["id"].to_pylist()):
        told = ["tiny hill", "honey hive", "warm milk"][int(row[4:]) % 3] if generator.random() < 0.7 else "nothing"
        words[row] = " ".join(["we saw", told, *generator.choice(fill, 3, replace=False)])
    notes = [pa.array([words[row] for row in noisy["id"].to_pylist()]) for noisy, _ in tables]
    return [(noisy.append_column("note", note), gold) for (noisy, gold), note in zip(tables, notes, strict=True)]


@pytest.mark.parametrize(
    "options",
    [
        {"method": "mlc", "text_column": "note"},
        {"method": "mlc", "text_column": "note", "feature_columns": ("x0", "x1", "x2")},
        {"method": "glc", "text_column": "note", "backbone": ("lexical", "hashed-text"), "text_dimensions": 64},
    ],
    ids=["words", "words and numbers", "words twice"],
)
def test_the_order_of_rows_with_texts_changes_nothing(worded, options, tmp_path):
    same(worded, options, tmp_path)


@pytest.mark.parametrize(
    "options",
    [*({"method": name} | SHORT.get(name, {}) for name in HEADS), {"backbone": "mlp", "recipe": "paper", "epochs": 2}],
    ids=lambda options: options.get("method", "mlp"),
)
def test_the_order_of_rows_changes_nothing(tables, options, tmp_path):
    same(tables, options, tmp_path)


def same(tables, options, tmp_path):
    """Both orders give the same labels and figures."""
    (one, told), (other, told_again) = (ran(each, tmp_path, options) for each in tables)

    for column in ("given_label", "suggested_label", "corrected_label", "action", "is_label_issue"):
        assert one.column(column).to_pylist() == other.column(column).to_pylist()
    for column in set(FIGURES).intersection(one.schema.names):
        assert one.column(column).to_pylist() == pytest.approx(other.column(column).to_pylist(), abs=1e-5, nan_ok=True)
    soft = [np.array(each.column("soft_label").to_pylist()) for each in (one, other)]
    assert soft[0] == pytest.approx(soft[1], abs=1e-5)
    assert differing(told, told_again) == []
