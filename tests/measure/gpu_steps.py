"""Steps of networks for `gpu.py`: how exact and how fast they are, and how fast texts are trained on."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from labelfix.bench.step import measure
from labelfix.bench.step_ways import StepPlan
from labelfix.compute.devices import full_precision
from labelfix.correctors.contract import Problem
from labelfix.methods.mlc import paper
from labelfix.methods.mlc.step import Labelled, MlcTrainer
from labelfix.models.classifier import Classifier
from labelfix.models.images.small import FEATURES, ResNet32
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.models.network_inputs import TokenInputs
from labelfix.models.text.fine_tuned import SequenceBackbone
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings

Figures = Iterator[tuple[str, float, str]]
"""Names, values, and what they have to reach: `<= 1.9`, `>= 10`, or nothing."""

SMALL = {"resnet32": ("resnet32", 8), "timm:resnet50": ("timm:test_resnet", 32), "bert-base": ("bert-small", 8)}
"""What a rehearsal times in a network's place, and at which size."""


@dataclass(frozen=True)
class Place:
    """Where it is measured.

    Attributes:
        out: The folder for runs and made data.
        device: Where it computes.
        quick: Whether it is a rehearsal, in which nothing has to be reached.
        data: The folder of CIFAR-10; None without.
    """

    out: Path
    device: str
    quick: bool
    data: Path | None

    def bound(self, words):
        """What has to be reached, on a GPU."""
        return "" if self.quick else words


def gradient(place):
    """How far the LCN's gradient is from forward mode in float64 on the CPU, relative to its length."""
    draw, side = torch.Generator().manual_seed(0), 8 if place.quick else 32
    sizes = (8, 4, 4) if place.quick else (100, 16, 16)
    rows = [(torch.randn(n, 3, side, side, generator=draw), torch.randint(0, 10, (n,), generator=draw)) for n in sizes]

    def found(device, how, dtype, precision="fp32", tf32=False, **layout):
        seed = torch.Generator().manual_seed(2)
        classifier = Classifier(ResNet32(seed), FEATURES, 10, seed).to(device, dtype).to(**layout).train()
        lcn = LabelCorrectionNetwork(FEATURES, 10, 128, 128, False, seed).to(device, dtype)
        optimizer = torch.optim.SGD(classifier.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, fused=True)
        still = torch.optim.SGD(lcn.parameters(), lr=0.0)
        trainer = MlcTrainer(
            classifier=classifier,
            lcn=lcn,
            optimizer=optimizer,
            lcn_optimizer=still,
            derivative=how,
            precision=precision,
        )
        batch = [Labelled(x.to(device, dtype).contiguous(**layout), y.to(device)) for x, y in rows]
        with contextlib.nullcontext() if tf32 else full_precision(torch.device(device)):
            for _ in range(3):
                trainer.plain_step(*batch[:2])
            trainer.step(*batch)
        return torch.cat([p.grad.detach().double().cpu().reshape(-1) for p in lcn.parameters()])

    exact = found("cpu", "jvp", torch.float64, memory_format=torch.channels_last)
    error = lambda other: float((other - exact).norm() / exact.norm())  # noqa: E731
    for layout in ("channels_last", "contiguous_format"):
        for how in ("jvp", "fd2", "fd1"):
            here = found(place.device, how, torch.float32, memory_format=getattr(torch, layout))
            yield f"{how} float32, {layout}", error(here), place.bound("<= 0.005")
    last = {"memory_format": torch.channels_last}
    yield "fd1 bfloat16", error(found(place.device, "fd1", torch.float32, "bf16", **last)), place.bound("<= 0.1")
    if place.device == "cuda":  # or full_precision does nothing
        yield "fd1 with TF32 left on", error(found("cuda", "fd1", torch.float32, tf32=True, **last)), ">= 0.02"


def steps(place, bounds, **plan):
    """Costs of a step by each way, relative to the plain one in the same process."""
    usual = {"batch": 100, "clean": 16, "meta": 16, "rounds": 11, "limit": 60.0, "device": place.device}
    sizes = usual | plan
    if place.quick:
        backbone, size = SMALL[plan["backbone"]]
        few = {"batch": 4, "clean": 2, "meta": 2, "rounds": 1, "memory": False}
        sizes |= {"backbone": backbone, "size": size} | few
    found = measure(StepPlan(**sizes), Silent())
    for cost in found.costs:
        yield f"{cost.way}: ms", cost.seconds * 1e3, ""
        yield f"{cost.way}: × plain", cost.ratio, bounds.get(cost.way, "")
        if cost.memory_ratio is not None:
            yield f"{cost.way}: memory × plain", cost.memory_ratio, ""
    yield "ways as CUDA graphs", len(found.captured), ""
    ratios = {cost.way: cost.ratio for cost in found.costs}
    if {"published", "fd1"} <= ratios.keys():
        yield "published ÷ fd1", ratios["published"] / ratios["fd1"], bounds.get("published ÷ fd1", "")


def layouts(place):
    """Forward and backward of ResNet-32 in float32 with all digits, in both layouts: convolutions may prefer either."""
    count, side = (4, 8) if place.quick else (100, 32)
    device = torch.device(place.device)
    for layout in ("channels_last", "contiguous_format"):
        seed = torch.Generator().manual_seed(2)
        network = ResNet32(seed).to(device).to(memory_format=getattr(torch, layout)).train()
        images = torch.randn(count, 3, side, side).to(device).contiguous(memory_format=getattr(torch, layout))
        with full_precision(device):
            for repeats in (3, 1 if place.quick else 50):
                wait(device)
                started = perf_counter()
                for _ in range(repeats):
                    torch.autograd.grad(network(images).square().sum(), list(network.parameters()))
                wait(device)
                seconds = (perf_counter() - started) / repeats
        yield f"{layout}: ms", seconds * 1e3, ""


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def texts(place):
    """Rows a second of fine-tuning BERT's shape on made texts of 20 to 128 tokens, with batches of 16 and of 64.

    Where they differ by the batch, a step is bound by what the host queues and not by the GPU.
    """
    from transformers import BertConfig, BertForSequenceClassification

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    small = sizes if place.quick else {}
    count = 40 if place.quick else 2_048
    generator = np.random.default_rng(0)

    def tokens(rows):
        lengths = generator.integers(20, 129, rows)
        ids = generator.integers(5, 30_000, lengths.sum()).astype(np.int32)
        return TokenInputs(ids, np.concatenate([[0], np.cumsum(lengths)]), 0)

    def network(seed):
        backbone = SequenceBackbone(BertForSequenceClassification(BertConfig(num_labels=4, **small)), 4)
        width = backbone.last.in_features
        del backbone.last
        return Classifier(backbone, width, 4, seed)

    for size in (16, 64):
        made = Problem(
            noisy=tokens(count),
            given=generator.integers(0, 4, count),
            clean=tokens(80),
            truth=np.arange(80) % 4,
            paired_given=np.full(80, -1),
            num_classes=4,
            sampling="random",
            new_classifier=network,
            family="text",
            device=torch.device(place.device),
            seed=0,
            precision="bf16",
        )
        settings = MlcSettings(recipe="paper", epochs=2, warmup_epochs=0, batch_size=size, clean_batch_size=size // 2)
        fitted = paper.train_network(made, settings, Silent())
        yield f"rows a second, batches of {size}", fitted.history["rows_per_second"].to_pylist()[-1], ""
