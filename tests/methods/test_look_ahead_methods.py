"""The gradients of Meta-Weight-Net, L2RW and MLNT against double backward through their definitions, in float64."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from labelfix.methods.l2rw import L2rwTrainer
from labelfix.methods.meta_weight_net import MetaWeightNetTrainer, WeightNetwork
from labelfix.methods.mlnt import MlntTrainer
from labelfix.models.classifier import Classifier
from labelfix.networks.lookahead import frozen_statistics
from labelfix.networks.trainer import Labelled
from labelfix.networks.weight_average import Average

K = 3
TOLERANCES = {"fd1": 1e-4, "fd2": 1e-6, "jvp": 1e-9}


def network(norm):
    torch.manual_seed(2)
    layers = [nn.Linear(5, 7), nn.BatchNorm1d(7)] if norm else [nn.Linear(5, 7)]
    backbone = nn.Sequential(*layers, nn.Tanh())
    return Classifier(backbone, 7, K, torch.Generator().manual_seed(1)).double().train()


def rows(count, seed):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 5, generator=generator, dtype=torch.float64)
    return Labelled(inputs, torch.randint(K, (count,), generator=generator), numbers=torch.arange(count))


class Recorded(torch.optim.SGD):
    """Keeps the gradient it was given and stays where it is."""

    def step(self, closure=None):
        self.seen = [p.grad.clone() for group in self.param_groups for p in group["params"]]


def make(kind, norm=True, rate=0.05, **more):
    classifier = network(norm)
    return kind(classifier=classifier, optimizer=Recorded(classifier.parameters(), lr=rate), **more)


def call(trainer, weights, inputs):
    with frozen_statistics(trainer.classifier):
        return functional_call(trainer.classifier, dict(zip(trainer.names, weights, strict=True)), (inputs,)).logits


def leaves(trainer):
    return [w.detach().clone().requires_grad_() for w in trainer.weights]


def close(found, expected, tolerance):
    found, expected = (torch.cat([t.detach().reshape(-1) for t in parts]) for parts in (found, expected))
    assert float(expected.norm()) > 1e-8
    assert float((found - expected).norm() / expected.norm()) < tolerance


@pytest.mark.parametrize("how", TOLERANCES)
@pytest.mark.parametrize(("norm", "trained"), [(True, False), (False, True)])
def test_the_weight_network_follows_the_gradient_through_the_look_ahead(how, norm, trained):
    """With clean rows in training n counts them, and the virtual step is on both."""
    weighing = WeightNetwork(9, torch.Generator().manual_seed(0)).double()
    trainer = make(
        MetaWeightNetTrainer,
        norm,
        weight_network=weighing,
        weight_optimizer=Recorded(weighing.parameters(), lr=1.0),
        derivative=how,
    )
    noisy, clean, meta = rows(12, 1), rows(5, 2) if trained else None, rows(6, 3)
    before = leaves(trainer)
    losses = functional.cross_entropy(call(trainer, before, noisy.inputs), noisy.labels, reduction="none")
    total = (weighing(losses.detach()) * losses).sum()
    if trained:
        total = total + functional.cross_entropy(call(trainer, before, clean.inputs), clean.labels, reduction="sum")
    gradient = torch.autograd.grad(total / (17 if trained else 12), before, create_graph=True)
    ahead = [w - 0.05 * g for w, g in zip(before, gradient, strict=True)]
    meta_loss = functional.cross_entropy(call(trainer, ahead, meta.inputs), meta.labels)
    expected = torch.autograd.grad(meta_loss, list(weighing.parameters()))
    figures = trainer.step(noisy, clean, meta)
    close(trainer.weight_optimizer.seen, expected, TOLERANCES[how])
    assert float(figures.meta_loss.detach()) == pytest.approx(float(meta_loss.detach()), rel=1e-9)
    close(trainer.optimizer.seen, gradient, 1e-9)  # Θ stayed: the real step has the same weights


@pytest.mark.parametrize("how", TOLERANCES)
def test_l2rw_weighs_rows_by_the_gradient_with_respect_to_weights_that_are_zero(how):
    trainer = make(L2rwTrainer, derivative=how)
    noisy, meta = rows(12, 1), rows(6, 3)
    before, epsilon = leaves(trainer), torch.zeros(12, dtype=torch.float64, requires_grad=True)
    losses = functional.cross_entropy(call(trainer, before, noisy.inputs), noisy.labels, reduction="none")
    gradient = torch.autograd.grad((epsilon * losses).sum(), before, create_graph=True)
    ahead = [w - g for w, g in zip(before, gradient, strict=True)]
    loss = functional.cross_entropy(call(trainer, ahead, meta.inputs), meta.labels)
    agreement = (-torch.autograd.grad(loss, epsilon)[0]).clamp_min(0)
    assert 0 < int((agreement > 0).sum()) < 12
    losses = functional.cross_entropy(call(trainer, before, noisy.inputs), noisy.labels, reduction="none")
    expected = torch.autograd.grad((agreement / agreement.sum() * losses).sum(), before)
    trainer.step(noisy, None, meta)
    close(trainer.optimizer.seen, expected, TOLERANCES[how])


def test_where_no_row_agrees_l2rw_stays():
    trainer = make(L2rwTrainer, norm=False, derivative="jvp")
    noisy = rows(4, 1)
    said = trainer.classifier(noisy.inputs).logits.argmin(dim=1)
    least = Labelled(noisy.inputs[:1], said[:1], numbers=noisy.numbers[:1])
    others = [label for label in range(K) if label != int(said[0])]
    # The trusted row is the same one with another label: whatever helps it hurts the noisy row.
    trusted = Labelled(noisy.inputs[:1], torch.tensor(others[:1]))
    found = trainer.losses_along(trainer.forward_rows(least, None), trainer.clean_gradient(trusted)[1])
    trainer.step(least, None, trusted)
    moved = any(bool((g != 0).any()) for g in trainer.optimizer.seen)
    assert moved == bool(found[0] > 0)


def mlnt(norm=True, steps=5, **changes):
    options = {
        "sets": 3,
        "inner_rate": 0.3,
        "share": 0.5,
        "neighbours": 4,
        "weight": 0.7,
        "rising": (0, 0),
        "longest": 0.9,
    }
    trainer = make(MlntTrainer, norm, draws=4, **options | changes)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in trainer.teacher.classifier.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    trainer.steps = steps
    return trainer


def test_mlnts_teacher_is_the_average_of_its_student_and_is_judged_in_its_place():
    trainer, noisy = mlnt(norm=False), rows(12, 1)
    before = copy.deepcopy(trainer.teacher.classifier)
    trainer.step(noisy, None, None)
    assert trainer.judged() is trainer.teacher.classifier
    assert trainer.networks()["teacher"] is trainer.judged()
    for average, old, new in zip(trainer.judged().parameters(), before.parameters(), trainer.weights, strict=True):
        assert torch.allclose(average, 0.9 * old + 0.1 * new.detach(), atol=1e-6)


@pytest.mark.parametrize(("steps", "longest", "over"), [(5, 1.0, 100), (30, 1.0, 1000), (30, 0.98, 50)])
def test_mlnts_teacher_is_over_a_hundred_steps_and_after_the_rise_over_a_thousand(steps, longest, over):
    trainer = mlnt(norm=False, steps=steps, rising=(0, 20), longest=longest)
    trainer.step(rows(12, 1), None, None)
    assert 1 / (1 - trainer.teacher.decay) == pytest.approx(over)


@pytest.mark.parametrize("norm", [True, False])
def test_mlnts_gradient_is_that_of_its_loss(norm):
    trainer, noisy = mlnt(norm), rows(12, 1)
    teacher = trainer.teacher.output(noisy.inputs, "fp32")
    labels = trainer._label_sets(noisy.labels, teacher.hidden, 0)
    before = leaves(trainer)
    logits = call(trainer, before, noisy.inputs)
    loss = functional.cross_entropy(logits, noisy.labels)
    for own in labels:
        inner = torch.autograd.grad(functional.cross_entropy(logits, own), before, create_graph=True)
        ahead = [w - 0.3 * g for w, g in zip(before, inner, strict=True)]
        said = call(trainer, ahead, noisy.inputs).log_softmax(dim=1)
        loss = loss + 0.7 / 3 * functional.kl_div(said, teacher.logits.softmax(dim=1), reduction="batchmean")
    expected = torch.autograd.grad(loss, before)
    trainer.step(noisy, None, None)
    close(trainer.optimizer.seen, expected, 1e-5)
    plain = torch.autograd.grad(functional.cross_entropy(call(trainer, before, noisy.inputs), noisy.labels), before)
    with pytest.raises(AssertionError):
        close(trainer.optimizer.seen, plain, 1e-2)


def test_a_head_alone_takes_the_same_gradient_without_differences():
    head = Classifier(nn.Identity(), 5, K, torch.Generator().manual_seed(1)).double().train()
    found = []
    for backbone in (nn.Identity(), nn.Sequential(nn.Identity())):
        trainer, noisy = mlnt(norm=False), rows(12, 1)
        own = copy.deepcopy(head)
        own.backbone = backbone
        trainer.classifier, trainer.optimizer = own, Recorded(own.parameters(), lr=0.05)
        trainer.choose_weights()
        trainer.teacher = Average(copy.deepcopy(head), 0.9)
        with torch.no_grad():
            trainer.teacher.classifier.head.weight.mul_(-1.5)
        trainer.step(noisy, None, None)
        found.append(trainer.optimizer.seen)
    close(*found, 1e-5)


def test_half_of_the_rows_of_a_set_get_the_label_of_a_near_row():
    trainer = mlnt(sets=40)
    hidden = torch.tensor([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2]], dtype=torch.float64)
    given = torch.tensor([0, 0, 0, 1, 1, 1])
    trainer.neighbours = 2
    assert torch.equal(trainer._label_sets(given, hidden, 0), given.expand(40, 6))  # all near rows have the same label
    given = torch.tensor([0, 1, 2, 0, 1, 2])
    sets = trainer._label_sets(given, hidden, 0)
    assert int((sets != given).sum(dim=1).max()) == 3
    assert float((sets != given).double().mean()) == pytest.approx(0.5)  # two near rows, both of another class
    assert torch.equal(sets, trainer._label_sets(given, hidden, 0))
    trainer.steps += 1
    assert not torch.equal(sets, trainer._label_sets(given, hidden, 0))


def test_the_teachers_weight_rises_between_two_steps():
    trainer = mlnt(rising=(10, 20), weight=2.0)
    found = []
    for step in (9, 10, 15, 20, 50):
        trainer.steps = step
        found.append(trainer.consistency_weight())
    assert found == pytest.approx([0, 2 * 0.006737947, 2 * 0.2865048, 2, 2])


@pytest.mark.parametrize("kind", ["weights", "agreement", "teacher"])
def test_only_the_steps_own_pass_moves_the_running_statistics(kind):
    weighing = WeightNetwork(9, torch.Generator().manual_seed(0)).double()
    trainer = {
        "weights": lambda: make(
            MetaWeightNetTrainer, weight_network=weighing, weight_optimizer=Recorded(weighing.parameters(), lr=1.0)
        ),
        "agreement": lambda: make(L2rwTrainer),
        "teacher": mlnt,
    }[kind]()
    noisy, meta = rows(12, 1), None if kind == "teacher" else rows(6, 3)
    norm = trainer.classifier.backbone[1]
    expected = 0.1 * trainer.classifier.backbone[0](noisy.inputs).mean(dim=0).detach()
    trainer.step(noisy, None, meta)
    assert torch.allclose(norm.running_mean, expected)
    assert int(norm.num_batches_tracked) == 1
