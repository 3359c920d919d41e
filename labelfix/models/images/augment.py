"""Random draws that are functions of their place in a run, and the augmentation of small images made of them.

A draw depends on (seed, epoch, step, stream) and on the row's place in its batch, by integer hashing and without
a generator's state: a run that goes on after an interruption, another number of workers and another device give
the same numbers. The place may be a tensor on the device, so that a captured step draws anew at each replay.

Legend: B rows of a batch, S side of an image in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

_LOW = 0xFFFFFFFF


class Key(NamedTuple):
    """The place of a batch in a run; plain integers, or int64 tensors without dimensions on the device of the draws.

    Attributes:
        step: The step within the epoch, or within the run.
        stream: Tells apart the batches of one step.
        first: Place of the first row in its whole batch, where a process has a part of one.
    """

    seed: int | Tensor
    epoch: int | Tensor
    step: int | Tensor
    stream: int | Tensor = 0
    first: int = 0


def hashed(key: Key, draws: int, count: int, device: torch.device) -> Tensor:
    """Random integers in [0, 2³²).

    Args:
        draws: Independent draws for each row.
        count: B.
        device: Where they are made; the numbers are the same on every device.

    Returns:
        int64 `(draws, B)`; row i's numbers depend on neither B nor `draws`.
    """
    state: int | Tensor = 0x9E3779B9
    for word in key[:4]:
        state = _mix((state + (word & _LOW)) & _LOW)
        state = _mix((state + (word >> 32 & _LOW)) & _LOW)
    places = torch.arange(key.first, key.first + count, device=device)
    rows = _mix((places * 0x632BE5AB + state) & _LOW)
    which = torch.arange(1, draws + 1, device=device)[:, None] * 0x9E3779B1
    drawn: Tensor = _mix((rows + which) & _LOW)
    return drawn


def uniform(key: Key, draws: int, count: int, device: torch.device) -> Tensor:
    """float64 `(draws, B)` in [0, 1); see `hashed`."""
    return hashed(key, draws, count, device).to(torch.float64) / 2**32


def crop_draws(key: Key, count: int, margin: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """What `crop_and_flip` needs for a batch; nothing waits for the device.

    Args:
        count: B.
        margin: Pixels of padding on each side.

    Returns:
        int64 `(2, B)` offsets down and across in 0..2·margin, and bool `(B,)` whether to mirror.
    """
    drawn = hashed(key, 3, count, device)
    return drawn[:2] * (2 * margin + 1) >> 32, drawn[2] >= 1 << 31


def crop_and_flip(images: Tensor, offsets: Tensor, flips: Tensor, margin: int) -> Tensor:
    """Pad by reflection, crop back to the old size, and mirror; a function of its arguments alone.

    The padding is never made: a reflected pixel is looked up where its mirror image stands.

    Args:
        images: `(B, S, S, 3)`, any type.
        offsets: `(2, B)` places of the crops in the padded images.
        flips: `(B,)` which crops are mirrored.
        margin: Pixels of padding on each side, less than S.
    """
    count, side = images.shape[0], images.shape[1]
    place = (torch.arange(side, device=images.device) + offsets[:, :, None] - margin).abs()
    place = torch.where(place >= side, 2 * (side - 1) - place, place)
    down, across = place[0], torch.where(flips[:, None], place[1].flip(1), place[1])
    return images[torch.arange(count, device=images.device)[:, None, None], down[:, :, None], across[:, None, :]]


class Normalisation(NamedTuple):
    """`pixel · scale + shift` for each channel, float32 `(3,)`, on the device of the images."""

    scale: Tensor
    shift: Tensor


def normalisation(mean: Sequence[float], std: Sequence[float], device: torch.device | None = None) -> Normalisation:
    """What takes pixels in 0..255 to (pixel / 255 − mean) / std.

    Args:
        mean: Of each channel, in units of [0, 1].
        std: Of each channel, in units of [0, 1].
    """
    scale = [1 / (255 * s) for s in std]
    shift = [-m / s for m, s in zip(mean, std, strict=True)]
    return Normalisation(torch.tensor(scale, device=device), torch.tensor(shift, device=device))


def normalise(images: Tensor, by: Normalisation) -> Tensor:
    """uint8 `(B, S, S, 3)` to float32 `(B, 3, S, S)`; in memory channels come last, which convolutions like better."""
    return torch.addcmul(by.shift, images.to(torch.float32), by.scale).permute(0, 3, 1, 2)


def augment(images: Tensor, offsets: Tensor, flips: Tensor, margin: int, by: Normalisation) -> Tensor:
    """`crop_and_flip`, then `normalise`: uint8 `(B, S, S, 3)` to float32 `(B, 3, S, S)` on the images' device."""
    return normalise(crop_and_flip(images, offsets, flips, margin), by)


def _mix(word: Any) -> Any:  # noqa: ANN401 - an integer or a tensor of integers
    """A bijection of 32-bit words that spreads every bit over all others (Wellons' lowbias32)."""
    word = word ^ (word >> 16)
    word = (word * 0x7FEB352D) & _LOW
    word = word ^ (word >> 15)
    word = (word * 0x846CA68B) & _LOW
    return word ^ (word >> 16)
