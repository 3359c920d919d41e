"""The ways of taking a step that are timed, on networks and batches that all of them share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from labelfix.bench.backbones import make_backbone
from labelfix.bench.reference_steps import Workbench, double_backward_step, plain_step, published_step
from labelfix.compute.devices import Precision, full_precision
from labelfix.methods.mlc.step import MlcTrainer
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.models.on_device import to_device
from labelfix.networks.lookahead import Derivative
from labelfix.networks.loop import make_lcn_optimizer, make_optimizer
from labelfix.networks.passes import Labelled, draws_masks

PLAIN = "plain"
DERIVATIVES: tuple[Derivative, ...] = ("fd1", "fd2", "jvp")
REFERENCES = {PLAIN: plain_step, "double-backward": double_backward_step, "published": published_step}
WAYS = (PLAIN, *DERIVATIVES, "double-backward", "published")
"""The plain step; MLC's by one forward difference, two, and forward mode; and by two kinds of double backward."""

UNFUSED = ("jvp", "double-backward", "published")
"""Fused attention has neither a forward-mode derivative nor a second backward pass: these take the plain kernels."""

LEARNING_RATE = 1e-3
"""Small, so that made-up data cannot make the weights overflow."""


@dataclass(frozen=True)
class StepPlan:
    """What is to be timed.

    Attributes:
        limit: No further round begins after so many seconds; None for all rounds.
        classes: K; None for what is usual.
        size: Tokens of every text or side of every image; None for what is usual.
        ways: Some of `WAYS`; the plain step is always among them.
    """

    backbone: str = "resnet32"
    batch: int = 100
    clean: int = 16
    meta: int = 16
    rounds: int = 15
    limit: float | None = None
    classes: int | None = None
    size: int | None = None
    device: str = "auto"
    precision: Precision = "fp32"
    ways: tuple[str, ...] = WAYS
    memory: bool = True


def build(plan: StepPlan, device: torch.device) -> Workbench:
    """Networks, optimisers and batches, all on the device."""
    backbone = make_backbone(plan.backbone, plan.classes, plan.size)
    classifier = backbone.classifier.to(device)
    draw = torch.Generator().manual_seed(1)
    width, classes = classifier.feature_width, classifier.num_classes
    lcn = LabelCorrectionNetwork(width, classes, backbone.lcn_hidden, 128, False, draw).to(device)

    def rows(count: int) -> Labelled:
        inputs = to_device(backbone.batch(count, draw), device)
        return Labelled(inputs, torch.randint(classes, (count,), generator=draw).to(device))

    return Workbench(
        classifier,
        lcn,
        make_optimizer("sgd", classifier.parameters(), LEARNING_RATE, 0.9, False, 5e-4),
        make_lcn_optimizer(lcn, 3e-4),
        rows(plan.batch),
        rows(plan.clean),
        rows(plan.meta),
        plan.precision,
    )


def make_step(bench: Workbench, way: str) -> Callable[[], None]:
    """One step of a way, ready to be called again and again."""
    if way in REFERENCES:
        reference = REFERENCES[way]

        def take() -> object:
            return reference(bench)

    else:
        trainer = MlcTrainer(
            classifier=bench.classifier,
            lcn=bench.lcn,
            optimizer=bench.optimizer,
            lcn_optimizer=bench.lcn_optimizer,
            derivative=next(how for how in DERIVATIVES if how == way),
            seed=0 if draws_masks(bench.classifier, bench.meta.inputs) else None,
            precision=bench.precision,
        )

        def take() -> object:
            return trainer.step(bench.noisy, bench.clean, bench.meta, watch=False)

    def step() -> None:
        with _attention(way), full_precision(bench.noisy.labels.device):
            take()

    return step


@contextlib.contextmanager
def _attention(way: str) -> Iterator[None]:
    if way in UNFUSED:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    else:
        yield
