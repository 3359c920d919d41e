"""`recipe = published` against the published code's step, written out with a double backward in float64; its rows."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from toy_problem import CLASSES, soft_labels, whole

import labelfix
from labelfix.data.split import split_clean
from labelfix.errors import SettingsError
from labelfix.methods.mlc import paper, published
from labelfix.methods.mlc.paper import MlcTraining, make_mlc_plan
from labelfix.methods.mlc.published import PublishedTrainer
from labelfix.methods.mlc.step import Labelled
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.epochs import Epochs
from labelfix.networks.loop import make_lcn_optimizer, make_optimizer
from labelfix.networks.state import TrainingState
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings

RATE, MOMENTUM, DECAY = 0.1, 0.9, 5e-4


class PublishedCode:
    """The step of microsoft/MLC, operation by operation, on networks of its own.

    It leaves w' in the weights' place while it differentiates a second time, and what autograd has kept of the weights
    is then w' as well. `back_first` puts w back before.
    """

    def __init__(self, classifier, lcn, k, back_first):
        self.classifier, self.lcn, self.k, self.back_first = classifier, lcn, k, back_first
        self.weights = list(classifier.parameters())
        self.optimizer = torch.optim.SGD(self.weights, lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
        self.lcn_optimizer = torch.optim.Adam(lcn.parameters(), lr=1e-3, amsgrad=True)
        self.chained, self.steps = None, 0

    def judged(self, meta):
        loss = functional.cross_entropy(self.classifier(meta.inputs).logits, meta.labels)
        return torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, self.weights)])

    def step(self, noisy, clean, meta):
        at_w = self.judged(meta)
        said = self.classifier(noisy.inputs)
        soft = self.lcn(said.hidden.detach(), noisy.labels).soft
        of_noisy = -(soft * said.logits.log_softmax(1)).sum(1).mean()
        of_clean = functional.cross_entropy(self.classifier(clean.inputs).logits, clean.labels)
        rows = len(noisy.labels), len(clean.labels)
        loss = (rows[0] * of_noisy + rows[1] * of_clean) / sum(rows)
        gradient = torch.autograd.grad(loss, self.weights, create_graph=True)
        kept = [w.data for w in self.weights]
        for w, g in zip(self.weights, gradient, strict=True):
            buffer = self.optimizer.state[w].get("momentum_buffer", torch.zeros_like(w))
            w.data = w.data - RATE * (MOMENTUM * buffer + g.detach() + DECAY * w.data)
        ahead = self.judged(meta)
        if self.back_first:
            self.put(kept)
        gamma = torch.dot((1 - RATE) * ahead, at_w) / at_w.square().sum()
        proxy = -torch.dot(torch.cat([g.reshape(-1) for g in gradient]), RATE * ahead)
        found = torch.autograd.grad(proxy, list(self.lcn.parameters()))
        if self.chained is not None:
            found = [new + gamma * old for new, old in zip(found, self.chained, strict=True)]
        self.chained, self.steps = found, self.steps + 1
        if self.steps % self.k == 0:
            for parameter, value in zip(self.lcn.parameters(), self.chained, strict=True):
                parameter.grad = value
            self.lcn_optimizer.step()
            self.chained = None
        self.put(kept)
        for w, g in zip(self.weights, gradient, strict=True):
            w.grad = g.detach()
        self.optimizer.step()

    def put(self, values):
        for w, value in zip(self.weights, values, strict=True):
            w.data = value


def networks():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(4)
    layers = (
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    )
    classifier = Classifier(nn.Sequential(*layers), 24, CLASSES, generator).double().train()
    return classifier, LabelCorrectionNetwork(24, CLASSES, 7, 5, False, generator).double()


def draw(rows, seed):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(rows, 3, 6, 6, generator=generator, dtype=torch.float64)
    return Labelled(images, torch.randint(0, CLASSES, (rows,), generator=generator))


def state_of(*modules):
    return torch.cat([value.double().reshape(-1) for module in modules for value in module.state_dict().values()])


@pytest.mark.parametrize(
    ("how", "back_first", "tolerance"),
    [("jvp", True, 1e-9), ("fd2", True, 1e-6), ("fd1", True, 2e-2), ("jvp", False, 2e-2)],
)
@pytest.mark.parametrize("k", [1, 5])
def test_its_steps_are_those_of_the_published_code(k, how, back_first, tolerance):
    """Weights, running statistics and the LCN over twenty steps, each with trusted rows of its own."""
    classifier, lcn = networks()
    code = PublishedCode(copy.deepcopy(classifier), copy.deepcopy(lcn), k, back_first)
    trainer = PublishedTrainer(
        classifier=classifier,
        lcn=lcn,
        optimizer=make_optimizer("sgd", classifier.parameters(), RATE, MOMENTUM, False, DECAY),
        lcn_optimizer=make_lcn_optimizer(lcn, 1e-3),
        derivative=how,
        lookahead=k,
    )
    start = state_of(lcn)
    for step in range(20):
        rows = draw(20, step), draw(10, 100 + step), draw(10, 200 + step)
        trainer.step(*rows)
        code.step(*rows)
    moved = (state_of(code.lcn) - start).norm()
    assert moved > 0.02
    assert (state_of(lcn) - state_of(code.lcn)).norm() < tolerance * moved
    assert torch.allclose(state_of(classifier), state_of(code.classifier), rtol=tolerance, atol=tolerance)


def steps_of(made, settings, monkeypatch):
    """What every step of a training was given, and the fitted model."""
    seen = []
    take = PublishedTrainer.step
    monkeypatch.setattr(
        PublishedTrainer, "step", lambda self, *rows, **more: (seen.append(rows), take(self, *rows, **more))[1]
    )
    return seen, published.train_network(made, settings, Silent())


def test_half_as_many_trusted_rows_train_and_judge_drawn_anew_from_all_of_them(monkeypatch):
    made, _ = whole(noisy=400, clean=80)
    seen, fitted = steps_of(made, MlcSettings(recipe="published", epochs=3, batch_size=40, lookahead=5), monkeypatch)
    assert len(seen) == 3 * 10
    assert {tuple(len(part.labels) for part in step[:3]) for step in seen} == {(40, 20, 20)}
    clean, meta = ([set(step[part].numbers.tolist()) for step in seen] for part in (1, 2))
    assert set().union(*clean) == set().union(*meta) == set(range(80))
    assert not any(one & other for one, other in zip(clean, meta, strict=True))
    assert all(meta[i] != meta[i + 1] for i in range(len(meta) - 1))
    assert fitted.metrics["clean_split"]["held_out"] == 0
    assert fitted.metrics["recipe"] == "published"
    rates = fitted.history["learning_rate"].to_pylist()
    assert rates == pytest.approx([rates[0], rates[0], rates[0] / 100])


def test_images_take_the_commands_of_the_published_code():
    made, _ = whole()
    settings = MlcSettings(recipe="published").as_published(100, "image")
    plan = make_mlc_plan(made, settings)
    assert (plan.epochs, plan.clean_batch_size, plan.warmup_epochs, plan.lcn_learning_rate) == (120, 50, 0, 3e-4)
    assert MlcSettings(recipe="published", epochs=4).as_published(100, "image").epochs == 4
    assert MlcSettings(recipe="published").as_published(16, "text").epochs is None


def test_it_corrects_most_wrong_labels():
    made, truth = whole()
    fitted = published.train_network(made, MlcSettings(recipe="published", epochs=40, lookahead=5), Silent())
    assert (made.given == truth).mean() < 0.65
    assert (soft_labels(made, fitted).argmax(axis=1) == truth).mean() > 0.9


def test_blocks_of_resident_rows_take_the_same_steps():
    ends = []
    for resident in (False, True):
        made, _ = whole(noisy=300, clean=60)
        settings = MlcSettings(recipe="published", epochs=2, lookahead=3).as_published(32, "network")
        plan = make_mlc_plan(made, settings)
        split = split_clean(made.truth, CLASSES, settings.held_out, made.seed)
        training = MlcTraining(made, plan, settings, split, Silent())
        generator = torch.Generator().manual_seed(0)
        classifier = made.new_classifier(generator)
        lcn = LabelCorrectionNetwork(16, CLASSES, 8, 8, False, generator)
        trainer = paper.make_mlc_trainer(training, classifier, lcn, PublishedTrainer)
        Epochs(training, trainer, redrawn=True, resident=resident).run(TrainingState())
        ends.append(state_of(classifier, lcn))
    assert torch.allclose(*ends, rtol=1e-5, atol=1e-6)
    assert bool(torch.isfinite(ends[0]).all())


def test_what_it_fixes_cannot_be_set(tmp_path):
    rows = [f"{i},{np.sin(i):.3f},{np.cos(i):.3f},{'ab'[i % 2]}" for i in range(40)]
    noisy, gold = tmp_path / "noisy.csv", tmp_path / "gold.csv"
    noisy.write_text("\n".join(["id,x,y,label", *rows]) + "\n")
    gold.write_text("\n".join(["id,label", *(f"{i},{'ab'[i % 2]}" for i in range(20))]) + "\n")
    with pytest.raises(SettingsError, match=r"recipe = published does not read held_out = 0.5, warmup_epochs = 2"):
        labelfix.train(noisy, gold, tmp_path / "run", recipe="published", held_out=0.5, warmup_epochs=2)
