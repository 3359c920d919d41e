"""Transition matrices, temperatures, intervals and metrics against values worked by hand."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.special import softmax as scipy_softmax

from labelfix.correctors.network import CorrectionWeights, NetworkCorrector
from labelfix.correctors.storage import load_corrector
from labelfix.data.corrected_labels import CorrectedLabels
from labelfix.data.intervals import wilson
from labelfix.data.tables import ClassNames
from labelfix.errors import RunError
from labelfix.heads import learners
from labelfix.heads.folds import cut_folds
from labelfix.heads.rows import FitRows
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.numerics.softmax import softmax
from labelfix.numerics.temperature import fit_temperature
from labelfix.numerics.transition import expected_transition, normalised, paired_transition, possible_labels
from labelfix.numerics.truth_metrics import (
    compare_with_truth,
    detection,
    expected_calibration_error,
    share_with_interval,
)


def test_expected_transition_is_the_shrunk_mean_prediction():
    """Class 0 has two rows, n = (.8, .2) and (.6, .4); class 1 has none; π = (.7, .3).

    T0[0] = ((1.4, .6) + ½(.7, .3) + ½(1, 0)) / 3 = (.75, .25); T0[1] = ½(.7, .3) + ½(0, 1) = (.35, .65).
    """
    found = expected_transition(np.array([0, 0]), np.array([[0.8, 0.2], [0.6, 0.4]]), 2)
    assert np.allclose(found, [[0.75, 0.25], [0.35, 0.65]])


def test_paired_transition_counts_pairs_beside_the_expected_ones_where_classes_differ():
    """Class 0 is always right (30 pairs), class 1 always goes to 0 (30 pairs); T0 = ((.9, .1), (.9, .1)) says so.

    Even noise at a rate of a half explains that far worse, so both rows are 30 pairs beside s·(.9, .1).
    """
    truth, given = np.repeat([0, 1], 30), np.zeros(60, dtype=np.int64)
    found = paired_transition(truth, given, np.array([[0.9, 0.1], [0.9, 0.1]]))
    strength = round((found[0, 0] * 30 - 30) / (0.9 - found[0, 0]))
    assert strength in (4, 20, 60, 200)
    assert np.allclose(found[0], np.array([30 + strength * 0.9, strength * 0.1]) / (30 + strength))
    assert np.allclose(found[1], found[0])


def test_paired_transition_takes_even_noise_where_pairs_show_nothing_else():
    """20 classes, 5 pairs each, a fifth wrong, each to another class; T0 names one class for all that is wrong.

    A wrong pair has probability about .2/19 under even noise and next to none under T0, so T0 does not count.
    """
    classes = np.arange(20)
    truth = np.repeat(classes, 5)
    given = truth.copy()
    given[::5] = (classes * 7 + 3) % 20
    given[::5] = np.where(given[::5] == classes, (classes + 1) % 20, given[::5])
    expected = 0.8 * np.eye(20) + 0.2 * np.eye(20)[(classes + 1) % 20]
    found = paired_transition(truth, given, expected)
    diagonal = found.diagonal()
    assert diagonal.min() > 0.7
    assert diagonal.max() < 0.9
    apart = found[~np.eye(20, dtype=bool)]
    assert np.median(apart) == pytest.approx(0.2 / 19, rel=0.3)


def test_without_pairs_the_expected_transition_stands():
    expected = np.array([[0.75, 0.25], [0.5, 0.5]])
    assert np.allclose(paired_transition(np.array([0, 1]), np.array([-1, -1]), expected), expected)


def test_labels_that_a_row_could_have_had_weigh_what_the_matrix_says():
    transition = np.array([[0.7, 0.3], [0.1, 0.9]])
    row, label, weight = possible_labels(np.array([1, 0]), transition)
    assert row.tolist() == [0, 0, 1, 1]
    assert label.tolist() == [0, 1, 0, 1]
    assert np.allclose(weight, [0.1, 0.9, 0.7, 0.3])


@pytest.mark.parametrize("classes", [3, 150])
def test_no_rows_could_have_had_no_labels(classes):
    row, label, weight = possible_labels(np.zeros(0, dtype=np.int64), np.full((classes, classes), 1 / classes))
    assert len(row) == len(label) == len(weight) == 0


@pytest.mark.parametrize(("classes", "asked"), [(100, 100), (101, 20)])
def test_of_more_than_a_hundred_classes_twenty_labels_of_a_row_are_asked_about(classes, asked):
    row, _, _ = possible_labels(np.arange(3), np.full((classes, classes), 1 / classes))
    assert np.bincount(row).tolist() == [asked] * 3


def test_of_very_many_classes_labels_are_drawn_in_proportion():
    """150 classes, T = .6 own label, .4 the next class: of 20 draws a row 12 are its own, give or take one."""
    transition = 0.6 * np.eye(150) + 0.4 * np.roll(np.eye(150), 1, axis=1)
    truth = np.arange(150)
    row, label, weight = possible_labels(truth, transition)
    assert np.allclose(np.bincount(row, weight), 1)
    own = np.bincount(row, (label == truth[row]) * weight)
    assert np.abs(own - 0.6).max() <= 0.05 + 1e-9
    assert set(((label - truth[row]) % 150).tolist()) == {0, 1}


def test_a_transition_matrix_has_no_zero():
    """What never happened is taken to happen once in ten thousand times."""
    found = normalised(np.array([[1.0, 0.0], [0.0, 5.0]]))
    assert found.min() == pytest.approx(1e-4, rel=0.2)
    assert np.allclose(found.sum(axis=1), 1)


def test_the_temperature_undoes_a_known_scale():
    """Labels drawn from softmax(z), logits 3z: the best temperature is 3."""
    generator = np.random.default_rng(0)
    z = generator.normal(size=(20000, 4)) * 1.5
    truth = np.array([generator.choice(4, p=p) for p in scipy_softmax(z, axis=1)])
    assert fit_temperature(3 * z, truth) == pytest.approx(3, rel=0.05)


def test_weights_count_rows_of_the_temperature():
    z = np.array([[2.0, 0.0]] * 20 + [[0.0, 2.0]] * 20)
    truth = np.zeros(40, dtype=np.int64)
    only_right = fit_temperature(z, truth, np.repeat([1.0, 0.0], 20))
    both = fit_temperature(z, truth, np.ones(40))
    assert only_right < 0.7
    assert both > 3


def test_too_few_rows_leave_the_temperature_at_one():
    assert fit_temperature(np.eye(3) * 9, np.array([0, 1, 2])) == 1.0


def test_the_interval_is_wilsons():
    """8 of 10: centre (.8 + 1.92/10)/(1 + 3.84/10), the textbook's (.490, .943)."""
    found = share_with_interval(np.arange(10) < 8)
    assert (round(found["low"], 3), round(found["high"], 3)) == (0.490, 0.943)
    assert share_with_interval(np.zeros(5, dtype=bool))["low"] == 0.0
    assert share_with_interval(np.ones(5, dtype=bool))["high"] == 1.0
    assert share_with_interval(np.zeros(0, dtype=bool))["value"] is None


def test_rows_that_count_less_are_worth_fewer_rows():
    """Two of four at weight 3 and 1: (3·2 + 1·2)² / (2·9 + 2·1) = 3.2 rows, of which three quarters are right."""
    found = share_with_interval(np.array([True, True, False, False]), np.array([3.0, 3.0, 1.0, 1.0]))
    assert found["value"] == pytest.approx(0.75)
    assert (found["low"], found["high"]) == pytest.approx(wilson(2.4, 3.2))
    assert found["rows"] == 4


def test_the_calibration_error_is_the_mean_gap():
    """Two bins: confidence .95 right 1 of 2 (gap .45), confidence .65 right 2 of 2 (gap .35): mean .40."""
    soft = np.array([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.65, 0.35]])
    assert expected_calibration_error(soft, np.array([0, 1, 0, 0])) == pytest.approx(0.40)


def test_detection_without_both_kinds_is_not_measurable():
    assert detection(np.array([0.1, 0.2]), np.array([False, False])) == (None, None)
    assert detection(np.array([0.1, 0.9]), np.array([False, True])) == (1.0, 1.0)


def labels(soft, given, min_confidence=0.6):
    count = len(given)
    return CorrectedLabels(
        ids=pa.array([str(i) for i in range(count)]),
        given=np.array(given),
        soft=np.array(soft, dtype=np.float32),
        predicted=np.zeros(count, dtype=np.int64),
        classes=ClassNames(("a", "b")),
        min_confidence=min_confidence,
        files=("f.csv",),
        file_index=np.zeros(count, dtype=np.int32),
        row_number=np.arange(1, count + 1),
    )


def test_actions_follow_from_the_soft_label_and_the_threshold():
    found = labels([[0.9, 0.1], [0.1, 0.9], [0.45, 0.55], [0.2, 0.8]], [0, 0, 0, -1])
    assert list(found.action) == ["keep", "relabel", "review", "fill"]
    assert list(found.corrected) == [0, 1, 0, 1]
    assert list(found.is_label_issue) == [False, True, False, False]
    assert found.label_score[:3] == pytest.approx([0.9, 0.1, 0.45])
    assert np.isnan(found.label_score[3])


def test_a_confidence_at_the_threshold_reaches_it():
    assert list(labels([[0.4, 0.6]], [0], min_confidence=0.6).action) == ["relabel"]


def test_quality_counts_what_was_wrong_and_what_was_right():
    """Four rows, truth (0, 1, 0, 1): given (0, 0, 0, -), corrected (0, 1, 0, 1); the classifier says 0 everywhere."""
    found = compare_with_truth(
        labels([[0.9, 0.1], [0.1, 0.9], [0.45, 0.55], [0.2, 0.8]], [0, 0, 0, -1]), np.arange(4), np.array([0, 1, 0, 1])
    )
    assert found["given_right"]["value"] == pytest.approx(2 / 3)
    assert found["given_right"]["rows"] == 3
    assert found["corrected_right"]["value"] == 1.0
    assert found["suggested_right"]["value"] == 0.75
    assert found["classifier_right"]["value"] == 0.5
    assert found["corrected_right_where_given_wrong"] == share_with_interval(np.ones(1, dtype=bool))
    assert found["auroc"] == 1.0
    assert found["nll"] == pytest.approx(-np.log([0.9, 0.9, 0.45, 0.8]).mean(), rel=1e-6)


def corrector(skip=False):
    generator = torch.Generator().manual_seed(0)
    lcn = LabelCorrectionNetwork(5, 3, 7, 4, skip, generator).eval()
    return NetworkCorrector(CorrectionWeights.of(lcn), temperature=2.0, classifier_temperature=0.5)


@pytest.mark.parametrize("skip", [False, True])
def test_a_saved_corrector_gives_the_same_labels(tmp_path, skip):
    before = corrector(skip)
    before.save(tmp_path)
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(6, 3)).astype(np.float32), generator.normal(size=(6, 5)).astype(np.float32)
    given = np.array([0, 1, 2, -1, 0, 1])
    soft = before.soft_labels(*rows, given)
    assert np.array_equal(soft, load_corrector(tmp_path, 3, 5).soft_labels(*rows, given))
    assert np.allclose(soft.sum(axis=1), 1)


def test_rows_without_a_given_label_get_the_classifiers_calibrated_view():
    logits = np.array([[1.0, 2.0, 3.0]], dtype=np.float32)
    found = corrector().soft_labels(logits, np.zeros((1, 5), np.float32), np.array([-1]))
    assert np.allclose(found, softmax(logits.astype(np.float64) / 0.5))


def test_a_corrector_of_an_unknown_kind_is_refused(tmp_path):
    corrector().save(tmp_path)
    about = json.loads((tmp_path / "corrector.json").read_text())
    (tmp_path / "corrector.json").write_text(json.dumps(about | {"kind": "oracle"}))
    with pytest.raises(RunError, match=r"corrector\.json: is damaged \(kind: invalid value 'oracle'\)"):
        load_corrector(tmp_path, 3, 5)


def test_a_damaged_corrector_is_refused(tmp_path):
    corrector().save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(RunError, match="cannot be read"):
        load_corrector(tmp_path, 3, 5)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("temperature", 0.0, r"corrector\.json: is damaged \(temperature: expected float > 0\.0\)"),
        ("num_classes", 4, r"corrector\.json: is damaged \(num_classes: is 4, but the classifier's is 3\)"),
        (
            "hidden",
            1 << 31,
            r"safetensors: is damaged \(tensor first\.weight: has shape \[7, 5\], not \[2147483648, 5\]",
        ),
        ("skip", True, r"model\.safetensors: is damaged \(tensor last\.weight: has shape \[3, 7\], not \[4, 7\]"),
    ],
)
def test_a_corrector_that_is_not_of_its_classifier_is_refused(tmp_path, name, value, said):
    corrector().save(tmp_path)
    about = json.loads((tmp_path / "corrector.json").read_text())
    (tmp_path / "corrector.json").write_text(json.dumps(about | {name: value}))
    with pytest.raises(RunError, match=said):
        load_corrector(tmp_path, 3, 5)


def test_a_corrector_that_holds_itself_is_refused(tmp_path):
    (tmp_path / "corrector.json").write_text('{"kind": "calibrated"}')
    (tmp_path / "inner").symlink_to(tmp_path)
    with pytest.raises(RunError, match=r"inner/corrector\.json: is damaged \(kind: is scaled twice\)"):
        load_corrector(tmp_path, 3, 5)


def test_the_network_reads_features_and_label_as_one_concatenated_layer():
    """softmax(W3 tanh(W2 tanh(W1 [h, e(y')] + b1) + b2) + b3), written out with the concatenation."""
    lcn = LabelCorrectionNetwork(5, 3, 7, 4, False, torch.Generator().manual_seed(0)).eval()
    hidden, given = torch.randn(4, 5, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 1])
    weight = torch.cat([lcn.first.weight, lcn.first_label.weight], dim=1)
    joined = torch.cat([hidden, lcn.embedding(given)], dim=1)
    first = torch.tanh(joined @ weight.T + lcn.first.bias)
    expected = torch.softmax(lcn.last(torch.tanh(lcn.second(first))), dim=1)
    assert torch.allclose(lcn(hidden, given).soft, expected, atol=1e-6)


def test_the_network_has_the_published_number_of_parameters():
    """D 64, E 128, K 10: 43,786 with 128 hidden units and 18,442 with 64."""
    for units, expected in ((128, 43786), (64, 18442)):
        lcn = LabelCorrectionNetwork(64, 10, units, 128, False, torch.Generator())
        assert sum(p.numel() for p in lcn.parameters()) == expected


def test_a_loose_ridge_needs_two_per_cent_and_three_standard_errors_where_rows_are_few():
    others = np.array([1.0, 2.0, 3.0, 2.0])
    noise = np.array([1.0, -1.0, 1.0, -1.0])  # its standard error of the mean is 1/√3
    for errors, better in ((2.9, False), (3.1, True)):
        assert learners.is_better(others - errors / np.sqrt(3) - noise, others, few=True) == better
    for share, better in ((0.985, False), (0.975, True)):
        assert learners.is_better(share * others + noise, others, few=False) == better
    assert not learners.is_better(others, others, few=True)
    assert not learners.is_better(np.zeros(1), np.ones(1), few=True)


def fit_rows(noisy, width):
    generator = torch.Generator().manual_seed(0)
    features, truth = torch.randn(noisy + 12, width, generator=generator), np.arange(12) % 2
    given = torch.arange(noisy) % 2
    return FitRows(features, given, torch.from_numpy(truth), 2, cut_folds(truth, 0), 0)


def test_rows_are_few_below_four_for_each_feature(monkeypatch):
    asked = []
    monkeypatch.setattr(learners, "is_better", lambda losses, others, few: asked.append(few) or False)
    for noisy in (4 * 6 - 1, 4 * 6):
        learners.fit_bayes_student(fit_rows(noisy, width=6))
    assert asked == [True, False]


def test_a_temperature_needs_ten_rows():
    z, truth = np.eye(3)[np.arange(10) % 3] * 9, (np.arange(10) + np.arange(10) // 5) % 3
    assert fit_temperature(z[:9], truth[:9]) == 1.0
    assert fit_temperature(z, truth) > 2
