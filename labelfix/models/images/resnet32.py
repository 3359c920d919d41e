"""The small residual network for CIFAR-sized images (He et al., CVPR 2016, section 4.2), ResNet-32.

A 3×3 convolution with 16 filters, three stages of five basic blocks with 16, 32 and 64 filters at strides
1, 2 and 2, zero-padded (option A) shortcuts, global average pooling to 64 features. With a linear head for
10 classes it has 464,154 parameters. Convolutions start Kaiming-normal.

Legend: B rows of a batch, S side of an image in pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

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
    """Images to 64 features."""

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
