"""What is done otherwise where classes are very many, on the toy problem whose three classes are taken for that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_problem import problem, soft_labels

from labelfix.evidence.rivals import _confident_learning
from labelfix.heads import near_another_head, rows
from labelfix.heads.near_another_head import drawn_to
from labelfix.heads.rows import load_rows
from labelfix.heads.trusted_only import TRUSTED_RIDGES, fit_trusted_only
from labelfix.methods.mlc import anchored, structured
from labelfix.numerics import linear_heads, row_blocks
from labelfix.numerics.linear_heads import LinearHead
from labelfix.progress import Silent
from labelfix.scoring.scorer import block_rows
from labelfix.settings.methods import MlcSettings


@pytest.fixture
def many(monkeypatch):
    for module in (linear_heads, rows):
        monkeypatch.setattr(module, "SIDE_BY_SIDE", 2)


def fit(made):
    return anchored.solve(made, MlcSettings(), Silent())


def test_wrong_labels_are_corrected_as_well(many):
    made, truth = problem()
    fitted = fit(made)
    right = soft_labels(made, fitted).argmax(axis=1) == truth
    assert right[made.given != truth].mean() > 0.9
    assert right[made.given == truth].mean() > 0.97
    assert list(fitted.metrics["shares"]) == ["GLC8", "N1"]


def test_what_ends_early_has_not_seen_the_fold(many):
    """Other labels in a fold, as many as there are, move the heads that saw them, and not the one that did not."""
    made, _ = problem()
    whole = load_rows(made)
    truth, inside = whole.truth.clone(), torch.from_numpy(whole.folds.inside(0))
    truth[inside] = (truth[inside] + 1) % whole.num_classes
    other = replace(whole, truth=truth)
    for fit_heads in (fit_trusted_only, _confident_learning):
        (one, two) = (
            [fit_heads(each).without_temperature(fold)[0].weight for fold in (0, 1)] for each in (whole, other)
        )
        assert torch.allclose(one[0], two[0], atol=1e-4 * float(one[0].abs().max()))
        assert not torch.allclose(one[1], two[1], atol=1e-2 * float(one[1].abs().max()))


def test_folds_judge_the_meta_step_in_turn(many, monkeypatch):
    judged = []
    whole = structured.outer_together

    def watched(problems, *rest):
        judged.append([each.fold for each in problems])
        return whole(problems, *rest)

    monkeypatch.setattr(structured, "outer_together", watched)
    made, _ = problem()
    in_turn = fit(made).metrics["lcn"]
    assert judged == [[step % 4] for step in range(structured.OUTER_STEPS)]
    for module in (linear_heads, rows):
        monkeypatch.setattr(module, "SIDE_BY_SIDE", 128)
    together = fit(made).metrics["lcn"]
    assert all(abs(in_turn[name] - together[name]) < 0.3 for name in ("a", "b"))


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
    assert np.allclose(whole.soft, blocks.soft, atol=1e-5)
    assert [len(range(300)[part]) for part in row_blocks.row_blocks(300, 3)] == [33] * 9 + [3]


@pytest.mark.parametrize(("classes", "size"), [(2, 8192), (256, 8192), (257, 7936), (1000, 2048), (50_000, 256)])
def test_a_block_takes_as_much_memory_whatever_the_classes(classes, size):
    assert block_rows(classes) == size
