"""The posterior of the anchored recipe: what it is made of, and how it is chosen."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from scipy.special import softmax as scipy_softmax

from labelfix.correctors.posterior import PosteriorCorrector
from labelfix.correctors.storage import load_corrector
from labelfix.heads.folds import Folds
from labelfix.heads.posterior_trust import Trust, fit_paired, fit_share
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.stack import merge

K = 3


def head(seed):
    generator = torch.Generator().manual_seed(seed)
    return LinearHead(torch.randn(K, 5, generator=generator), torch.randn(K, generator=generator))


def test_a_turned_corrector_says_what_both_heads_say_together():
    """softmax(β·[(1 − ς)·z_f + ς·z_n] + L[·, y']), f and n as linear heads on the same features."""
    f, n = head(0), head(1)
    terms = np.log(np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4]]))
    hidden, given = torch.randn(7, 5, generator=torch.Generator().manual_seed(2)), np.array([0, 1, 2, 0, 1, 2, -1])
    corrector = PosteriorCorrector(terms, 0.8, 1.0, merge([n, f], [0.25, -0.25]).affine())
    found = corrector.soft_labels(f.logits(hidden).numpy(), hidden.numpy(), given)
    z_f, z_n = f.logits(hidden).numpy(), n.logits(hidden).numpy()
    expected = scipy_softmax(0.8 * (0.75 * z_f + 0.25 * z_n)[:6] + terms[:, given[:6]].T, axis=1)
    assert np.allclose(found[:6], expected, atol=1e-6)
    assert np.allclose(found[6], scipy_softmax(z_f[6]), atol=1e-6)


def test_a_turned_corrector_reads_back_as_it_was(tmp_path):
    corrector = PosteriorCorrector(np.zeros((K, K)), 0.6, 1.0, head(3).affine())
    corrector.save(tmp_path)
    back = load_corrector(tmp_path, K, 5)
    hidden = torch.randn(4, 5).numpy()
    logits, given = np.random.default_rng(0).normal(size=(4, K)).astype(np.float32), np.array([0, 1, 2, 0])
    assert np.array_equal(back.soft_labels(logits, hidden, given), corrector.soft_labels(logits, hidden, given))


def folds_of(fold):
    """Four folds of rows that all count alike."""
    return Folds(fold, 4, np.ones(len(fold)))


def drawn(seed, rows=4000):
    """Truth, given labels at even noise of .3, a good view of the truth and one that is no better than a guess."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, K, rows)
    wrong = generator.random(rows) < 0.3
    given = np.where(wrong, (truth + generator.integers(1, K, rows)) % K, truth)
    good = log_softmax(2 * np.eye(K)[truth] + generator.normal(size=(rows, K)), axis=1)
    guess = log_softmax(generator.normal(size=(rows, K)), axis=1)
    matrix = 0.7 * np.eye(K) + 0.15 * (1 - np.eye(K))
    return truth, given, good, guess, np.arange(rows) % 4, matrix


@pytest.mark.parametrize("second_is_good", [False, True])
def test_pairs_choose_the_view_that_is_right(second_is_good):
    truth, given, good, guess, fold, matrix = drawn(0)
    views = (guess, good) if second_is_good else (good, guess)
    found = fit_paired(*views, truth, given, folds_of(fold), matrix, [matrix] * 4)
    assert found.trust.share == float(second_is_good)
    assert all(each.share == float(second_is_good) for each in found.without)
    assert found.kappa in (0.8, 1.0, 1.2)


@pytest.mark.parametrize(("sharpened", "beta"), [(4.0, 0.6), (0.5, 1.5)])
def test_pairs_take_back_how_sure_a_view_is_of_itself_as_far_as_candidates_go(sharpened, beta):
    truth, given, good, guess, fold, matrix = drawn(0)
    found = fit_paired(log_softmax(sharpened * good, axis=1), guess, truth, given, folds_of(fold), matrix, [matrix] * 4)
    assert found.trust.beta == beta


@pytest.mark.parametrize("second_is_good", [False, True])
def test_without_pairs_assumed_labels_choose_it(second_is_good):
    truth, _, good, guess, fold, matrix = drawn(1)
    views = (guess, good) if second_is_good else (good, guess)
    trust, without = fit_share(*views, truth, folds_of(fold), (np.log(matrix), [np.log(matrix)] * 4), [matrix] * 4)
    assert (trust.beta, trust.share) == (1.0, float(second_is_good))
    assert len(without) == 4


def test_a_fold_s_posterior_does_not_know_its_rows():
    """Fold 0 alone says that class 0 is always called 2: its own posterior has not heard of it."""
    truth, given, good, guess, fold, matrix = drawn(2)
    given = np.where((fold == 0) & (truth == 0), 2, given)
    found = fit_paired(good, guess, truth, given, folds_of(fold), matrix, [matrix] * 4)
    without, others = found.without[0].label_terms, found.without[1].label_terms
    assert without[0, 2] < others[0, 2] - 0.3


def test_log_soft_is_the_log_of_probabilities():
    trust = Trust(0.8, 0.5, np.zeros((K, K)))
    mixed = trust.mixed(np.log([[0.7, 0.2, 0.1]]), np.log([[0.5, 0.25, 0.25]]))
    assert np.exp(trust.log_soft(mixed, np.array([1]))).sum() == pytest.approx(1)
