"""A head on trusted rows alone knows how frequent the classes are, however the rows were drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from labelfix.correctors.contract import Problem
from labelfix.data.labels.class_shares import weighted
from labelfix.data.labels.noise_rate import pair_counts
from labelfix.data.tables import UNLABELLED
from labelfix.evidence.calibrate import calibrate
from labelfix.heads.class_ratio import class_ratio, row_weights
from labelfix.heads.rows import load_rows
from labelfix.heads.trusted_only import fit_trusted_only
from labelfix.methods.table import METHODS
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings

SHARES = np.array([0.9, 0.1])


def problem(sampling, trusted, paired=True, by_label=False):
    """4,000 rows of two classes in two dimensions, a tenth of whose labels is wrong; so many of each are trusted."""
    generator = np.random.default_rng(0)
    truth = generator.choice(2, 4_000, p=SHARES)
    given = np.where(generator.random(4_000) < 0.1, 1 - truth, truth)
    x = (np.stack([truth, 0 * truth], axis=1) * 1.5 + generator.normal(size=(4_000, 2))).astype(np.float32)
    of = given if by_label else truth
    rows = np.concatenate([np.flatnonzero(of == c)[:n] for c, n in enumerate(trusted)])
    rest = np.setdiff1d(np.arange(4_000), rows)
    return Problem(
        noisy=FeatureInputs(x[rest]),
        given=given[rest],
        clean=FeatureInputs(x[rows]),
        truth=truth[rows],
        paired_given=given[rows] if paired else np.full(len(rows), UNLABELLED),
        num_classes=2,
        sampling=sampling,
        new_classifier=lambda generator: Classifier(torch.nn.Identity(), 2, 2, generator),
        family="head",
        device=torch.device("cpu"),
        seed=0,
    )


def said_of_rare(made):
    """The share of the rare class among the noisy rows, as the head has it."""
    head = fit_trusted_only(load_rows(made)).full
    return float(torch.softmax(head.logits(made.noisy.batch(np.arange(len(made.noisy)))), dim=1)[:, 1].mean())


def test_rows_drawn_per_class_are_told_how_frequent_the_classes_are():
    assert said_of_rare(problem("per-class", (100, 100))) == pytest.approx(0.08, abs=0.03)  # 300 of 3,800 are left
    assert said_of_rare(problem("random", (100, 100))) > 0.2


def test_rows_drawn_per_label_are_too():
    assert said_of_rare(problem("per-label", (100, 100), by_label=True)) == pytest.approx(0.085, abs=0.03)


def test_without_pairs_the_given_labels_say_how_frequent_they_are():
    found = class_ratio(problem("per-class", (100, 100), paired=False))
    assert found is not None
    assert np.diff(np.log(found))[0] == pytest.approx(np.log(0.17 / 0.83), abs=0.15)


@pytest.mark.parametrize(("trusted", "shifted"), [((200, 100), True), ((400, 60), False)])
def test_classes_that_are_three_times_as_frequent_are_shifted(trusted, shifted):
    """Nine to one beside two to one; beside seven to one the difference may be chance."""
    assert (class_ratio(problem("per-class", trusted)) is not None) == shifted


def test_what_a_fold_is_judged_by_is_shifted_as_well():
    made = problem("per-class", (100, 100))
    plain, fitted = problem("random", (100, 100)), fit_trusted_only(load_rows(made))
    ratio = class_ratio(made)
    assert ratio is not None
    shift = np.log(ratio)
    before = fit_trusted_only(load_rows(plain))
    moved = before.held + shift
    assert np.allclose(fitted.held, moved - np.log(np.exp(moved).sum(axis=1, keepdims=True)), atol=1e-5)
    assert torch.allclose(fitted.without[0].bias, before.without[0].bias + torch.from_numpy(shift).float(), atol=1e-5)


def test_rows_count_as_often_as_their_classes_occur():
    made = problem("per-class", (100, 100))
    weights = row_weights(made.truth, class_ratio(made))
    assert weights.mean() == pytest.approx(1)
    assert weights[made.truth == 0].sum() / weights.sum() == pytest.approx(0.92, abs=0.04)
    assert (row_weights(made.truth, class_ratio(problem("random", (100, 100)))) == 1).all()


def test_what_pairs_hardly_tell_moves_the_ratio_by_twice_its_share_of_error_less():
    """Two classes at nine to one, 25 pairs of each."""
    made = problem("per-class", (25, 25))
    counts = pair_counts(made.truth, made.paired_given, 2)
    found = weighted(counts, np.bincount(made.given, minlength=2))
    plain, error = np.log(found.shares / 0.5), 1 - found.least / found.shares
    expected = plain * (1 - 2 * (error**2).mean() / plain.var())
    ratio = class_ratio(made)
    assert ratio is not None
    assert np.log(ratio) == pytest.approx(expected)
    assert np.ptp(np.log(ratio)) < 0.95 * np.ptp(plain)


def test_no_class_counts_for_less_than_a_fiftieth_of_its_trusted_rows():
    """Without pairs the given labels are π: 2 of some 3,000 have the class that half the trusted rows are of."""
    made = problem("per-class", (100, 100), paired=False)
    ratio = class_ratio(replace(made, given=np.r_[np.zeros(3_000, dtype=np.int64), 1, 1]))
    assert ratio is not None
    assert ratio[1] == pytest.approx(1 / 50)


def test_soft_labels_have_as_many_rows_of_a_rare_class_as_there_are():
    """300 of 3,800 are left; with trusted rows as they were drawn it is about twice as many."""
    made = problem("per-class", (100, 100))
    fitted = METHODS["mlc"](made, MlcSettings(), Silent())
    calibrated = calibrate(made, fitted)
    assert calibrated is not None
    assert calibrated.fitted.own_rows is not None
    soft = calibrated.fitted.own_rows.soft[:]
    assert soft[:, 1].mean() == pytest.approx(0.08, abs=0.02)
