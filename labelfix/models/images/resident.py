"""Small images that live on the device, where their augmentation is computed as well.

Legend: N rows, B rows of a batch, S side in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from labelfix.data.arrays import RowNumbers
from labelfix.models.features import Inputs, unwrapped
from labelfix.models.images.augment import Key, Normalisation, augment, crop_draws, normalisation, normalise
from labelfix.models.network_inputs import ImageInputs

SHARE = 0.25
"""Share of a GPU's free memory that rows may take."""


@dataclass(frozen=True)
class ResidentImages:
    """Images on a device; inputs like any others, whose batches are there already.

    Attributes:
        pixels: `uint8 (N, S, S, 3)` on the device.
    """

    pixels: Tensor
    by: Normalisation
    margin: int

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, rows: RowNumbers, augment: Key | None = None) -> Tensor:
        """`float32 (B, 3, S, S)` on the device; what `ImageInputs.batch` gives on the CPU."""
        return self.batch_of(torch.from_numpy(np.ascontiguousarray(rows)).to(self.pixels.device), augment)

    def batch_of(self, rows: Tensor, key: Key | None) -> Tensor:
        """The same for rows that are on the device; nothing waits for it, so that a graph can capture the call.

        Args:
            rows: int64 `(B,)` on the device.
            key: The place in the run, as integers or as tensors on the device; None for evaluation.
        """
        images = self.pixels.index_select(0, rows)
        if key is None:
            return normalise(images, self.by)
        return augment(images, *crop_draws(key, len(rows), self.margin, rows.device), self.margin, self.by)


def resident(inputs: Inputs, device: torch.device) -> ResidentImages | None:
    """The images on the device; None for other inputs, and for more than a GPU has room for."""
    images, rows = unwrapped(inputs)
    if not isinstance(images, ImageInputs):
        return None
    pixels = placed(images.tensor, rows, device)
    if pixels is None:
        return None
    return ResidentImages(pixels, normalisation(images.mean, images.std, device), images.margin)


def placed(tensor: Tensor, rows: RowNumbers | None, device: torch.device) -> Tensor | None:
    """Some rows of a tensor `(N, ...)` of the CPU, or all, on the device; None for more than a GPU has room for."""
    chosen = tensor if rows is None else tensor[torch.from_numpy(np.ascontiguousarray(rows))]
    if device.type == "cuda" and chosen.nbytes > SHARE * torch.cuda.mem_get_info(device)[0]:
        return None
    return chosen.to(device)
