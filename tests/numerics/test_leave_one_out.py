"""A row taken out of a fit by one Newton step, against fitting again without it."""

import numpy as np
import pytest
import torch

from labelfix.numerics.head_losses import cross_entropy_to
from labelfix.numerics.leave_one_out import left_out, leverage_of, shares_hessian
from labelfix.numerics.linear_heads import LinearHead, minimise


def leverages(features, head, weights, ridge, rows, targets=None):
    """Of all of the first rows."""
    return leverage_of(features, head, weights, ridge, rows, targets)(slice(0, rows))


def problem(classes, rows=120, width=6, seed=0):
    """Features and soft targets in float64, the last 30 rows weighing 2."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    targets = torch.softmax(2 * torch.randn(rows, classes, generator=generator, dtype=torch.float64), dim=1)
    weights = torch.ones(rows, dtype=torch.float64)
    weights[-30:] = 2
    return features, targets, weights


def fitted(features, targets, weights, ridge):
    start = LinearHead(
        torch.zeros(targets.shape[1], features.shape[1]).double(), torch.zeros(targets.shape[1]).double()
    )
    return minimise(features, cross_entropy_to(targets, weights), ridge, start, iterations=2000, tolerance=1e-15)


def truly_left_out(features, targets, weights, ridge, row):
    others = weights.clone()
    others[row] = 0
    return fitted(features, targets, others, ridge).logits(features[row : row + 1])


@pytest.mark.parametrize(("classes", "within"), [(2, 0.02), (4, 0.12)])
def test_the_change_is_that_of_fitting_again_without_the_row(classes, within):
    features, targets, weights = problem(classes)
    head = fitted(features, targets, weights, 1.0)
    logits = head.logits(features[:90])
    found = left_out(logits, targets[:90], leverages(features, head, weights, 1.0, 90))
    rows = range(0, 90, 6)
    true = torch.cat([truly_left_out(features, targets, weights, 1.0, row) for row in rows]).log_softmax(1)
    here, said = logits[::6].log_softmax(1), found[::6].log_softmax(1)
    assert float((said - true).norm() / (here - true).norm()) < within


def test_a_row_that_is_left_out_is_liked_less_well():
    features, targets, weights = problem(3, seed=1)
    labels = targets.argmax(dim=1)
    hard = torch.nn.functional.one_hot(labels, 3).double()
    head = fitted(features, hard, weights, 10.0)
    logits = head.logits(features[:90])
    found = left_out(logits, hard[:90], leverages(features, head, weights, 10.0, 90))
    own = torch.arange(90), labels[:90]
    assert bool((found.log_softmax(1)[own] < logits.log_softmax(1)[own]).all())


def test_very_many_classes_share_a_hessian_that_is_about_right(monkeypatch):
    """Four classes taken for very many: the change keeps its direction and about its size."""
    import labelfix.numerics.leave_one_out as module

    features, targets, weights = problem(4)
    head = fitted(features, targets, weights, 1.0)
    logits = head.logits(features[:90])
    each = left_out(logits, targets[:90], leverages(features, head, weights, 1.0, 90)) - logits
    monkeypatch.setattr(module, "MANY", 3)
    shared = left_out(logits, targets[:90], leverages(features, head, weights, 1.0, 90)) - logits
    assert float((shared * each).sum() / (each * each).sum()) == pytest.approx(1, abs=0.15)
    assert float((shared - each).norm() / each.norm()) < 0.25


def test_a_class_that_nobody_has_does_not_break_it():
    features, targets, weights = problem(3)
    targets = torch.cat([targets, torch.zeros(len(targets), 1).double()], dim=1)
    head = fitted(features, targets, weights, 1.0)
    found = left_out(head.logits(features[:90]), targets[:90], leverages(features, head, weights, 1.0, 90))
    assert bool(found.isfinite().all())


def test_many_rows_are_measured_on_some_of_them(monkeypatch):
    """With the Hessian of every third row, weighing three, leverages keep within a few percent."""
    import labelfix.numerics.leave_one_out as module

    features, targets, weights = problem(3, rows=3000)
    weights[:] = 1
    head = fitted(features, targets, weights, 1.0)
    every = leverages(features, head, weights, 1.0, 2900)
    monkeypatch.setattr(module, "CURVATURE", 1000)
    some = leverages(features, head, weights, 1.0, 2900)
    assert np.allclose(some, every, rtol=0.2)


@pytest.mark.parametrize("classes", [2, 5])
def test_a_row_with_a_direction_of_its_own_is_taken_out_once_however_the_hessian_is_measured(monkeypatch, classes):
    """30 rows hold a column that no other row has: leverages by every third row, fixed, are those by all of them."""
    import labelfix.numerics.leave_one_out as module

    features, targets, weights = problem(classes, rows=300, width=4)
    weights[:] = 1
    own = torch.zeros(300, 30, dtype=torch.float64)
    own[torch.arange(0, 300, 10), torch.arange(30)] = 2
    features = torch.cat([features, own], dim=1)
    head = fitted(features, targets, weights, 50.0)
    rows = torch.arange(0, 300, 10)
    every = leverages(features, head, weights, 50.0, 300)[rows]
    monkeypatch.setattr(module, "CURVATURE", 100)
    some = leverages(features, head, weights, 50.0, 300)[rows]
    assert torch.allclose(some, every, rtol=1e-3)


def test_classes_that_hardly_count_for_a_row_need_not_be_looked_at():
    """What is passed over moves no probability by more than .0005; three times `WORTH_MOVING` would, by .001."""
    generator = torch.Generator().manual_seed(8)
    labels = torch.randint(0, 8, (400,), generator=generator)
    features = torch.nn.functional.one_hot(labels, 8).float() * 2 + torch.randn(400, 8, generator=generator)
    targets, weights = torch.nn.functional.one_hot(labels, 8).float(), torch.ones(400)
    head = minimise(features, cross_entropy_to(targets, weights), 1.0, LinearHead.zeros(8, 8))
    whole = leverages(features, head, weights, 1.0, 400)
    some = leverages(features, head, weights, 1.0, 400, targets)
    assert 0.4 < (some == 0).float().mean() < 0.46, "it saves nearly half of the work"
    said = [left_out(head.logits(features), targets, each).softmax(dim=1) for each in (whole, some)]
    assert (said[0] - said[1]).abs().max() < 0.0005


def crowded_classes(rows, classes):
    """Labels, features, targets, weights and the fitted head of classes that lie close together."""
    generator = torch.Generator().manual_seed(9)
    labels = torch.arange(rows) % classes
    features = torch.nn.functional.one_hot(labels, classes).float() @ torch.randn(classes, 20, generator=generator)
    features = features / 4 + torch.randn(rows, 20, generator=generator) / 4
    targets, weights = torch.nn.functional.one_hot(labels, classes).float(), torch.ones(rows)
    head = minimise(features, cross_entropy_to(targets, weights), 1.0, LinearHead.zeros(classes, 20))
    return labels, features, targets, weights, head


def test_of_many_classes_rows_of_little_curvature_count_by_their_mean(monkeypatch):
    """A row without itself is as with all rows in every class's Hessian, to a twentieth of what that changes."""
    import labelfix.numerics.leave_one_out as module

    labels, features, targets, weights, head = crowded_classes(4000, 40)
    logits, own = head.logits(features), (torch.arange(4000), labels)
    used, gram = [], module._gram
    monkeypatch.setattr(module, "_gram", lambda part: used.append(len(part)) or gram(part))
    some = leverages(features, head, weights, 1.0, 4000)
    share = np.mean(used[1:]) / 4000
    assert 0.08 < share < 0.1, "a tenth of the rows is left in the Hessian of a class"
    monkeypatch.setattr(module, "SEVERAL", 40)
    whole = leverages(features, head, weights, 1.0, 4000)
    assert not torch.equal(some, whole)
    said = logits, left_out(logits, targets, some), left_out(logits, targets, whole)
    before, about, exact = (each.softmax(dim=1)[own] for each in said)
    assert float((about - exact).norm() / (before - exact).norm()) < 0.05


def test_rows_that_hardly_bend_the_loss_are_passed_over(monkeypatch):
    """Four rows in ten are, and no leverage moves by more than a hundredth; twice `NEGLIGIBLE` moves some by two."""
    import labelfix.numerics.leave_one_out as module

    generator = torch.Generator().manual_seed(8)
    labels = torch.randint(0, 4, (2000,), generator=generator)
    features = torch.nn.functional.one_hot(labels, 12).float() * 3 + torch.randn(2000, 12, generator=generator)
    targets, weights = torch.nn.functional.one_hot(labels, 4).float(), torch.ones(2000)
    head = minimise(features, cross_entropy_to(targets, weights), 1.0, LinearHead.zeros(4, 12))
    p = head.log_probabilities(features).exp()
    curvature = p * (1 - p)
    assert (curvature < module.NEGLIGIBLE * curvature.mean(dim=0)).float().mean() > 0.42
    found = leverages(features, head, weights, 1.0, 2000)
    monkeypatch.setattr(module, "NEGLIGIBLE", 0.0)
    assert float((found / leverages(features, head, weights, 1.0, 2000) - 1).abs().max()) < 0.011


def test_classes_share_a_hessian_where_there_are_many_or_each_would_take_minutes():
    assert [shares_hessian(10, 10, classes) for classes in (100, 101)] == [False, True]
    assert [shares_hessian(rows, 384, 100) for rows in (200_000, 210_000)] == [False, True]


def test_up_to_32_classes_every_row_that_bends_the_loss_is_in_the_hessian_of_a_class(monkeypatch):
    import labelfix.numerics.leave_one_out as module

    _, features, _, weights, head = crowded_classes(1600, 32)
    used, gram = [], module._gram
    monkeypatch.setattr(module, "_gram", lambda part: used.append(len(part)) or gram(part))
    leverages(features, head, weights, 1.0, 1600)
    assert len(used) == 32
    assert np.mean(used) > 0.8 * 1600
