"""The losses of GLC, forward correction, joint optimization, fine-tuning and distillation, by hand and by autograd."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from toy_problem import CLASSES, problem, whole

from labelfix.heads.learners import fit_given_labels
from labelfix.heads.near_another_head import RIDGES, fit_around
from labelfix.heads.rows import load_rows
from labelfix.methods import distillation, forward, joint_optimization
from labelfix.methods.forward import anchored_transition
from labelfix.methods.joint_optimization import REMEMBERED, JointTrainer
from labelfix.methods.table import METHODS
from labelfix.models.classifier import Classifier, ClassifierOutput, TokenBatch
from labelfix.networks.loop import network_outputs
from labelfix.networks.passes import Labelled, joined
from labelfix.networks.soft_target_trainers import TargetsTrainer, TransitionTrainer, through_transition
from labelfix.networks.trainer import Trainer, given_labels
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.softmax import softmax
from labelfix.progress import Silent
from labelfix.settings.methods import (
    DistillationSettings,
    FineTuneSettings,
    ForwardSettings,
    GlcSettings,
    JointOptimizationSettings,
)

K = 4


def logits_and_labels(rows=9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, K, generator=generator, dtype=torch.float64).requires_grad_()
    return logits, torch.randint(K, (rows,), generator=generator)


def loss_and_gradient(loss, logits):
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


def test_through_the_identity_the_loss_is_cross_entropy():
    logits, labels = logits_and_labels()
    through = through_transition(logits, labels, torch.eye(K, dtype=torch.float64).log())
    plain = functional.cross_entropy(logits, labels, reduction="sum")
    for a, b in zip(loss_and_gradient(through.summed, logits), loss_and_gradient(plain, logits), strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)
    assert torch.equal(through.soft, functional.one_hot(labels, K).double())


def test_through_a_permutation_it_is_cross_entropy_on_permuted_labels():
    logits, labels = logits_and_labels()
    order = torch.tensor([2, 0, 3, 1])  # true class c is given the label order[c]
    matrix = torch.eye(K, dtype=torch.float64)[order]
    through = through_transition(logits, labels, matrix.log())
    plain = functional.cross_entropy(logits, torch.argsort(order)[labels], reduction="sum")
    for a, b in zip(loss_and_gradient(through.summed, logits), loss_and_gradient(plain, logits), strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_through_any_matrix_it_is_the_plain_formula_and_stays_finite_where_that_does_not():
    logits, labels = logits_and_labels()
    matrix = torch.rand(K, K, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.1
    matrix /= matrix.sum(dim=1, keepdim=True)
    plain = -(torch.softmax(logits, dim=1) @ matrix)[torch.arange(len(labels)), labels].log().sum()
    through = through_transition(logits, labels, matrix.log())
    for a, b in zip(loss_and_gradient(through.summed, logits), loss_and_gradient(plain, logits), strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-10)
    far = torch.tensor([[900.0, 0.0, 0.0, 0.0]], requires_grad=True)
    assert torch.isfinite(through_transition(far, torch.tensor([1]), torch.eye(K).clamp_min(1e-4).log()).summed)


def small_net(generator, norm=True):
    layers = [nn.Linear(5, 6), nn.BatchNorm1d(6)] if norm else [nn.Linear(5, 6)]
    torch.manual_seed(3)
    for layer in layers:
        layer.reset_parameters()
    return Classifier(nn.Sequential(*layers, nn.ReLU()), 6, K, generator)


def batch(rows, seed):
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.arange(rows)
    labels = torch.randint(K, (rows,), generator=generator)
    return Labelled(torch.randn(rows, 5, generator=generator), labels, numbers=numbers)


def make(kind, **more):
    classifier = small_net(torch.Generator().manual_seed(0)).train()
    return kind(classifier=classifier, optimizer=torch.optim.SGD(classifier.parameters(), lr=0.1), **more)


@pytest.mark.parametrize("together", [True, False])
def test_in_one_pass_batch_norm_sees_noisy_and_trusted_rows_at_once(together):
    noisy, clean = batch(8, 1), batch(3, 2)
    trainer = make(TransitionTrainer, log_transition=torch.zeros(K, K), together=together)
    first = trainer.classifier.backbone[0]
    one, other = first(noisy.inputs).mean(dim=0).detach(), first(clean.inputs).mean(dim=0).detach()
    trainer.step(noisy, clean, None)
    found = trainer.classifier.backbone[1].running_mean
    both = (8 * one + 3 * other) / 11
    assert torch.allclose(found, 0.1 * both if together else 0.09 * one + 0.1 * other, atol=1e-6)


def test_texts_of_two_batches_are_padded_to_the_longer():
    short = TokenBatch(torch.tensor([[5, 6]]), torch.tensor([[1, 1]]))
    long = TokenBatch(torch.tensor([[7, 8, 9]]), torch.tensor([[1, 1, 0]]))
    both = joined(short, long)
    assert both.input_ids.tolist() == [[5, 6, 0], [7, 8, 9]]
    assert both.attention_mask.tolist() == [[1, 1, 0], [1, 1, 0]]


def test_rows_with_targets_of_their_own_learn_them():
    targets = torch.softmax(torch.randn(8, K, generator=torch.Generator().manual_seed(5)), dim=1)
    trainer = make(TargetsTrainer, targets=targets)
    rows = batch(8, 1)
    some = Labelled(rows.inputs[[5, 2]], rows.labels[[5, 2]], numbers=torch.tensor([5, 2]))
    said = trainer.classifier(some.inputs)
    found = trainer.loss(said, some)
    assert torch.equal(found.soft, targets[[5, 2]])
    expected = -(targets[[5, 2]] * said.logits.log_softmax(dim=1)).sum()
    assert torch.allclose(found.summed, expected)


def test_labels_that_are_one_hot_targets_take_the_same_step_as_plain_training():
    rows = batch(8, 1)
    one, other = make(Trainer), make(TargetsTrainer, targets=functional.one_hot(rows.labels, K).float())
    for trainer in (one, other):
        trainer.step(rows, None, None)
    assert all(torch.equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))


def test_anchor_points_by_hand():
    """The surest row of class 0 is row 0; without it (the outlier of five rows at the 80th percentile) it is row 1."""
    said = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.05, 0.95]])
    assert np.allclose(anchored_transition(said, None), [[0.9, 0.1], [0.05, 0.95]])
    assert np.allclose(anchored_transition(said, 80.0), [[0.8, 0.2], [0.3, 0.7]])


def test_of_equally_sure_rows_not_all_are_outliers():
    said = np.full((6, 2), 0.5)
    assert np.allclose(anchored_transition(said, 97.0), 0.5)


def test_forward_correction_finds_the_matrix_without_trusted_labels_and_finetuning_uses_them():
    made, truth = problem(noise=0.3, noisy=2000)
    shuffled = replace(made, truth=made.truth[::-1].copy())
    one, other = (forward.solve(p, ForwardSettings(), Silent()) for p in (made, shuffled))
    matrix = np.array(one.metrics["transition"])
    assert np.abs(matrix - (0.15 + 0.55 * np.eye(CLASSES))).max() < 0.2
    assert np.array_equal(matrix, other.metrics["transition"])
    logits = [
        network_outputs(f.classifier, made.noisy, np.arange(9), made.device)[0] / f.temperature for f in (one, other)
    ]
    assert np.array_equal(logits[0].argmax(axis=1), logits[1].argmax(axis=1))  # trusted rows set its temperature alone
    tuned = forward.solve(made, ForwardSettings(then_finetune=True), Silent())
    assert not torch.equal(tuned.classifier.head.weight, one.classifier.head.weight)
    said, _ = network_outputs(tuned.classifier, made.noisy, np.arange(2000), made.device)
    assert (said.argmax(axis=1) == truth).mean() > 0.95


def test_a_tight_leash_keeps_the_head_and_a_loose_one_lets_the_trusted_rows_decide(monkeypatch):
    made, _ = problem(noise=0.4)
    rows = load_rows(made)
    around = fit_given_labels(rows)
    cosines = []
    for ridge in (1e-6, max(RIDGES)):
        monkeypatch.setattr("labelfix.heads.near_another_head.RIDGES", (ridge,))
        found = fit_around(rows, around).full.weight  # its length is the temperature's
        cosines.append(float(functional.cosine_similarity(found.reshape(-1), around.weight.reshape(-1), dim=0)))
    assert cosines[0] > 0.9999
    assert cosines[1] < 0.99


def test_the_fit_around_a_head_is_where_its_gradient_vanishes(monkeypatch):
    made, _ = problem(noise=0.4, clean=40)
    rows = load_rows(made)
    around = LinearHead(torch.full((CLASSES, 8), 0.3), torch.zeros(CLASSES))
    monkeypatch.setattr("labelfix.heads.near_another_head.RIDGES", (1.0,))
    monkeypatch.setattr("labelfix.heads.folds.fit_temperature", lambda *_: 1.0)
    full = fit_around(rows, around).full
    weight = full.weight.double().requires_grad_()
    logits = rows.clean.double() @ weight.T + full.bias.double()
    loss = functional.cross_entropy(logits, rows.truth, reduction="sum")
    loss = loss + (weight - around.weight.double()).pow(2).sum() / 2
    assert float(torch.autograd.grad(loss, weight)[0].abs().max()) < 0.02


def joint_trainer(rows=6, begin=2, alpha=1.2, beta=0.8):
    return make(
        JointTrainer,
        prior=torch.tensor([0.1, 0.2, 0.3, 0.4]),
        alpha=alpha,
        beta=beta,
        begin=begin,
        predictions=torch.full((REMEMBERED, rows, K), 1 / K, dtype=torch.float16),
        labels=torch.full((rows, K), 1 / K),
    )


def test_joint_optimizations_loss_is_its_three_terms():
    trainer, rows = joint_trainer(), batch(6, 1)
    logits = trainer.classifier(rows.inputs).logits
    found = trainer.loss(ClassifierOutput(logits, logits), rows)
    p = torch.softmax(logits, dim=1)
    terms = functional.cross_entropy(logits, rows.labels) - 1.2 * (trainer.prior * p.mean(dim=0).log()).sum()
    assert torch.allclose(found.summed / 6, terms - 0.8 * (p * p.log()).sum(dim=1).mean(), atol=1e-5)


def test_labels_are_the_given_ones_and_then_the_mean_of_the_last_ten_predictions():
    trainer, rows = joint_trainer(begin=2), batch(6, 1)
    seen = []
    for epoch in range(13):
        logits = torch.randn(6, K, generator=torch.Generator().manual_seed(epoch))
        found = trainer.loss(ClassifierOutput(logits, logits), rows)
        if epoch < 2:
            assert torch.equal(found.soft, functional.one_hot(rows.labels, K).float())
        else:
            expected = torch.stack(seen[-REMEMBERED:]).mean(dim=0)
            assert torch.allclose(found.soft, expected, atol=2e-3)  # kept in half precision
        seen.append(torch.softmax(logits, dim=1))
        trainer.end_epoch(epoch)
    assert torch.allclose(trainer.labels.sum(dim=1), torch.ones(6), atol=1e-5)


def test_joint_optimizations_soft_labels_are_the_stored_ones_and_new_rows_get_the_classifiers():
    made, truth = problem(noise=0.2, noisy=300)
    fitted = joint_optimization.train_network(made, JointOptimizationSettings(epochs=12), Silent())
    own = fitted.own_rows
    assert (own.soft.argmax(axis=1) == truth).mean() > 0.9
    assert np.array_equal(own.label_score, own.soft[np.arange(300), made.given])
    logits, hidden = network_outputs(fitted.classifier, made.noisy, np.arange(300), made.device)
    new = fitted.corrector.soft_labels(logits, hidden, made.given)
    assert np.allclose(new, softmax(logits.astype(float) / fitted.temperature), atol=1e-6)


def test_the_teachers_share_follows_how_often_either_is_right_and_can_be_set():
    made, _ = problem(noise=0.4, noisy=1500)
    fitted = distillation.solve(made, DistillationSettings(), Silent())
    share = fitted.metrics["share"]
    assert share == pytest.approx(0.6 / (0.6 + 0.97), abs=0.05)  # the teacher is nearly always right, labels at .6
    assert distillation.solve(made, DistillationSettings(given_share=0.9), Silent()).metrics["share"] == 0.9


def test_the_soft_label_of_distillation_is_the_mixture():
    made, _ = problem(noise=0.3, noisy=200)
    fitted = distillation.solve(made, DistillationSettings(given_share=0.25), Silent())
    logits, hidden = network_outputs(fitted.classifier, made.noisy, np.arange(200), made.device)
    expected = 0.75 * softmax(logits.astype(float)) + 0.25 * np.eye(CLASSES)[made.given]
    assert np.allclose(fitted.corrector.soft_labels(logits, hidden, made.given), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "settings"),
    [("glc", GlcSettings(epochs=3)), ("finetune", FineTuneSettings(epochs=5)), ("forward", ForwardSettings(epochs=2))],
)
def test_phases_stand_one_after_the_other_in_the_history(method, settings):
    fitted = METHODS[method](whole(noisy=200)[0], settings, Silent())
    table = fitted.history.to_pydict()
    second = {"glc": 3, "finetune": 1, "forward": 2}[method]
    assert table["phase"] == [1] * settings.epochs + [2] * second
    assert "entropy" not in table


def test_what_an_observer_sees_of_every_epoch_is_in_the_history_and_changes_nothing():
    made, _ = whole(noisy=200)
    settings = GlcSettings(epochs=2)
    plain = METHODS["glc"](made, settings, Silent())
    watched = METHODS["glc"](replace(made, observe=lambda classifier: {"seen": 7.0}), settings, Silent())
    assert watched.history["seen"].to_pylist() == [7.0] * 4
    weights = (f.classifier.state_dict().values() for f in (plain, watched))
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def test_given_labels_are_what_a_trainer_learns_where_nothing_else_is_said():
    trainer, rows = make(Trainer), batch(5, 1)
    said = trainer.classifier(rows.inputs)
    assert torch.equal(trainer.loss(said, rows).summed, given_labels(said, rows).summed)
    assert torch.allclose(
        trainer.loss(said, rows).summed, functional.cross_entropy(said.logits, rows.labels, reduction="sum")
    )
