"""Soft labels that trusted rows contradict are scaled; those that they confirm are left alone."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import log_softmax

from labelfix.correctors.calibrated import CalibratedCorrector, Scale
from labelfix.correctors.posterior import PosteriorCorrector
from labelfix.correctors.storage import load_corrector
from labelfix.evidence.calibrate import _chosen, _thresholds, curve
from labelfix.evidence.judges_answers import JudgesAnswers
from labelfix.heads.fit_scale import fit_scale

KINDS = ("temperature", "vector")


def asked_of(rows, classes, truly, seed=0, shift=0.0):
    """Rows whose true class is drawn from softmax(z); the answers are log softmax(truly · z), class 0 shifted."""
    generator = np.random.default_rng(seed)
    z = generator.normal(0, 1.5, (rows, classes))
    p = np.exp(log_softmax(z, axis=1))
    truth = np.array([generator.choice(classes, p=row) for row in p])
    said = log_softmax(truly * z + shift * (np.arange(classes) == 0), axis=1)
    every = np.arange(rows)
    return JudgesAnswers(truth, truth, every % 4, said, every, truth, np.ones(rows), said, True)


def test_soft_labels_that_mean_what_they_say_are_left_alone():
    asked = asked_of(600, 4, truly=1.0)
    kind, log_soft = _chosen(asked, asked.by, KINDS)
    assert kind == "none"
    assert log_soft is asked.log_soft


def test_soft_labels_that_are_too_sure_get_a_temperature_that_takes_it_back():
    asked = asked_of(800, 4, truly=3.0)
    kind, log_soft = _chosen(asked, asked.by, KINDS)
    assert kind in ("temperature", "vector")
    assert fit_scale("temperature", asked.log_soft, asked.truth, asked.weight).slope == pytest.approx(1 / 3, rel=0.15)
    before = curve(asked.log_soft, asked.truth, asked.weight, 800)
    after = curve(log_soft, asked.truth, asked.weight, 800)
    assert after["ece"] < 0.5 * before["ece"]
    assert after["nll"] < before["nll"]


def test_a_class_that_is_said_too_often_needs_more_than_a_temperature():
    asked = asked_of(800, 3, truly=1.0, shift=2.0)
    kind, _ = _chosen(asked, asked.by, KINDS)
    assert kind == "vector"
    assert fit_scale("vector", asked.log_soft, asked.truth, asked.weight).shift[0] < -1


def test_fifty_rows_scale_and_fewer_do_not():
    few, enough = asked_of(49, 3, truly=6.0), asked_of(50, 3, truly=6.0)
    assert _chosen(few, few.by, KINDS)[0] == "none"
    assert _chosen(enough, enough.by, KINDS)[0] == "temperature"


@pytest.mark.parametrize(("wrong", "scaled"), [(9, False), (10, True)])
def test_ten_wrong_ones_among_rows_that_are_said_for_certain_are_enough(wrong, scaled):
    said = np.log(np.tile([0.999, 0.001], (130, 1)))
    every = np.arange(130)
    truth = ((every % 13 == 0) & (every // 13 < wrong)).astype(np.int64)
    asked = JudgesAnswers(truth, truth, every % 4, said, every, truth, np.ones(130), said, True)
    assert (_chosen(asked, asked.by, KINDS)[0] != "none") == scaled


def test_rows_that_are_nearly_all_right_do_not_make_soft_labels_surer():
    """80 rows said with .9 and all right: a temperature would go as far as its prior lets it, and prove nothing."""
    said = np.log(np.tile([0.9, 0.1], (80, 1)))
    every, truth = np.arange(80), np.zeros(80, dtype=np.int64)
    asked = JudgesAnswers(truth, truth, every % 4, said, every, truth, np.ones(80), said, True)
    assert _chosen(asked, asked.by, KINDS)[0] == "none"


def test_the_reliability_curve_counts_by_hand():
    """Confidences .9 .9 .5: bin [.867, .933) has two rows, one right; bin [.467, .533) has one, right."""
    log_p = np.log([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]])
    figures = curve(log_p, np.array([0, 1, 0]), np.ones(3), 3)
    assert [each["rows"] for each in figures["reliability"]] == [1.0, 2.0]
    assert figures["reliability"][1]["right"] == 0.5
    assert figures["ece"] == pytest.approx((0.5 + 2 * 0.4) / 3)
    assert figures["nll"] == pytest.approx(-(np.log(0.9) + np.log(0.1) + np.log(0.5)) / 3)


def test_confidences_within_a_fifteenth_are_counted_together():
    """The bin from 13/15 to 14/15 has .87 and .93, the one below .86."""
    log_p = np.log([[0.87, 0.13], [0.93, 0.07], [0.86, 0.14]])
    found = curve(log_p, np.zeros(3, dtype=np.int64), np.ones(3), 3)["reliability"]
    assert [each["rows"] for each in found] == [1.0, 2.0]


def test_the_vector_fit_is_a_minimum():
    """No step from the slopes and shifts that were found lowers likelihood plus prior."""
    asked = asked_of(200, 3, truly=2.0)
    scale = fit_scale("vector", asked.log_soft, asked.truth, asked.weight)

    def loss(x):
        log_q = log_softmax(x[:3] * asked.log_soft + x[3:], axis=1)
        pull = 4.0 * (((x[:3] - 1) ** 2).sum() + (x[3:] ** 2).sum()) / 2
        return float(-log_q[np.arange(200), asked.truth].sum() + pull)

    gradient = approx_fprime(np.concatenate([scale.slope, scale.shift]), loss, 1e-6)
    assert np.abs(gradient).max() < 0.05


def test_a_row_is_not_corrected_by_the_threshold_that_it_chose():
    """Group 0 alone would choose a high threshold; it is corrected by what group 1 chose."""
    generator = np.random.default_rng(3)
    rows = 200
    truth = np.zeros(rows, dtype=np.int64)
    given = np.where(generator.random(rows) < 0.4, 1, 0)
    soft = np.where(generator.random(rows)[:, None] < 0.5, [[0.65, 0.35]], [[0.35, 0.65]])
    group = np.arange(rows) % 2
    # In group 0 low confidences mislead, in group 1 they are right.
    soft[group == 1] = [0.65, 0.35]
    every = np.arange(rows)
    asked = JudgesAnswers(truth, given, group, np.log(soft), every, given, np.ones(rows), np.log(soft), True)
    _, corrected = _thresholds(asked, soft, group, 0.6)
    assert (corrected[group == 0] == soft[group == 0].argmax(axis=1)).all()


def test_a_calibrated_corrector_is_read_back_as_it_was(tmp_path):
    inner = PosteriorCorrector(np.log([[0.7, 0.3], [0.2, 0.8]]), 0.8, 1.0)
    corrector = CalibratedCorrector(inner, Scale(np.array([0.5, 0.7]), np.array([0.1, -0.2])))
    corrector.save(tmp_path)
    logits = np.array([[1.0, 0.0], [0.0, 2.0], [0.3, 0.1]], dtype=np.float32)
    given = np.array([0, 1, -1])
    again = load_corrector(tmp_path, 2, 2).soft_labels(logits, logits, given)
    said = corrector.soft_labels(logits, logits, given)
    assert np.array_equal(again, said)
    assert np.allclose(said.sum(axis=1), 1, atol=1e-6)
    # A row without a given label keeps what the classifier says.
    assert np.array_equal(said[2], inner.soft_labels(logits, logits, given)[2])
