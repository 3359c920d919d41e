"""A small residual network for images without pretrained weights, and its features once it has learned.

    conv 32 → conv 64, ½ → two convs 64 around a shortcut → conv 128, ½ → two convs 128 around a shortcut → mean

Every convolution is 3×3, with BatchNorm and ReLU; ½ is a maximum over 2×2. It has 0.46 million weights.

Legend: N rows, B rows of a batch, S side in pixels, D features, K classes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.nn import functional

from labelfix.compute.devices import full_precision, pick_device
from labelfix.data.arrays import Singles
from labelfix.data.tables import InputSpec, InputTable
from labelfix.models.cards import FeatureCard
from labelfix.models.classifier import Classifier
from labelfix.models.encoding import digest, unit_norm
from labelfix.models.frozen import FrozenFeatures
from labelfix.models.images.augment import normalisation, normalise
from labelfix.models.images.pixels import PICTURE, decode_window, square
from labelfix.models.images.small import MEAN, STD, SmallImages
from labelfix.models.network_inputs import ImageInputs
from labelfix.progress import Progress
from labelfix.runs.tensors import read_arrays
from labelfix.settings.model import ComputeSettings
from labelfix.settings.networks import Family, NetworkSettings

ARRAYS = "network.safetensors"

FEATURES = 128
"""D, the channels of the last convolution."""

LAYERS = {"first": (3, 32), "second": (32, 64), "pair1.0": (64, 64), "pair1.1": (64, 64)} | {
    "third": (64, 128),
    "pair2.0": (128, 128),
    "pair2.1": (128, 128),
}
"""Convolution → channels in and out."""


class Layer(nn.Module):
    """A 3×3 convolution, BatchNorm and ReLU."""

    def __init__(self, channels_in: int, channels_out: int, generator: torch.Generator) -> None:
        super().__init__()
        # The weights are drawn here; torch's global generator is left to its owner.
        self.conv: nn.Conv2d = nn.utils.skip_init(nn.Conv2d, channels_in, channels_out, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, generator=generator)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, images: Tensor) -> Tensor:
        """`(B, channels_out, S, S)`."""
        return functional.relu(self.norm(self.conv(images)))


class SmallNetwork(nn.Module):
    """The network; see the module's docstring."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        layers = {name: Layer(*channels, generator) for name, channels in LAYERS.items()}
        self.first, self.second, self.third = (layers[name] for name in ("first", "second", "third"))
        self.pair1, self.pair2 = (
            nn.Sequential(layers[f"{name}.0"], layers[f"{name}.1"]) for name in ("pair1", "pair2")
        )

    def forward(self, images: Tensor) -> Tensor:
        """h(x), `(B, D)`."""
        images = functional.max_pool2d(self.second(self.first(images)), 2)
        images = images + self.pair1(images)
        images = functional.max_pool2d(self.third(images), 2)
        images = images + self.pair2(images)
        return images.mean(dim=(2, 3))


@dataclass(frozen=True)
class LearntImages(FrozenFeatures):
    """Features of a small network that has learned; the classifier is a linear head.

    Attributes:
        side: S; images of another size are scaled to it.
    """

    family: ClassVar[str] = "small-network"
    rows_at_once: ClassVar[int] = 256
    spec: InputSpec
    side: int
    weights: dict[str, npt.NDArray[Any]] = field(repr=False, compare=False)

    @property
    def feature_width(self) -> int:
        return FEATURES

    @property
    def description(self) -> str:
        return f"a small network on {self.side}×{self.side} pixels, {FEATURES} dimensions, linear head (no download)"

    @cached_property
    def identity(self) -> str:
        total = hashlib.sha256()
        for name in sorted(self.weights):
            total.update(name.encode() + b"\0" + self.weights[name].tobytes())
        return digest(self.family, 1, self.side, total.hexdigest())

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        device = pick_device(compute.device)
        pixels = decode_window(batch.column(0), name, row, lambda each: square(each, self.side), compute.workers)
        with torch.inference_mode(), full_precision(device):
            seen = normalise(torch.from_numpy(pixels).to(device), normalisation(MEAN, STD, device))
            return unit_norm(self._network.to(device)(seen).cpu().numpy())

    def to_json(self) -> dict[str, Any]:
        return {"side": self.side, "mean": list(MEAN), "std": list(STD)}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> LearntImages:
        """Read back what `to_json` and `write_parts` gave."""
        shapes = {name: tuple(value.shape) for name, value in SmallNetwork(torch.Generator()).state_dict().items()}
        counted = [name for name in shapes if name.endswith("num_batches_tracked")]
        return cls(spec, int(values["side"]), read_arrays(folder / ARRAYS, shapes, counted))

    def write_parts(self, folder: Path) -> None:
        """The weights, as safetensors."""
        from safetensors.numpy import save_file

        save_file(self.weights, folder / ARRAYS)

    def feature_card(self) -> FeatureCard:
        imports = ("import numpy as np", "import torch.nn.functional as F", "from PIL import Image, ImageOps")
        packages = ("numpy", "pillow", "torch", "safetensors")
        return FeatureCard(packages, "a list of paths of 8-bit images", imports, CARD.replace("PICTURE\n", PICTURE))

    @cached_property
    def _network(self) -> SmallNetwork:
        network = SmallNetwork(torch.Generator())
        network.load_state_dict({name: torch.from_numpy(value) for name, value in self.weights.items()})
        return network.eval()


@dataclass(frozen=True)
class TrainableImages:
    """The network before it has learned."""

    spec: InputSpec
    side: int
    family: ClassVar[Family] = "image"
    learning: ClassVar[NetworkSettings] = NetworkSettings(
        epochs=16, batch_size=64, optimizer="adamw", learning_rate=3e-3, weight_decay=0.05, schedule="linear"
    )
    brings: ClassVar[str] = ""

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> ImageInputs:
        """Pixels, decoded once; training crops and mirrors them."""
        return SmallImages(self.spec, self.side).encode(table, compute, progress)

    def new_classifier(self, num_classes: int, generator: torch.Generator) -> Classifier:
        """The network with a linear head."""
        return Classifier(SmallNetwork(generator), FEATURES, num_classes, generator)

    def keep(self, module: Classifier, folder: Path) -> None:
        """Write the trained network without its head into an existing folder."""
        state = module.backbone.state_dict()
        weights = {name: value.detach().cpu().contiguous().numpy() for name, value in state.items()}
        LearntImages(self.spec, self.side, weights).write_parts(folder)

    def kept(self, folder: Path) -> LearntImages:
        """What `keep` wrote, as fixed features."""
        return LearntImages.from_json({"side": self.side}, self.spec, folder)


CARD = """\
PICTURE


def features(paths, encoding, folder):
    weights, side = load_file(f"{folder}/network.safetensors"), encoding["side"]

    def layer(x, at):
        x = F.conv2d(x, weights[f"{at}.conv.weight"], padding=1)
        norm = [weights[f"{at}.norm.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        return F.relu(F.batch_norm(x, *norm))

    def pixels(path):
        image = picture(path)
        image = image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BICUBIC)
        return np.asarray(image)

    x = torch.from_numpy(np.stack([pixels(path) for path in paths])).float() / 255
    x = ((x - torch.tensor(encoding["mean"])) / torch.tensor(encoding["std"])).permute(0, 3, 1, 2)
    x = F.max_pool2d(layer(layer(x, "first"), "second"), 2)
    x = x + layer(layer(x, "pair1.0"), "pair1.1")
    x = F.max_pool2d(layer(x, "third"), 2)
    x = x + layer(layer(x, "pair2.0"), "pair2.1")
    return F.normalize(x.mean(dim=(2, 3)), dim=1)
"""
