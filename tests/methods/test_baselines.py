"""The simple methods on a toy problem: what each learns, keeps and refuses."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from toy_problem import CLASSES, blurred, problem, soft_labels

from labelfix.correctors.keep_unless_flagged import FlagCorrector, keep_unless
from labelfix.errors import SettingsError
from labelfix.methods.table import METHODS
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.settings.methods import METHOD_SETTINGS, GlcSettings


def fit(method, made, **settings):
    return METHODS[method](made, METHOD_SETTINGS[method](**settings), Silent())


def test_the_soft_labels_of_clean_only_do_not_look_at_the_given_ones():
    made, _ = problem(noisy=100)
    fitted = fit("clean-only", made)
    turned = replace(made, given=(made.given + 1) % CLASSES)
    assert np.array_equal(soft_labels(made, fitted), soft_labels(turned, fitted))


def test_bayes_multiplies_the_trusted_classifier_by_the_matrix_of_the_noise():
    """P(y | x, y') ∝ f(x)_y · T0[y, y'], and T0 is close to .6 on the diagonal under 40 % uniform noise."""
    made, _ = problem(noisy=3000, clean=300)
    fitted = fit("bayes", made)
    matrix = np.exp(fitted.corrector.label_terms)
    assert np.abs(matrix - (0.2 + 0.4 * np.eye(CLASSES))).max() < 0.15
    logits, _ = network_outputs(fitted.classifier, made.noisy, np.arange(3000), made.device)
    joint = softmax(logits, axis=1) * matrix[:, made.given].T
    assert np.allclose(soft_labels(made, fitted), joint / joint.sum(axis=1, keepdims=True), atol=1e-5)


def test_glc_takes_the_ridge_it_is_given():
    made, _ = problem(noisy=200)
    assert fit("glc", made, ridge=3.0).metrics["ridge"] == 3.0
    assert fit("glc", made).metrics["ridge"] in (1.0, 8.0)
    with pytest.raises(SettingsError, match="ridge = 0 must be above 0"):
        GlcSettings(ridge=0)


def test_confident_learning_says_of_its_own_rows_what_cleanlab_said():
    """The flagged rows take the likeliest class, the others keep theirs; the score is the out-of-fold P(given)."""
    made, _ = problem(noise=0.2, noisy=500)
    fitted = fit("confident-learning", made)
    soft, score = fitted.own_rows.soft, fitted.own_rows.label_score
    changed = soft.argmax(axis=1) != made.given
    assert changed.sum() == fitted.metrics["flagged"] > 50
    assert np.allclose(soft[changed, made.given[changed]], score[changed], atol=1e-6)
    assert (score[changed] < 0.5).all()


def test_without_cleanlab_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(
        SettingsError, match=r"needs cleanlab, which is not installed; pip install 'labelfix\[cleanlab\]'"
    ):
        fit("confident-learning", problem(noisy=50)[0])


def test_flags_of_new_rows_follow_the_least_margin_of_the_flagged_ones():
    """Given 0: rows with margins .2 (kept) and .6 (flagged) for class 1, so new rows are flagged from .6 on."""
    soft = np.array([[0.4, 0.6, 0.0], [0.2, 0.8, 0.0], [0.9, 0.1, 0.0]], dtype=np.float32)
    rule = FlagCorrector.learn(soft, np.array([0, 0, 0]), np.array([False, True, False]), 1.0)
    assert rule.margins[0, 1] == pytest.approx(0.6)
    assert np.isinf(rule.margins).sum() == 8
    new = np.log(np.array([[0.15, 0.85, 1e-9], [0.25, 0.75, 1e-9], [0.15, 1e-9, 0.85], [0.15, 0.85, 1e-9]]))
    found = rule.soft_labels(new.astype(np.float32), np.zeros((4, 1), np.float32), np.array([0, 0, 0, -1]))
    assert found.argmax(axis=1).tolist() == [1, 0, 0, 1]
    assert np.allclose(found[0], [0.15, 0.85, 0], atol=1e-5)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-6)


def test_a_kept_label_is_raised_just_above_the_others_and_no_further():
    soft = np.array([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1]], dtype=np.float32)
    kept = keep_unless(np.array([True, False, False]), soft, np.array([0, 0, 0]))
    assert np.array_equal(kept[[0, 2]], soft[[0, 2]])
    assert kept[1].argmax() == 0
    assert kept[1, 0] - kept[1, 1] < 0.01
    assert kept[1, 1] / kept[1, 2] == pytest.approx(5 / 3, rel=1e-4)


KNOWN_LOSSES = {"mixed": 0.4899, "noisy-only": 0.5710, "forward": 0.5745}
"""Mean −log P of the true classes of the noisy rows, by the classifier."""


@pytest.mark.parametrize("method", KNOWN_LOSSES)
def test_its_ridges_are_those_that_the_figures_of_the_docs_were_measured_with(method):
    made, truth = problem(noisy=300, clean=60)
    made = blurred(made, 0.4)
    fitted = METHODS[method](made, METHOD_SETTINGS[method](), Silent())
    logits, _ = network_outputs(fitted.classifier, made.noisy, np.arange(300), made.device)
    loss = -log_softmax(logits, axis=1)[np.arange(300), truth].mean()
    assert loss == pytest.approx(KNOWN_LOSSES[method], abs=1e-3)
