"""Constants that figures of the docs were measured with: one that moves has to be measured again.

Each test fails where the constant that it names is half as large again, or two thirds as large.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_problem import problem, whole

from labelfix.compute import checkpoints as kept
from labelfix.compute.checkpoints import Checkpoints
from labelfix.evidence import calibrate
from labelfix.heads import rows as fit_rows
from labelfix.heads import view_weights
from labelfix.heads.folds import cut_folds
from labelfix.heads.learners import as_given_ridge, given_labels
from labelfix.heads.near_another_head import RIDGES, drawn_to
from labelfix.heads.rows import FitRows
from labelfix.heads.stages import judging_stage
from labelfix.heads.trusted_only import _of_given, fit_trusted_only
from labelfix.methods.mlc import anchored
from labelfix.methods.mlc.anchored import fit_prior
from labelfix.methods.mlc.prior import Prior
from labelfix.methods.table import METHODS
from labelfix.models.features import FeatureInputs
from labelfix.numerics import leave_one_out, reading_plan, row_dependence
from labelfix.numerics.head_losses import cross_entropy_of
from labelfix.numerics.linear_heads import LinearHead
from labelfix.progress import Silent
from labelfix.settings.interval import CheckpointInterval
from labelfix.settings.methods import ConfidentLearningSettings, MlcSettings

K, D = 3, 6


def rows_of(seed, noisy=240, clean=60, noise=0.6):
    """Clusters that overlap; three of ten given labels are wrong."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(K, size=noisy + clean)
    points = np.eye(K, D)[truth] + noise * generator.normal(size=(noisy + clean, D))
    given = np.where(generator.random(noisy) < 0.3, generator.integers(K, size=noisy), truth[:noisy])
    labels, trusted = torch.from_numpy(given), truth[noisy:]
    features = torch.from_numpy(points.astype(np.float32))
    return FitRows(features, labels, torch.from_numpy(trusted), K, cut_folds(trusted, seed), seed)


@pytest.fixture
def many_classes(monkeypatch):
    """Three classes are as very many."""
    monkeypatch.setattr(fit_rows, "SIDE_BY_SIDE", K - 1)


def test_a_head_of_very_many_classes_stops_at_a_fall_of_a_thousandth(many_classes):
    """EARLY: losses out of fold, by seed."""
    known = [0.4848, 0.6949, 0.6131, 0.5321, 0.7600, 0.8365, 0.7952, 0.7378, 0.7447, 0.7955, 0.6190, 0.7613]
    losses = [out_of_fold(rows_of(seed))[0] for seed in range(len(known))]
    assert losses == pytest.approx(known, abs=3e-4)


def test_the_given_labels_of_very_many_classes_are_learned_to_a_fall_of_a_ten_thousandth(many_classes):
    """ROUGH: squared lengths of weights, by seed and noise."""
    known = {(18, 0.3): 9.1777, (22, 0.3): 9.8921, (24, 0.6): 4.4662, (0, 0.6): 3.6239, (11, 0.3): 7.8410}
    fits = [given_labels(rows_of(seed, noise=noise)).full for seed, noise in known]
    assert [float(fit.weight.square().sum()) for fit in fits] == pytest.approx(list(known.values()), abs=8e-3)


def test_a_head_near_another_one_is_held_by_decades():
    """RIDGES: losses out of fold by each."""
    assert out_of_fold(rows_of(1, noise=0.2)) == pytest.approx([0.6676, 0.0172, 0.0087, 0.0067, 0.0055], abs=7e-5)


def out_of_fold(rows):
    """Losses of the trusted rows by heads that begin at nothing, by each r."""
    return [fit.nll(rows.truth.numpy()) for fit in drawn_to(rows, LinearHead.zeros(K, D), RIDGES)]


def test_at_most_twenty_thousand_noisy_rows_choose_and_twenty_five_hundred_teach_the_correction(monkeypatch):
    """NOISY_SAMPLE and META_SAMPLE."""
    sizes, sample = set(), FitRows.sample
    monkeypatch.setattr(FitRows, "sample", lambda self, most: sizes.add(most) or sample(self, most))
    anchored.solve(problem(noisy=150, clean=30)[0], MlcSettings(), Silent())
    assert sizes == {20_000, 2_500}


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8])
def test_a_head_explains_all_but_some_share_of_the_given_labels(share):
    """DRAWN_SHARES: of labels that follow a sure head but for this share, that is the likeliest."""
    count, classes = 4_000, 4
    truth = np.arange(count) % classes
    generator = np.random.default_rng(0)
    given = np.where(np.arange(count) % 1000 < 1000 * share, generator.integers(classes, size=count), truth)
    rows = FitRows(
        torch.from_numpy(np.eye(classes, dtype=np.float32)[truth]),
        torch.from_numpy(given), torch.zeros(0, dtype=torch.int64), classes, cut_folds(np.zeros(2, dtype=int), 0), 0,
    )  # fmt: skip
    head = LinearHead(30 * torch.eye(classes), torch.zeros(classes))
    frequent = np.bincount(given)[given] / count
    expected = np.log((1 - share) * (given == truth) + share * frequent)
    assert _of_given(rows, head).numpy() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("took", "keeps"), [(0.95, False), (1.05, True)])
def test_what_took_a_second_of_the_judging_is_kept(tmp_path, monkeypatch, took, keeps):
    """WORTH_KEEPING."""
    clock = [0.0]
    monkeypatch.setattr(kept.time, "monotonic", lambda: clock[0])

    def compute():
        clock[0] += took
        return {"weight": np.ones(3)}

    judging_stage(Checkpoints(tmp_path, CheckpointInterval.parse("1epoch")), "rival", compute)
    assert (tmp_path / "stage-rival").exists() == keeps


@pytest.mark.parametrize(("scale", "ridge"), [(1.0, 1.0), (0.3, 3.0), (0.1, 10.0)])
def test_labels_as_given_are_learned_with_the_r_that_predicts_them_best_up_to_three(scale, ridge):
    """GIVEN_RIDGES and AS_GIVEN_RIDGES: the shorter rows are, the looser a head has to be."""
    rows = rows_of(2, noise=0.3)
    rows = replace(rows, features=rows.features * scale)
    assert given_labels(rows).ridge == ridge
    prior = fit_prior(rows)
    assert prior.as_given_ridge == min(ridge, 3.0)
    expected = rows.cross_fit(min(ridge, 3.0), fit_trusted_only(rows).full, as_given(rows)).full
    assert torch.allclose(prior.as_given.full.weight, expected.weight)
    kept = prior.to_arrays()
    assert Prior.from_arrays(kept).as_given_ridge == prior.as_given_ridge
    assert Prior.from_arrays({name: kept[name] for name in kept.keys() - {"as_given_ridge"}}).as_given_ridge == 1


def as_given(rows):
    """The loss of given and trusted labels learned alike."""
    labels = torch.cat([rows.given, rows.truth])
    return lambda parts: cross_entropy_of(labels, rows.weights([use for use, _ in parts]))


def test_discriminants_of_very_many_classes_are_left_out_by_one(many_classes):
    rows = rows_of(2, noise=0.3)
    assert as_given_ridge(replace(rows, features=rows.features * 0.1)) == 1


@pytest.mark.parametrize(("scale", "ridge"), [(1.0, 1.0), (0.3, 10.0)])
def test_two_views_are_compared_by_heads_of_two_strengths(scale, ridge, monkeypatch):
    """OF_TWO_RIDGES: of unit norm the tighter one is the better, of short rows the weaker one."""
    rows, seen, losses = rows_of(2, noise=0.3), {}, view_weights._Sample.losses

    def noted(self, weights, r):
        seen[r] = losses(self, weights, r)
        return seen[r]

    monkeypatch.setattr(view_weights._Sample, "losses", noted)
    parts = [rows.noisy.numpy() * np.float32(scale)] * 2
    view_weights.choose_second(parts, np.arange(len(rows.given)), rows.given.numpy(), (1.0,))
    assert seen.keys() == {1.0, 10.0}
    assert min(seen, key=lambda r: seen[r].mean()) == ridge


@pytest.mark.parametrize(("scale", "ridge"), [(1.0, 1.0), (0.1, 10.0)])
def test_confident_learning_chooses_among_two_strengths(scale, ridge):
    """Its RIDGES."""
    pytest.importorskip("cleanlab")
    made, _ = problem(noise=0.3, noisy=200, clean=40)
    noisy, clean = (FeatureInputs(inputs.features * np.float32(scale)) for inputs in (made.noisy, made.clean))
    settings = ConfidentLearningSettings(folds=2)
    fitted = METHODS["confident-learning"](replace(made, noisy=noisy, clean=clean), settings, Silent())
    assert fitted.metrics["ridge"] == ridge


def test_a_plan_looks_at_rows_in_512_groups_of_like_chances():
    """GROUPS of a reading plan."""
    groups = reading_plan._Groups.of(np.linspace(0, 1, 5_000))
    assert len(groups.share) == 512
    assert groups.share == pytest.approx(np.full(512, 1 / 512), rel=0.2)


def test_rows_that_one_model_judges_are_scaled_in_five_folds(monkeypatch):
    """GROUPS of the calibration."""
    counts, cut = [], calibrate.cut_folds

    def counted(truth, seed, count):
        counts.append(count)
        return cut(truth, seed, count)

    monkeypatch.setattr(calibrate, "cut_folds", counted)
    made, _ = whole(noisy=60, clean=150)
    fitted = METHODS["mlc"](made, MlcSettings(recipe="paper", epochs=1), Silent())
    assert fitted.held is not None
    one = replace(fitted.held, models=fitted.held.models[:1], by=np.zeros_like(fitted.held.by))
    calibrate.calibrate(made, replace(fitted, held=one))
    assert counts == [5]


@pytest.mark.parametrize(("rows", "read"), [(440, 440), (460, 445)])
def test_rows_of_very_many_classes_are_read_up_to_a_bound_of_work(monkeypatch, rows, read):
    """MOST_WORK of the dependence on rows: S·K² stays below 4e8."""
    classes, seen = 948, []
    monkeypatch.setattr(row_dependence, "_Problem", lambda f, *rest: seen.append(len(f)) or pytest.skip("enough"))
    even = np.zeros((rows, classes), dtype=np.float32)
    matrix = np.eye(classes, dtype=np.float32)
    with pytest.raises(pytest.skip.Exception):
        row_dependence.fit_dependence(even, even, np.zeros(rows, dtype=np.int64), matrix, matrix + 1)
    assert seen == [read]


def test_who_shares_a_hessian_is_a_matter_of_work():
    """MOST_WORK of leaving rows out: rows · D² · K up to 3e12."""
    assert not leave_one_out.shares_hessian(2_900_000, 100, 100)
    assert leave_one_out.shares_hessian(3_100_000, 100, 100)
