"""What is done otherwise where classes are very many, on the toy problem whose three classes are taken for that."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_problem import blurred, problem, soft_labels

from labelfix.evidence import rivals
from labelfix.heads import discriminants, folds, near_another_head, rows
from labelfix.heads.discriminants import fit_discriminants
from labelfix.heads.near_another_head import drawn_to
from labelfix.heads.rows import load_rows
from labelfix.heads.trusted_only import TRUSTED_RIDGES
from labelfix.methods.mlc import anchored
from labelfix.numerics import linear_heads, row_blocks
from labelfix.numerics.linear_heads import LinearHead
from labelfix.progress import Silent
from labelfix.scoring.blocks import block_rows
from labelfix.settings.methods import MlcSettings


@pytest.fixture
def many(monkeypatch):
    for module in (linear_heads, rows, rivals, folds):
        monkeypatch.setattr(module, "SIDE_BY_SIDE", 2)


def fit(made):
    return anchored.solve(made, MlcSettings(), Silent())


def test_wrong_labels_are_corrected_as_well(many):
    made, truth = problem()
    fitted = fit(made)
    right = soft_labels(made, fitted).argmax(axis=1) == truth
    assert right[made.given != truth].mean() > 0.9
    assert right[made.given == truth].mean() > 0.97
    assert list(fitted.metrics["shares"]) == ["discriminants", "regression"]


def test_its_constants_are_those_that_the_figures_of_the_docs_were_measured_with(many):
    """As for the usual recipe: on overlapping classes its shrinkages, ridge and early end decide what it comes to."""
    made, _ = problem(noisy=300, clean=60)
    fitted = fit(blurred(made, 0.4))
    assert tuple(fitted.metrics["shares"].values()) == pytest.approx((0.3837, 0.5714), abs=1e-3)
    assert fitted.metrics["out_of_fold_nll"]["stack"] == pytest.approx(0.5003, abs=1e-3)


def test_neither_trusted_nor_noisy_rows_of_a_fold_move_the_heads_without_it(many, monkeypatch):
    """Other labels in a fold move the heads that saw them, and not the one that did not."""
    made, _ = problem()
    whole, of = load_rows(made), torch.arange(900) % 4
    monkeypatch.setattr(discriminants, "cut_folds", lambda *_: folds.Folds(of.numpy(), 4, np.ones(len(of))))
    monkeypatch.setattr(discriminants, "SHRINKAGES", (0.2,))  # numbers that all rows have a part in do not move here
    truth, given, inside = whole.truth.clone(), whole.given.clone(), torch.from_numpy(whole.folds.inside(0))
    truth[inside] = (truth[inside] + 1) % whole.num_classes
    given[of == 0] = given[of == 0].roll(1)
    transition = np.full((3, 3), 0.1) + 0.7 * np.eye(3)
    for other in (replace(whole, truth=truth), replace(whole, given=given)):
        first, second = fit_discriminants(whole), fit_discriminants(other)
        one, two = ([each.again(fold, *behind(each, fold, transition)) for fold in (0, 1)] for each in (first, second))
        for kind in (0, 1):
            scale = float(one[0][kind].weight.abs().max())
            assert torch.allclose(one[0][kind].weight, two[0][kind].weight, atol=1e-4 * scale)
            assert not torch.allclose(one[1][kind].weight, two[1][kind].weight, atol=1e-3 * scale)


def behind(first, fold, transition):
    """What labels and rows say, by heads of one temperature: this is a number that all rows have a part in."""
    cold = first.fitted.without_temperature(fold)[0]
    without = [cold if k == fold else head for k, head in enumerate(first.fitted.without)]
    return replace(first, fitted=replace(first.fitted, without=tuple(without))).behind(fold, transition)


def test_soft_labels_are_made_when_asked_for(many):
    made, _ = problem()
    fitted = fit(made)
    soft, score = fitted.own_rows.soft[:], fitted.own_rows.label_score
    assert np.allclose(soft.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(score, soft[np.arange(len(soft)), made.given])
    assert np.allclose(fitted.own_rows.soft[np.array([7, 3])], soft[[7, 3]], atol=1e-6)
    assert fitted.own_rows.how.startswith("scored by models that did not train on their given label")


def test_without_pairs_too(many):
    made, truth = problem(paired=False)
    fitted = fit(made)
    assert fitted.metrics["posterior"]["paired"] == 0
    assert (fitted.own_rows.soft[:].argmax(axis=1) == truth).mean() > 0.95


def test_the_ledger_has_the_rivals_that_need_no_pair_of_classes(many):
    made, _ = problem()
    fitted = fit(made)
    found = rivals.fit_rivals(made, fitted.held, Silent())
    assert [each.name for each in found] == [rivals.CLEAN_ONLY, rivals.NOISY_AND_CLEAN]


def test_larger_ridges_are_tried_only_where_one_may_be_chosen(monkeypatch):
    made, _ = problem()
    whole = load_rows(made)
    zero = LinearHead.zeros(3, whole.clean.shape[1])
    some = drawn_to(whole, zero, TRUSTED_RIDGES)
    monkeypatch.setattr(near_another_head, "likeliest_of_each", lambda found, _: [len(found) - 1])
    every = drawn_to(whole, zero, TRUSTED_RIDGES)
    assert 2 <= len(some) <= len(every) == len(TRUSTED_RIDGES)
    truth = whole.truth.numpy()
    losses = [each.nll(truth) for each in every]
    assert min(losses) == min(losses[: len(some)])


def test_blocks_of_rows_say_what_all_rows_at_once_do(monkeypatch):
    made, _ = problem(noisy=300)
    whole = fit(made).own_rows
    monkeypatch.setattr(row_blocks, "CELLS", 100)
    blocks = fit(problem(noisy=300)[0]).own_rows
    # Sums of single precision in another order end the solver elsewhere by 1e-4; a row in the wrong place is off by .1.
    assert np.allclose(whole.soft[:], blocks.soft[:], atol=1e-3)
    assert [len(range(300)[part]) for part in row_blocks.row_blocks(300, 3)] == [33] * 9 + [3]


@pytest.mark.parametrize(("classes", "size"), [(2, 8192), (256, 8192), (257, 7936), (1000, 2048), (50_000, 256)])
def test_a_block_takes_as_much_memory_whatever_the_classes(classes, size):
    assert block_rows(classes) == size
