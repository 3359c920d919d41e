"""Images without any download: ResNet-32 on pixels decoded once.

Pixels are normalised with the constants of the CIFAR experiments of Zheng et al.; a training pass adds a
random crop of the reflect-padded image and a mirror flip (`network_inputs.ImageInputs`).

Legend: B rows of a batch, S side in pixels, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.nn import functional

from labelfix.data.tables import ClassNames, InputSpec, InputTable
from labelfix.models.classifier import Classifier
from labelfix.models.encoding import Card, digest, encode_rows
from labelfix.models.images.pixels import PICTURE, decode_window, square
from labelfix.models.network_inputs import ImageInputs
from labelfix.models.on_device import WholeNetwork
from labelfix.models.weights import read_weights, write_weights
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings

FEATURES = 64
"""D, the width of the last stage."""

BLOCKS = 5
"""Blocks of a stage: 6 · 5 + 2 = 32 layers with weights."""


def _convolution(channels_in: int, channels_out: int, stride: int) -> nn.Conv2d:
    # The weights are drawn by ResNet32; torch's global generator is left to its owner.
    layer: nn.Conv2d = nn.utils.skip_init(nn.Conv2d, channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
    return layer


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut without parameters.

    Args:
        channels_out: Channels that go out; the shortcut pads the difference with zeros.
        stride: 2 halves the image; the shortcut then takes every other pixel.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels_in, channels_out, stride)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = _convolution(channels_out, channels_out, 1)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.stride = stride
        self.padding = (channels_out - channels_in) // 2

    def forward(self, images: Tensor) -> Tensor:
        """The block's output, `(B, channels_out, S / stride, S / stride)`."""
        inner = functional.relu(self.bn1(self.conv1(images)))
        inner = self.bn2(self.conv2(inner))
        return functional.relu(inner + self._shortcut(images))

    def _shortcut(self, images: Tensor) -> Tensor:
        if self.padding == 0:
            return images
        thinned = images[:, :, :: self.stride, :: self.stride]
        return functional.pad(thinned, (0, 0, 0, 0, self.padding, self.padding))


class ResNet32(nn.Module):
    """Images to 64 features, for CIFAR-sized ones (He et al., CVPR 2016, section 4.2).

    A 3×3 convolution with 16 filters, three stages of five basic blocks with 16, 32 and 64 filters at strides 1, 2 and
    2, zero-padded (option A) shortcuts, global average pooling. With a linear head for 10 classes it has 464,154
    parameters. Convolutions start Kaiming-normal.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.conv1 = _convolution(3, 16, 1)
        self.bn1 = nn.BatchNorm2d(16)
        self.stage1 = self._stage(16, 16, 1)
        self.stage2 = self._stage(16, 32, 2)
        self.stage3 = self._stage(32, FEATURES, 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, generator=generator)

    def forward(self, images: Tensor) -> Tensor:
        """Features `(B, 64)` of normalised images `(B, 3, S, S)`."""
        hidden = functional.relu(self.bn1(self.conv1(images)))
        hidden = self.stage3(self.stage2(self.stage1(hidden)))
        features: Tensor = hidden.mean(dim=(2, 3))
        return features

    @staticmethod
    def _stage(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
        first = BasicBlock(channels_in, channels_out, stride)
        return nn.Sequential(first, *(BasicBlock(channels_out, channels_out, 1) for _ in range(BLOCKS - 1)))


MEAN = (125.3 / 255, 123.0 / 255, 113.9 / 255)
STD = (63.0 / 255, 62.1 / 255, 66.7 / 255)
"""Mean and deviation of the channels of CIFAR-10, for which the network was published."""

WINDOW = 512
"""Images decoded together."""


@dataclass(frozen=True)
class SmallImages(WholeNetwork):
    """ResNet-32, trained from the start."""

    family: ClassVar[str] = "resnet32"
    feature_width: ClassVar[int] = FEATURES
    spec: InputSpec
    side: int = 32

    @property
    def description(self) -> str:
        return f"ResNet-32 on {self.side}×{self.side} pixels, trained from the start (no download)"

    @property
    def identity(self) -> str:
        return digest("pixels", 2, "square", self.side)

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> ImageInputs:
        """Pixels `uint8 (N, S, S, 3)`, decoded once."""
        empty = np.empty((0, self.side, self.side, 3), dtype=np.uint8)

        def window(batch: pa.RecordBatch, row: int) -> npt.NDArray[np.uint8]:
            return decode_window(
                batch.column(0), table.name, row, lambda image: square(image, self.side), compute.workers
            )

        pixels = encode_rows(table, self.identity, WINDOW, empty, window, compute, progress)
        return ImageInputs(pixels, MEAN, STD, margin=max(self.side // 8, 1))

    def new_classifier(self, num_classes: int, generator: torch.Generator) -> Classifier:
        """ResNet-32 with a linear head; the head starts Kaiming-normal like the convolutions."""
        module = Classifier(ResNet32(generator), FEATURES, num_classes, generator)
        nn.init.kaiming_normal_(module.head.weight, generator=generator)
        return module

    def to_json(self) -> dict[str, Any]:
        return {"side": self.side, "mean": list(MEAN), "std": list(STD)}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> SmallImages:
        return cls(spec, int(values["side"]))

    def write_module(self, folder: Path, module: Classifier, classes: ClassNames) -> None:
        """The whole network as safetensors."""
        write_weights(folder, module)

    def read_module(self, folder: Path, num_classes: int) -> Classifier:
        return read_weights(folder, self.feature_width, num_classes, self.new_classifier)

    def card(self) -> Card:
        code = CARD.replace("PICTURE\n", PICTURE)
        return Card(("numpy", "pillow", "torch", "safetensors"), "a list of paths of 8-bit images", code)


CARD = """\
import json

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from safetensors.torch import load_file


PICTURE


def probabilities(paths, folder="."):
    about = json.load(open(f"{folder}/labelfix.json", encoding="utf-8"))
    weights, encoding = load_file(f"{folder}/model.safetensors"), about["encoding"]

    def conv(x, at, number, stride=1):
        x = F.conv2d(x, weights[f"{at}.conv{number}.weight"], stride=stride, padding=1)
        norm = [weights[f"{at}.bn{number}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *norm)

    def pixels(path):
        image = picture(path)
        size = (encoding["side"], encoding["side"])
        return np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BICUBIC))

    x = torch.from_numpy(np.stack([pixels(path) for path in paths])).float() / 255
    x = ((x - torch.tensor(encoding["mean"])) / torch.tensor(encoding["std"])).permute(0, 3, 1, 2)
    x = F.relu(conv(x, "backbone", 1))
    for stage in (1, 2, 3):
        for block in range(5):
            at, stride = f"backbone.stage{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = conv(F.relu(conv(x, at, 1, stride)), at, 2)
            if stride == 2:  # the shortcut takes every other pixel and pads the new channels with zeros
                half = x.shape[1] // 2
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half))
            x = F.relu(x + y)
    logits = x.mean(dim=(2, 3)) @ weights["head.weight"].T + weights["head.bias"]
    return torch.softmax(logits / about["temperature"], dim=1).numpy()
"""
