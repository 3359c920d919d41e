"""Convex heads and the implicit meta-gradient, in float64 against finite differences and autograd."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from labelfix.heads.folds import cut_folds
from labelfix.heads.learners import learned_transition
from labelfix.heads.rows import FitRows
from labelfix.methods.mlc.structured import SOLVER_STEPS, InnerProblem, StructuredCorrection, outer_together
from labelfix.numerics.head_losses import cross_entropy_of, cross_entropy_to, forward_likelihood
from labelfix.numerics.implicit_gradient import inner_hessian_product, solve
from labelfix.numerics.linear_heads import LinearHead, Scaling, minimise, minimise_all
from labelfix.numerics.stack import fit_stack, merge

CLASSES, WIDTH = 3, 5


def draw(rows, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, WIDTH, generator=generator, dtype=dtype)
    return features / features.norm(dim=1, keepdim=True), torch.randint(0, CLASSES, (rows,), generator=generator)


def said(loss, logits):
    """The loss of one problem's logits `(N, K)`, and its gradient."""
    value, slope = loss(logits.T[None], slice(None), torch.zeros(1, dtype=torch.int64))
    return float(value), slope[0].T


def one_hot(labels, dtype=torch.float64):
    return torch.nn.functional.one_hot(labels, CLASSES).to(dtype)


def test_the_head_is_scikit_learns_logistic_regression():
    features, labels = draw(200, 0)
    begin = LinearHead(torch.zeros(CLASSES, WIDTH).double(), torch.zeros(CLASSES).double())
    found = minimise(features, cross_entropy_to(one_hot(labels), torch.ones(200)), 2.0, begin, 500, 1e-14)
    reference = LogisticRegression(C=2.0, tol=1e-10, max_iter=2000).fit(features.numpy(), labels.numpy())
    assert np.allclose(found.log_probabilities(features).exp().numpy(), reference.predict_proba(features), atol=1e-5)


def test_the_gradient_of_both_losses_is_autograds():
    logits = torch.randn(20, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    weights = torch.rand(20, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    soft = torch.softmax(torch.randn(20, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(3)), 1)
    labels = torch.randint(0, CLASSES, (20,), generator=torch.Generator().manual_seed(4))
    expected = [
        (cross_entropy_to(soft, weights), -(weights[:, None] * soft * logits.log_softmax(1)).sum()),
        (cross_entropy_of(labels, weights), -(weights * logits.log_softmax(1)[torch.arange(20), labels]).sum()),
        (
            forward_likelihood(soft.T, torch.arange(20), weights),
            -(weights * (logits.softmax(1) * soft).sum(1).log()).sum(),
        ),
    ]
    for make, loss in expected:
        value, slope = said(make, logits.detach())
        (reference,) = torch.autograd.grad(loss, logits)
        assert value == pytest.approx(float(loss.detach()), rel=1e-12)
        assert torch.allclose(slope, reference, atol=1e-12)


def test_glc_with_an_identity_matrix_is_cross_entropy_and_with_a_permutation_on_permuted_labels():
    features, labels = draw(60, 4)
    logits, weights = features @ torch.randn(WIDTH, CLASSES, dtype=torch.float64), torch.ones(60)
    permutation = torch.tensor([1, 2, 0])  # class y is always called permutation[y]
    for matrix, meant in (
        (torch.eye(3).double(), labels),
        (torch.eye(3).double()[permutation], permutation.argsort()[labels]),
    ):
        found = said(forward_likelihood(matrix, labels, weights), logits)
        expected = said(cross_entropy_to(one_hot(meant), weights), logits)
        assert found[0] == pytest.approx(expected[0], rel=1e-12)
        assert torch.allclose(found[1], expected[1], atol=1e-12)


def test_the_hessian_product_is_autograds():
    features, _ = draw(30, 5)
    weights = torch.rand(30, dtype=torch.float64) + 0.5
    soft = one_hot(torch.arange(30) % CLASSES)
    flat = torch.randn(CLASSES * (WIDTH + 1), dtype=torch.float64, generator=torch.Generator().manual_seed(6))

    def loss(values):
        weight, bias = values[: CLASSES * WIDTH].reshape(CLASSES, WIDTH), values[CLASSES * WIDTH :]
        log_p = (features @ weight.T + bias).log_softmax(1)
        return -(weights[:, None] * soft * log_p).sum() + weight.pow(2).sum() / (2 * 1.7)

    vector = torch.randn(len(flat), dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    expected = torch.autograd.functional.hessian(loss, flat) @ vector
    head = LinearHead(flat[: CLASSES * WIDTH].reshape(CLASSES, WIDTH), flat[CLASSES * WIDTH :])
    along = LinearHead(vector[: CLASSES * WIDTH].reshape(1, CLASSES, WIDTH), vector[CLASSES * WIDTH :][None])
    at = head.columns(features).softmax(0)[None], weights[None]
    found = inner_hessian_product(features, *at, 1.7, along)
    assert torch.allclose(torch.cat([found.weight.reshape(-1), found.bias[0]]), expected, atol=1e-10)
    solved = solve(features, *at, 1.7, found, 200, Scaling.of(features, 1.7, CLASSES))
    again = inner_hessian_product(features, *at, 1.7, solved)
    assert torch.allclose(again.weight, found.weight, atol=1e-8)


def inner_problem(weights=None):
    noisy, given = draw(80, 8)
    clean, truth = draw(24, 9)
    rows = FitRows(torch.cat([noisy, clean]), given, truth, CLASSES, cut_folds(truth.numpy(), 0), 0)
    if weights is not None:
        rows = replace(rows, folds=replace(rows.folds, weights=weights))
    slopes = torch.randn(WIDTH, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(11))
    log_prior = torch.log_softmax(noisy @ slopes * 2, dim=1).T
    expected = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.1, 0.6]]).double().log()
    fitted = torch.tensor([[0.6, 0.2, 0.2], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]]).double().log()
    return InnerProblem(rows, 1, log_prior, rows.given, expected, fitted, ridge=1.0)


def correction(values):
    a, b, c = values[:3]
    return StructuredCorrection(a, b, c, values[3:])


START = torch.cat([torch.tensor([0.9, 1.1, 0.2]), torch.linspace(-0.2, 0.2, CLASSES)]).double()


def hypergradient(inner_steps, solver_steps, tolerance, weights=None):
    problem = inner_problem(weights)
    _, gradient = outer_together([problem], correction(START), inner_steps, solver_steps, tolerance)
    return torch.cat([g.reshape(-1) for g in gradient])


@pytest.mark.parametrize("weights", [None, 2 * np.arange(24) / 23])
def test_the_hypergradient_is_the_whole_bilevel_problems(weights):
    """Central differences of the outer loss with the inner problem solved to convergence at both ends.

    Trusted rows count alike, or each its own way.
    """
    expected, step = torch.zeros_like(START), 1e-4
    for i in range(len(START)):
        ends = []
        for sign in (1, -1):
            moved = START.clone()
            moved[i] += sign * step
            ends.append(outer_together([inner_problem(weights)], correction(moved), 2000, 0, 1e-15)[0])
        expected[i] = (ends[0] - ends[1]) / (2 * step)
    found = hypergradient(2000, 500, 1e-15, weights)
    assert (found - expected).norm() < 1e-4 * expected.norm()


def test_the_solver_steps_of_the_recipe_are_the_fewest_that_come_close():
    exact = hypergradient(2000, 500, 1e-15)

    def error(steps):
        return float((hypergradient(25, steps, 1e-6) - exact).norm() / exact.norm())

    assert error(SOLVER_STEPS) < 8e-5 < error(SOLVER_STEPS - 1)


def test_a_scalings_coordinates_lead_back_to_the_head():
    features, _ = draw(50, 12)
    scaling = Scaling.of(features, 2.0, CLASSES)
    head = LinearHead(torch.randn(CLASSES, WIDTH).double(), torch.randn(CLASSES).double())
    back = scaling.head(scaling.into(head))
    assert torch.allclose(back.weight, head.weight, atol=1e-10)
    assert torch.allclose(back.bias, head.bias, atol=1e-10)


def test_a_few_iterations_reach_the_solution_on_features_around_one_direction():
    """Encoders' features share a large mean: twenty plain L-BFGS iterations are far from the solution there."""
    generator = torch.Generator().manual_seed(13)
    features = torch.randn(400, 30, generator=generator) * torch.logspace(0, -2, 30) + 3
    labels = (features[:, 0] + features[:, 5] > 6).long() + (features[:, 1] > 3.5).long()
    loss = cross_entropy_to(torch.nn.functional.one_hot(labels, 3).float(), torch.ones(400))
    begin = LinearHead.zeros(3, 30)

    def value(head):
        return said(loss, head.logits(features))[0] + float(head.weight.pow(2).sum()) / 20

    best = value(minimise(features, loss, 10.0, begin, 2000, 1e-14))
    assert value(minimise(features, loss, 10.0, begin, 25)) < best * 1.001


def test_a_merged_stack_says_what_the_stack_says():
    features, _ = draw(40, 10, torch.float32)
    heads = [LinearHead(torch.randn(CLASSES, WIDTH), torch.randn(CLASSES)) for _ in range(3)]
    beta = [0.5, 1.2, 0.1]
    stacked = sum(b * h.log_probabilities(features) for b, h in zip(beta, heads, strict=True)).softmax(1)
    merged = merge(heads, beta).log_probabilities(features).exp()
    assert torch.allclose(merged, stacked, atol=1e-6)


def test_the_stack_prefers_the_member_that_is_right():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, CLASSES, 300)
    good = np.log(np.where(np.eye(CLASSES)[truth] == 1, 0.8, 0.1))
    poor = np.log(np.where(np.eye(CLASSES)[generator.integers(0, CLASSES, 300)] == 1, 0.8, 0.1))
    beta = fit_stack(np.stack([good, poor]), truth, np.ones(len(truth)))
    assert beta[0] > 0.9
    assert beta[1] < 0.1


def test_a_row_that_counts_twice_is_two_rows_to_the_stack():
    generator = np.random.default_rng(3)
    said = np.log(generator.dirichlet(np.ones(CLASSES), size=(2, 40)))
    truth, twice = generator.integers(0, CLASSES, 40), np.repeat(np.arange(20), 2)
    weights = np.where(np.arange(40) < 20, 2.0, 0.0)
    expected = fit_stack(said[:, twice], truth[twice], np.ones(40))
    assert np.allclose(fit_stack(said, truth, weights), expected, atol=1e-6)


def test_few_rows_keep_the_stack_near_equal_shares():
    """With two rows and a pull of five rows' worth, both members stay near one half."""
    same = np.log(np.array([[[0.6, 0.4], [0.4, 0.6]]] * 2))
    assert np.allclose(fit_stack(same, np.array([0, 1]), np.ones(2)), 0.5, atol=0.1)


def test_em_over_t_counts_posterior_shares_beside_the_prior():
    """One round, uniform f and T0: shares are ½ each; T[c] ∝ ½·(3, 1) + 20·(½, ½) = (11.5, 10.5)."""
    log_p = torch.full((4, 2), 0.5).log()
    uniform = np.full((2, 2), 0.5)
    found = learned_transition(log_p, torch.tensor([0, 0, 0, 1]), uniform, uniform, 1)
    assert np.allclose(found, [[11.5 / 22, 10.5 / 22]] * 2)


def test_problems_side_by_side_are_what_each_is_alone():
    """Some end early, some late, on one loss that is convex and with coordinates of their own."""
    features, labels = draw(120, 20)
    folds, ridges = torch.arange(120) % 3, [0.5, 2.0, 50.0]
    weights = torch.stack([(folds != fold).double() for fold in range(3)])
    scalings = [Scaling.of(features, ridge, CLASSES) for ridge in ridges]
    begin = LinearHead(torch.zeros(CLASSES, WIDTH).double(), torch.zeros(CLASSES).double())
    together = minimise_all(features, cross_entropy_of(labels, weights), ridges, [begin] * 3, scalings)
    for found, own, ridge, scaling in zip(together, weights, ridges, scalings, strict=True):
        alone = minimise(features, cross_entropy_to(one_hot(labels), own), ridge, begin, scaling=scaling)
        assert torch.allclose(found.weight, alone.weight, atol=1e-9)
        assert torch.allclose(found.bias, alone.bias, atol=1e-9)


def test_a_warm_start_does_not_shine_through():
    """A fold's head that begins at the head of all rows says what it says from nothing, to 1e-3 in probability."""
    generator = torch.Generator().manual_seed(21)
    features = torch.randn(600, 24, generator=generator) * torch.logspace(0, -1.5, 24) + 2
    features /= features.norm(dim=1, keepdim=True)
    labels = (features @ torch.randn(24, 4, generator=generator) * 20).argmax(dim=1)
    labels[::4] = torch.randint(0, 4, (150,), generator=generator)
    used, scaling = (torch.arange(600) % 4 != 0).float(), Scaling.of(features, 8.0, 4)
    full = minimise(features, cross_entropy_of(labels, torch.ones(600)), 8.0, LinearHead.zeros(4, 24), scaling=scaling)
    said = [
        minimise(features, cross_entropy_of(labels, used), 8.0, begin, scaling=scaling)
        .log_probabilities(features)
        .exp()
        for begin in (full, LinearHead.zeros(4, 24))
    ]
    assert (said[0] - full.log_probabilities(features).exp()).abs().max() > 0.05
    assert (said[0] - said[1]).abs().max() < 1e-3


def test_a_member_that_is_too_unsure_of_itself_counts_for_half_as_much_again_and_no_more():
    """Eighty of a hundred rows are right; said with .6, .55 and .8, which asks for 3.4, 6.9 and 1 times as much."""
    truth = np.arange(2000) % 2
    said = np.where(np.arange(2000) // 2 % 5 == 0, 1 - truth, truth)

    def beta(sure):
        p = np.full((1, 2000, 2), 1 - sure)
        p[0, np.arange(2000), said] = sure
        return float(fit_stack(np.log(p), truth, np.ones(len(truth)))[0])

    assert [beta(sure) for sure in (0.6, 0.55, 0.8)] == pytest.approx([1.5, 1.5, 1.0], abs=0.01)
