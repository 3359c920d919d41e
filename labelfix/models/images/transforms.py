"""What timm's data configurations ask for, by torchvision's transforms v2, on Pillow images.

Legend: S side in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image


Pixels = npt.NDArray[np.uint8]

RATIOS = (3 / 4, 4 / 3)
"""Width over height of a random crop, as in timm and torchvision."""

TRIES = 10
"""Crops that are tried before the middle of the image is taken, as in timm and torchvision."""


def evaluation(config: dict[str, Any]) -> Callable[[Image], Pixels]:
    """timm's evaluation transform before it normalises: `uint8 (S, S, 3)` of an RGB image."""
    from torchvision.transforms import v2

    side, mode = int(config["input_size"][-1]), config.get("crop_mode", "center")
    if mode not in ("center", "squash"):  # timm pads the borders with a transform of its own
        from timm.data import create_transform

        own = create_transform(**config, normalize=False)
        return lambda image: np.ascontiguousarray(own(image).numpy().transpose(1, 2, 0))
    scaled = math.floor(side / config["crop_pct"])
    size = [scaled, scaled] if mode == "squash" else [scaled]
    prepare = v2.Compose([v2.Resize(size, _interpolation(config)), v2.CenterCrop(side)])
    return lambda image: np.asarray(prepare(image))


def crop_box(height: int, width: int, smallest: float, drawn: npt.NDArray[np.float64]) -> tuple[int, int, int, int]:
    """The box of a random resized crop, as torchvision's `RandomResizedCrop` chooses it, of numbers drawn before.

    Args:
        smallest: Least share of the image's area; the largest is 1.
        drawn: `(2 · TRIES + 2,)` uniform in [0, 1): areas, ratios, place down, place across.

    Returns:
        Top, left, height and width in pixels.
    """
    areas = height * width * (smallest + (1 - smallest) * drawn[:TRIES])
    low, high = math.log(RATIOS[0]), math.log(RATIOS[1])
    ratios = np.exp(low + (high - low) * drawn[TRIES : 2 * TRIES])
    for area, ratio in zip(areas, ratios, strict=True):
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return int(drawn[-2] * (height - h + 1)), int(drawn[-1] * (width - w + 1)), h, w
    w, h = min(width, round(height * RATIOS[1])), min(height, round(width / RATIOS[0]))
    return (height - h) // 2, (width - w) // 2, h, w


def resized_crop(image: Image, box: tuple[int, int, int, int], config: dict[str, Any]) -> Pixels:
    """A part of an RGB image, scaled to `uint8 (S, S, 3)`."""
    from torchvision.transforms.v2 import functional

    side = int(config["input_size"][-1])
    return np.asarray(functional.resized_crop(image, *box, [side, side], _interpolation(config)))


def _interpolation(config: dict[str, Any]) -> Any:  # noqa: ANN401 - torchvision is untyped here
    from torchvision.transforms.v2 import InterpolationMode

    return InterpolationMode(config["interpolation"])
