"""The look-ahead's meta-gradient against double backward, in float64."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from labelfix.methods.mlc.step import Labelled, MlcTrainer
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.lookahead import (
    MetaGradient,
    carry_over,
    effective_step_sizes,
    frozen_statistics,
)
from labelfix.networks.schedule import learning_rate_factor
from labelfix.networks.soft_cross_entropy import soft_cross_entropy

CLASSES = 4
TOLERANCE = {"jvp": 1e-9, "fd2": 1e-5, "fd1": 5e-3}
SGD_KINDS = {
    "momentum": {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4},
    "nesterov": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    "plain": {"lr": 0.1},
}


def small_mlp(generator):
    torch.manual_seed(3)
    return Classifier(nn.Sequential(nn.Linear(6, 8), nn.Tanh()), 8, CLASSES, generator).double()


def small_cnn(generator):
    torch.manual_seed(4)
    backbone = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1, bias=False),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Conv2d(5, 6, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return Classifier(backbone, 6, CLASSES, generator).double()


def make(network, optimizer_of, how, lookahead=1, skip=False):
    generator = torch.Generator().manual_seed(0)
    classifier = network(generator)
    lcn = LabelCorrectionNetwork(classifier.feature_width, CLASSES, 7, 5, skip, generator).double()
    trainer = MlcTrainer(
        classifier=classifier,
        lcn=lcn,
        optimizer=optimizer_of(classifier.parameters()),
        lcn_optimizer=RecordGradient(lcn),
        derivative=how,
        lookahead=lookahead,
    )
    classifier.train()
    return trainer


class RecordGradient:
    """Stands in the LCN optimiser's place and keeps the gradients it is given."""

    def __init__(self, lcn):
        self.lcn, self.seen = lcn, []

    def step(self):
        self.seen.append([p.grad.clone() for p in self.lcn.parameters()])


def draw(network, rows, seed):
    generator = torch.Generator().manual_seed(seed)
    shape = (rows, 3, 6, 6) if network is small_cnn else (rows, 6)
    inputs = torch.randn(shape, generator=generator, dtype=torch.float64)
    return Labelled(inputs, torch.randint(0, CLASSES, (rows,), generator=generator))


def double_backward(trainer, noisy, clean, meta):
    """∇_α L_clean(w') by full autograd through the optimiser's arithmetic; leaves the trainer as it was."""
    classifier, lcn = trainer.classifier, trainer.lcn
    names, weights = trainer.names, [w.detach().clone().requires_grad_() for w in trainer.weights]
    call = lambda w, x: functional_call(classifier, dict(zip(names, w, strict=True)), (x,))  # noqa: E731
    with frozen_statistics(classifier):
        out = call(weights, noisy.inputs)
        q = lcn(out.hidden.detach(), noisy.labels).soft
        loss = -(q * out.logits.log_softmax(1)).sum()
        loss = loss + functional.cross_entropy(call(weights, clean.inputs).logits, clean.labels, reduction="sum")
        gradient = torch.autograd.grad(loss / (len(noisy.labels) + len(clean.labels)), weights, create_graph=True)
        ahead = [
            w - update
            for w, update in zip(weights, optimizer_updates(trainer.optimizer, weights, gradient), strict=True)
        ]
        meta_loss = functional.cross_entropy(call(ahead, meta.inputs).logits, meta.labels)
        return torch.autograd.grad(meta_loss, list(lcn.parameters()))


def optimizer_updates(optimizer, weights, gradients):
    """w − w' written out from the optimisers' documentation, differentiable in the gradients."""
    updates = []
    group = optimizer.param_groups[0]
    for parameter, w, g in zip(group["params"], weights, gradients, strict=True):
        state, lr, decay = optimizer.state.get(parameter, {}), group["lr"], group["weight_decay"]
        if isinstance(optimizer, torch.optim.SGD):
            g = g + decay * w.detach()
            mu, buffer = group["momentum"], state.get("momentum_buffer")
            buf = g if buffer is None else mu * buffer + g
            updates.append(lr * (g if mu == 0 else g + mu * buf if group["nesterov"] else buf))
            continue
        beta1, beta2 = group["betas"]
        extra = 0.0
        if isinstance(optimizer, torch.optim.AdamW):
            extra = lr * decay * w.detach()
        else:
            g = g + decay * w.detach()
        step = float(state["step"]) + 1 if state else 1.0
        m = beta1 * state.get("exp_avg", torch.zeros_like(w)) + (1 - beta1) * g
        v = beta2 * state.get("exp_avg_sq", torch.zeros_like(w)) + (1 - beta2) * g * g
        root = (v / (1 - beta2**step)).sqrt()
        updates.append(lr / (1 - beta1**step) * m / (root + group["eps"]) + extra)
    return updates


def relative_error(found, expected):
    found, expected = (torch.cat([t.reshape(-1) for t in side]) for side in (found, expected))
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("kind", SGD_KINDS)
@pytest.mark.parametrize("network", [small_mlp, small_cnn])
@pytest.mark.parametrize("how", TOLERANCE)
def test_one_step_gradient_agrees_with_double_backward(network, how, kind):
    trainer = make(network, lambda p: torch.optim.SGD(p, **SGD_KINDS[kind]), how)
    for step in range(3):  # the later steps have momentum behind them
        noisy, clean, meta = draw(network, 12, step), draw(network, 6, 100 + step), draw(network, 6, 200 + step)
        expected = double_backward(trainer, noisy, clean, meta)
        trainer.step(noisy, clean, meta)
        assert relative_error(trainer.lcn_optimizer.seen[-1], expected) < TOLERANCE[how]


@pytest.mark.parametrize("kind", ["momentum", "nesterov"])
@pytest.mark.parametrize("network", [small_mlp, small_cnn])
@pytest.mark.parametrize("how", TOLERANCE)
def test_five_step_gradient_is_the_chain_of_double_backward_gradients(network, how, kind):
    """A_t = γ_t A_{t-1} + gradient, γ_t = clamp(Σ (1 − Λ) g_w' g_w / ‖g_w‖²), worked step by step."""
    trainer = make(network, lambda p: torch.optim.SGD(p, **SGD_KINDS[kind]), how, lookahead=5)
    meta = draw(network, 8, 300)
    momentum = SGD_KINDS[kind]["momentum"]
    scale = 0.1 * (1 + momentum) if kind == "nesterov" else 0.1
    chained, gammas = None, []
    for step in range(5):
        noisy, clean = draw(network, 12, step), draw(network, 6, 100 + step)
        before = clean_gradient(trainer, meta)
        single = double_backward(trainer, noisy, clean, meta)
        trainer.step(noisy, clean, meta)
        after = clean_gradient(trainer, meta)
        if chained is None:
            chained = list(single)
        else:
            gamma = sum(float(((1 - scale) * a * b).sum()) for a, b in zip(after, before, strict=True))
            gammas.append(min(max(gamma / sum(float((b * b).sum()) for b in before), 0.0), 1.0))
            chained = [s + gammas[-1] * c for s, c in zip(single, chained, strict=True)]
    assert len(trainer.lcn_optimizer.seen) == 1  # updated once, at the end of the window
    assert any(0 < gamma < 1 for gamma in gammas)
    assert relative_error(trainer.lcn_optimizer.seen[0], chained) < TOLERANCE[how]


def clean_gradient(trainer, meta):
    with frozen_statistics(trainer.classifier):
        loss = functional.cross_entropy(trainer.classifier(meta.inputs).logits, meta.labels)
    return torch.autograd.grad(loss, trainer.weights)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam with coupled decay": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_step_sizes_are_the_derivative_of_the_whole_update(name):
    """Λ against autograd through the update written out, at the first step and after a history that shrinks."""
    generator = torch.Generator().manual_seed(1)
    weight = nn.Parameter(torch.randn(5, 3, generator=generator, dtype=torch.float64))
    optimizer = OPTIMIZERS[name]([weight])
    for step in range(4):
        gradient = torch.randn(5, 3, generator=generator, dtype=torch.float64) * 0.5**step
        variable = gradient.clone().requires_grad_()
        update = optimizer_updates(optimizer, [weight], [variable])[0]
        (expected,) = torch.autograd.grad(update.sum(), variable)
        before = weight.detach().clone()
        weight.grad = gradient.clone()
        optimizer.step()
        assert torch.allclose(before - weight.detach(), update.detach(), rtol=1e-9, atol=1e-12)
        (found,) = effective_step_sizes(optimizer, [before])
        assert torch.allclose(
            torch.as_tensor(found, dtype=torch.float64).expand_as(expected), expected, rtol=1e-9, atol=1e-14
        )


@pytest.mark.parametrize("name", ["adam", "adamw", "adam with coupled decay"])
def test_meta_gradient_is_exact_under_adam_from_the_first_step(name):
    trainer = make(small_mlp, OPTIMIZERS[name], "jvp")
    for step in range(4):
        noisy, clean, meta = draw(small_mlp, 12, step), draw(small_mlp, 6, 100 + step), draw(small_mlp, 6, 200 + step)
        expected = double_backward(trainer, noisy, clean, meta)
        trainer.step(noisy, clean, meta)
        assert relative_error(trainer.lcn_optimizer.seen[-1], expected) < 1e-8


def test_skip_gate_takes_part_in_the_gradient():
    trainer = make(small_mlp, OPTIMIZERS["momentum"], "jvp", skip=True)
    batches = draw(small_mlp, 12, 0), draw(small_mlp, 6, 1), draw(small_mlp, 6, 2)
    expected = double_backward(trainer, *batches)
    trainer.step(*batches)
    assert relative_error(trainer.lcn_optimizer.seen[-1], expected) < 1e-9


def test_running_statistics_move_only_with_the_real_forward_passes():
    trainer = make(small_cnn, OPTIMIZERS["momentum"], "fd2")
    plain = copy.deepcopy(trainer.classifier)
    noisy, clean, meta = draw(small_cnn, 12, 0), draw(small_cnn, 6, 1), draw(small_cnn, 6, 2)
    plain(noisy.inputs)
    plain(clean.inputs)
    trainer.step(noisy, clean, meta)
    for (name, found), (_, expected) in zip(trainer.classifier.named_buffers(), plain.named_buffers(), strict=True):
        assert torch.equal(found, expected), name


@pytest.mark.parametrize("how", TOLERANCE)
def test_dropout_masks_of_the_extra_forward_match_the_real_one(how):
    """With other masks the finite difference would divide a difference of order one by ε."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(5)
    backbone = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Dropout(0.5))
    classifier = Classifier(backbone, 32, CLASSES, generator).double().train()
    lcn = LabelCorrectionNetwork(32, CLASSES, 7, 5, False, generator).double()
    trainer = MlcTrainer(
        classifier=classifier,
        lcn=lcn,
        optimizer=torch.optim.SGD(classifier.parameters(), lr=0.1),
        lcn_optimizer=RecordGradient(lcn),
        derivative=how,
        seed=9,
    )
    noisy, clean, meta = draw(small_mlp, 12, 0), draw(small_mlp, 6, 1), draw(small_mlp, 6, 2)
    weights = [w.detach().clone() for w in trainer.weights]
    state = torch.random.get_rng_state()
    trainer.step(noisy, clean, meta)
    assert torch.equal(state, torch.random.get_rng_state())  # the caller's generator is left alone
    found = trainer.lcn_optimizer.seen[-1]

    # The same step by double backward, with the masks of the trainer's own streams.
    trainer.steps = 0
    leaves = [w.clone().requires_grad_() for w in weights]

    def call(w, inputs, stream):
        with trainer.masks(stream):
            return functional_call(classifier, dict(zip(trainer.names, w, strict=True)), (inputs,))

    out = call(leaves, noisy.inputs, "noisy")
    q = lcn(out.hidden.detach(), noisy.labels).soft
    loss = -(q * out.logits.log_softmax(1)).sum() + functional.cross_entropy(
        call(leaves, clean.inputs, "clean").logits, clean.labels, reduction="sum"
    )
    gradient = torch.autograd.grad(loss / 18, leaves, create_graph=True)
    ahead = [w - 0.1 * g for w, g in zip(leaves, gradient, strict=True)]
    meta_loss = functional.cross_entropy(call(ahead, meta.inputs, "meta").logits, meta.labels)
    expected = torch.autograd.grad(meta_loss, list(lcn.parameters()))
    assert relative_error(found, expected) < TOLERANCE[how]


def test_main_update_with_labels_kept_equals_cross_entropy_on_the_mixed_rows():
    """With q = one-hot(y') the step is plain SGD on noisy and clean rows together."""
    trainer = make(small_mlp, OPTIMIZERS["momentum"], "fd1")
    plain = copy.deepcopy(trainer.classifier)
    noisy, clean = draw(small_mlp, 12, 0), draw(small_mlp, 6, 1)
    trainer.lcn.forward = lambda hidden, given: (
        type(trainer.lcn).forward(trainer.lcn, hidden, given)._replace(soft=functional.one_hot(given, CLASSES).double())
    )
    trainer.step(noisy, clean, None)
    optimizer = OPTIMIZERS["momentum"](plain.parameters())
    inputs, labels = torch.cat([noisy.inputs, clean.inputs]), torch.cat([noisy.labels, clean.labels])
    functional.cross_entropy(plain(inputs).logits, labels).backward()
    optimizer.step()
    for found, expected in zip(trainer.classifier.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_a_window_of_one_step_never_needs_gamma():
    window = MetaGradient()
    for value in (1.0, 2.0):
        window.add([torch.tensor([value])], torch.tensor([3.0]), torch.tensor([0.3]))
        assert window.gamma is None
        assert window.take()[0].item() == value


def test_carry_over_is_clamped_and_survives_a_vanishing_gradient():
    """γ = Σ (1 − .5)·a·b / Σ b²: (.5·2·1 + .5·0·1) / 2 = .5; reversed sign gives 0, a long a gives 1."""
    after, before = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 1.0])
    assert carry_over(after, before, 0.5 * after) == 0.5
    assert carry_over(-after, before, -0.5 * after) == 0.0
    assert carry_over(100 * after, before, 50 * after) == 1.0
    assert carry_over(after, torch.zeros(2), 0.5 * after) == 0.0


def test_the_difference_at_its_step_length_is_close_to_exact_in_float32():
    """A few ReLU kinks lie within the step of so small a network; ten times the step would be ten times as wrong."""
    for seed in range(3):
        assert relative_error(one_gradient("fd1", seed), one_gradient("jvp", seed)) < 2e-2


def one_gradient(how, seed):
    trainer = make(small_cnn, OPTIMIZERS["sgd"], how)
    trainer.classifier.float()
    trainer.lcn.float()
    batches = [
        Labelled(b.inputs.float(), b.labels)
        for b in (draw(small_cnn, 24, seed), draw(small_cnn, 8, seed + 50), draw(small_cnn, 8, seed + 90))
    ]
    trainer.step(*batches)
    return trainer.lcn_optimizer.seen[-1]


def test_soft_cross_entropy_of_one_hot_rows_is_cross_entropy():
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 1, 0])
    soft = functional.one_hot(labels, 3).double()
    expected = functional.cross_entropy(logits, labels, reduction="sum")
    assert torch.allclose(soft_cross_entropy(logits, soft), expected)


def test_schedules_fall_where_they_say():
    assert learning_rate_factor("cosine", 0.0) == 1.0
    assert learning_rate_factor("cosine", 0.5) == pytest.approx(0.5)
    assert [learning_rate_factor("step", e / 120) for e in (79, 80, 99, 100)] == [1.0, 0.1, 0.1, 0.01]
    assert learning_rate_factor("constant", 0.9) == 1.0
