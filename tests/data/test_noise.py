"""Made noise: the matrices against the published maps, and draws against the matrices."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from labelfix.data.formats import open_table
from labelfix.data.labels.noise import (
    _own_rates,
    corrupt,
    draw_noise,
    flip,
    flip_map,
    flip_uniform,
    given_matrix,
    instance_dependent,
    nearest_class,
    transition_matrix,
    uniform,
)
from labelfix.data.noisy_copy import read_matrix, write_noisy_copy
from labelfix.errors import InputError, SettingsError

MAPS = {
    4: "2 0 0 1",
    5: "2 4 0 0 3",
    10: "6 9 6 0 0 1 8 6 2 4",
    14: "6 12 13 9 10 12 5 0 0 1 13 7 13 6",
    100: "38 13 73 10 76 6 80 65 17 1 77 72 6 26 51 21 19 85 11 29 30 14 51 69 88 "
    "88 95 97 87 13 9 7 64 62 22 58 1 0 61 82 8 89 13 48 73 30 72 3 71 21 "
    "49 58 3 69 24 43 77 26 52 81 41 83 15 65 69 25 99 88 7 26 25 22 9 67 23 "
    "27 37 57 84 38 8 32 34 10 23 15 88 25 71 93 74 62 46 32 88 23 55 65 77 3",
}


@pytest.mark.parametrize("classes", MAPS)
def test_the_fixed_flip_is_the_published_one(classes):
    target = [int(word) for word in MAPS[classes].split()]
    assert flip_map(classes).tolist() == target
    matrix = flip(classes, 0.4)
    assert np.allclose(np.diag(matrix), 0.6)
    assert np.allclose(matrix[np.arange(classes), target], 0.4)
    assert (matrix > 0).sum() == 2 * classes


def test_uniform_noise_draws_the_own_class_too_and_flip_u_does_not():
    """UNIF .4 over 4 classes keeps .6 + .1; FLIP-U .3 over 4 gives each other class .1."""
    assert np.allclose(uniform(4, 0.4), 0.6 * np.eye(4) + 0.1)
    assert np.allclose(flip_uniform(4, 0.3), 0.7 * np.eye(4) + 0.1 * (1 - np.eye(4)))


def test_nearest_class_noise_goes_to_the_nearest_mean():
    """Means 0, 1, 10 on a line: 0 and 1 are each other's nearest, 10's nearest is 1."""
    features = np.array([[-1.0], [1.0], [1.0], [10.0], [10.0]])
    matrix = nearest_class(features, np.array([0, 0, 1, 2, 2]), 3, 0.2)
    assert np.allclose(matrix, [[0.8, 0.2, 0], [0.2, 0.8, 0], [0, 0.2, 0.8]])
    with pytest.raises(SettingsError, match="class 1 has none"):
        nearest_class(features, np.array([0, 0, 0, 2, 2]), 3, 0.2)


@pytest.mark.parametrize("kind", ["unif", "flip", "flip-u"])
@pytest.mark.parametrize("rate", [0.0, 0.37, 1.0])
def test_rows_sum_to_one_and_draws_follow_them(kind, rate):
    classes, rows = 5, 4000
    matrix = transition_matrix(kind, classes, rate)
    assert np.allclose(matrix.sum(axis=1), 1)
    truth = np.repeat(np.arange(classes), rows)
    given = corrupt(truth, matrix, np.random.default_rng(0))
    counts = np.array([np.bincount(given[truth == c], minlength=classes) for c in range(classes)])
    sigma = np.sqrt(rows * matrix * (1 - matrix))
    # Three sigma, for 25 cells at once: four.
    assert (np.abs(counts - rows * matrix) <= 4 * sigma + 1e-9).all()
    wrong = (counts.sum() - np.trace(counts)) / counts.sum()
    expected = 1 - np.diag(matrix).mean()
    assert abs(wrong - expected) <= 3 * np.sqrt(expected * (1 - expected) / len(truth)) + 1e-12


def test_the_draw_of_a_row_does_not_depend_on_other_labels_and_unlabelled_rows_stay_so():
    truth = np.array([0, 1, -1, 2, 1, 0])
    matrix = uniform(3, 0.9)
    given = corrupt(truth, matrix, np.random.default_rng(1))
    assert given[2] == -1
    other = truth.copy()
    other[0] = 2
    assert (corrupt(other, matrix, np.random.default_rng(1))[1:] == given[1:]).all()


def clusters(rows=20_000, classes=4, width=6, scale=1.0, shift=0.0, seed=0):
    """Overlapping clusters."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, rows)
    features = np.eye(classes, width)[truth] + generator.normal(size=(rows, width))
    return (features * scale + shift).astype(np.float32), truth


def drawn(features, truth, rate, seed=1, classes=4):
    return instance_dependent(features, truth, classes, rate, np.random.default_rng(seed))


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.3, 0.5, 0.9, 1.0])
def test_instance_dependent_noise_is_as_frequent_as_asked_for(rate):
    features, truth = clusters()
    wrong = (drawn(features, truth, rate) != truth).mean()
    assert abs(wrong - rate) <= 3 * np.sqrt(rate * (1 - rate) / len(truth))


def wrong_label_depends(features, given, truth, c=0):
    """How many nats less a wrong label of class c costs who knows the row, on rows not learned from."""
    rows = np.flatnonzero((truth == c) & (given != c))
    half = len(rows) // 2
    learn, judge = rows[:half], rows[half:]
    model = LogisticRegression(C=1.0, max_iter=1000).fit(features[learn], given[learn])
    blind = np.bincount(given[learn], minlength=4) / half
    cost = log_loss(given[judge], model.predict_proba(features[judge]))
    return -np.log(blind[given[judge]]).mean() - cost


def test_the_wrong_label_depends_on_the_row_and_not_on_the_true_class_alone():
    features, truth = clusters()
    assert min(wrong_label_depends(features, drawn(features, truth, 0.4), truth, c) for c in range(4)) > 0.15
    blind = corrupt(truth, flip_uniform(4, 0.4), np.random.default_rng(1))
    assert wrong_label_depends(features, blind, truth) < 0.01


def test_rows_have_noise_rates_of_their_own_around_the_mean():
    """The same row a thousand times over: at ρ = .5 standard deviation .1, and none beyond [0, 2ρ] at ρ = .05."""
    half = _own_rates(0.5, np.linspace(0, 1, 10_001)[1:-1])
    assert half.mean() == pytest.approx(0.5)
    assert half.std() == pytest.approx(0.1, abs=2e-3)
    low = _own_rates(0.05, np.linspace(0, 1, 10_001))
    assert (low.min(), low.max(), low.mean()) == pytest.approx((0.0, 0.1, 0.05))
    assert low.std() > 0.02


@pytest.mark.parametrize("width", [2, 50, 1000])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-3, 5.0), (40.0, -100.0)])
def test_wrong_labels_are_neither_alike_nor_determined_at_any_width_and_scale(width, scale, shift):
    """Given the class, each row's wrong labels over many draws of it: entropy between that of one label and of all."""
    features, truth = clusters(60, width=width, scale=scale, shift=shift)
    copies = np.repeat(np.arange(60), 200)
    bits = []
    for seed in range(5):
        given = drawn(features[copies], truth[copies], 1.0, seed).reshape(60, 200)
        shares = np.stack([np.bincount(row, minlength=4) for row in given]) / 200
        bits.append(-(shares * np.log2(shares.clip(1e-9))).sum(axis=1).mean())
    assert 0.3 * np.log2(3) < np.mean(bits) < 0.8 * np.log2(3)


def test_instance_dependent_noise_follows_its_seed_and_not_the_labels_of_other_rows():
    features, truth = clusters(500)
    first = drawn(features, truth, 0.5)
    assert (drawn(features, truth, 0.5) == first).all()
    assert (drawn(features, truth, 0.5, seed=2) != first).any()
    other = truth.copy()
    other[:250] = -1
    found = drawn(features, other, 0.5)
    assert (found[:250] == -1).all()
    assert (found[250:] == first[250:]).all()


def test_rows_that_are_all_alike_get_any_other_label():
    truth = np.repeat([0, 1, 2], 1000)
    given = instance_dependent(np.ones((3000, 4), np.float32), truth, 3, 1.0, np.random.default_rng(0))
    assert (given != truth).all()
    assert (np.abs(np.bincount(given) - 1000) < 100).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.5, 0.5]], "1 × 2"),
        ([[1, 0], [0.5]], "same count"),
        ([[1, 0], [0.5, 0.4]], "row 2: sums to 0.9"),
        ([[1.5, -0.5], [0, 1]], "row 1: holds a number that is not a probability"),
    ],
)
def test_a_given_matrix_is_checked(rows, message):
    with pytest.raises(SettingsError, match=message):
        given_matrix(rows, 2)


def test_unknown_noise_is_refused():
    with pytest.raises(SettingsError, match="not one of unif, flip, flip-u"):
        transition_matrix("pink", 3, 0.1)
    with pytest.raises(SettingsError, match=r"rate = 1.2 must be in \[0, 1\]"):
        uniform(3, 1.2)
    with pytest.raises(SettingsError, match="at least two classes"):
        flip_uniform(1, 0.2)
    with pytest.raises(SettingsError, match="rate = -0.1"):
        drawn(*clusters(10), -0.1)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_noisy_copy_keeps_everything_else_and_the_type_of_the_labels(tmp_path, suffix):
    rows = 3000
    labels = [None if i % 10 == 9 else (i * 7) % 12 for i in range(rows)]
    table = pa.table(
        {"text": [f"row {i}" for i in range(rows)], "label": pa.array(labels, pa.int32()), "last": range(rows)}
    )
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=700)
    out = tmp_path / f"out{suffix}"
    generator = np.random.default_rng(3)
    told = write_noisy_copy(
        open_table(tmp_path / "in.parquet"), out, "label", lambda names, t: draw_noise("flip", t, 12, 0.5, generator)
    )
    back = pa.Table.from_batches([c.batch for c in open_table(out).scan()])
    assert back.schema.names == ["text", "label", "true_label", "last"]
    assert back["true_label"].to_pylist() == labels
    noisy, target = back["label"].to_pylist(), flip_map(12)
    assert {g for t, g in zip(labels, noisy, strict=True) if t is None} == {None}
    changed = [(t, g) for t, g in zip(labels, noisy, strict=True) if t != g]
    # Natural order puts 2 before 10, so class 10 is the eleventh.
    assert all(g == target[t] for t, g in changed)
    assert (told.rows, told.labelled, told.changed, told.classes) == (3000, 2700, len(changed), 12)
    assert 0.45 < len(changed) / 2700 < 0.55
    assert back["text"].to_pylist() == table["text"].to_pylist()
    if suffix == ".parquet":
        assert back.schema.field("label").type == pa.int32()


def test_a_noisy_copy_needs_a_label_column_of_two_classes_and_room_for_the_truth(tmp_path):
    cases = [
        ({"label": ["a", "b"], "true_label": ["a", "b"]}, "has a column 'true_label' already"),
        ({"label": ["a", "a"]}, "has 1 classes"),
        ({"class": ["a", "b"]}, "has no column 'label'"),
    ]
    for columns, message in cases:
        with pytest.raises(InputError, match=message):
            write_noisy_copy(open_table(pa.table(columns)), tmp_path / "o.csv", "label", lambda names, truth: truth)


def test_a_matrix_file_may_name_the_classes_in_any_order(tmp_path):
    path = tmp_path / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["b", "a"], [0.9, 0.1], [0.3, 0.7]])
    assert np.allclose(read_matrix(path, ("a", "b")), [[0.7, 0.3], [0.1, 0.9]])
    with pytest.raises(SettingsError, match="must name the classes a, c"):
        read_matrix(path, ("a", "c"))
    path.write_text("a,b\n0.5,half\n0,1\n")
    with pytest.raises(SettingsError, match="every cell must be a number"):
        read_matrix(path, ("a", "b"))
    path.write_text("a,b\n0.5,0.4\n0,1\n")
    with pytest.raises(SettingsError, match="row 1: sums to 0.9"):
        read_matrix(path, ("a", "b"))
    with pytest.raises(SettingsError, match="cannot be read"):
        read_matrix(tmp_path / "none.csv", ("a", "b"))
