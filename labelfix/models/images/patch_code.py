"""An image as a list of figures: how strongly each quarter of it shows each of K patterns.

Every patch of an image is freed of its brightness and contrast, whitened and compared with atoms; what is above a
threshold, on either side, is averaged over each quarter of the image. The same is done with the image at half its size
and other atoms. The mean colours of the quarters stand beside that, since patches have lost them.

The image is seen in the mirror as well. The mean of both figures says what it shows, and half their difference
which way round it is (*handed*); each is projected by itself, the first centred and made length 1.

Whitening and atoms are one matrix product, `filters`, and standardising and principal components another,
`projection`. One image is computed at a time, in the same order of operations wherever it stands, so that shuffled
rows have the same features to the last bit; its maps stay in the processor's cache as well.

Source: Adam Coates, Honglak Lee and Andrew Ng, "An Analysis of Single-Layer Networks in Unsupervised Feature
Learning", AISTATS 2011; the two-sided threshold is that of Coates and Ng, ICML 2011.

Legend: S side in pixels, P patch side, K atoms of all scales, W = 8 K + 12 raw figures, D features, H handed ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Array = npt.NDArray[np.float32]

QUARTERS = 4
CHANNELS = 3


@dataclass(frozen=True)
class PatchRules:
    """The constants of an encoding; kept with it, so that other constants of a later version change no old run.

    Attributes:
        side: S; images of another size are scaled to a square of it.
        patch: P; 6, contrast and threshold are those of the source, and 0.5 for the threshold was no better.
        contrast: Added to a patch's variance, in squared grey levels, before it is divided by its root.
        threshold: Likeness to an atom counts from here on.
        softening: Added to averages before their root, whose slope at zero would blow rounding up.
    """

    side: int
    patch: int = 6
    contrast: float = 10.0
    threshold: float = 0.25
    softening: float = 0.01

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PatchRules:
        """Read back what `to_json` gave; other keys may be there."""
        return cls(**{f.name: values[f.name] for f in fields(cls)})

    def shapes(self, atoms: int, width: int, handed_width: int | None) -> dict[str, tuple[int | str, ...]]:
        """Shapes of the arrays of a `PatchCode`."""
        raw = raw_width(atoms)
        shapes: dict[str, tuple[int | str, ...]] = {
            "filters": (atoms, CHANNELS * self.patch**2),
            "offsets": (atoms,),
            "mean": (raw,),
            "projection": (raw, width),
        }
        return shapes if handed_width is None else shapes | {"handed": (raw, handed_width)}


def raw_width(atoms: int) -> int:
    """W."""
    return 2 * QUARTERS * atoms + QUARTERS * CHANNELS


@dataclass(frozen=True)
class PatchCode:
    """What turns an image into features.

    Attributes:
        atoms: How many atoms each scale has: those of the image, those of the image at half its size.
        filters: `(K, 3 P P)`, whitening and atoms in one; a patch is laid out channel by channel, then row by row.
        offsets: `(K,)`, what the filters make of the mean patch.
        mean: `(W,)` of the raw figures.
        projection: `(W, D)`.
        handed: `(W, H)`, for half the difference to the mirror image's figures; None for runs of before, which did not
            look into the mirror.
    """

    rules: PatchRules
    atoms: tuple[int, ...]
    filters: Array
    offsets: Array
    mean: Array
    projection: Array
    handed: Array | None = None

    @property
    def widths(self) -> tuple[int, ...]:
        """D and, where there are handed features, H."""
        return tuple(each.shape[1] for each in (self.projection, self.handed) if each is not None)

    def arrays(self) -> dict[str, Array]:
        """All arrays by name."""
        names = self.rules.shapes(1, 1, None if self.handed is None else 1)
        return {name: np.ascontiguousarray(getattr(self, name)) for name in names}

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of constants and arrays."""
        hashed = hashlib.sha256(repr([sorted(self.rules.to_json().items()), self.atoms]).encode())
        for name, array in self.arrays().items():
            hashed.update(name.encode() + repr(array.shape).encode() + array.astype("<f4").tobytes())
        return hashed.hexdigest()


class PatchDescriber:
    """The raw figures of images, by filters `(K, 3 P P)` and offsets `(K,)` of so many atoms a scale."""

    def __init__(self, rules: PatchRules, atoms: Sequence[int], filters: Array, offsets: Array) -> None:
        self._rules = rules
        places = np.cumsum(atoms)[:-1]
        of_scales = zip(np.split(filters, places), np.split(offsets, places), strict=True)
        self._scales = [_Scale(rules, rules.side >> halvings, *each) for halvings, each in enumerate(of_scales)]
        self._of_pixels = quarter_means(rules.side)

    def raw(self, image: npt.NDArray[np.uint8]) -> Array:
        """`(W,)` of `uint8 (S, S, 3)`.

        Of each scale, by quarter and atom, likeness above the threshold, then below it; at last colours by quarter.
        """
        pixels = image.astype(np.float32)
        colours = self._of_pixels @ pixels.reshape(-1, CHANNELS)
        seen = []
        for scale in self._scales:
            pixels = pixels if len(pixels) == scale.side else halved(pixels)
            seen += scale.seen(pixels)
        figures = np.sqrt(np.concatenate(seen) + np.float32(self._rules.softening))
        return np.concatenate([figures, colours.reshape(-1)])


class _Scale:
    """Likeness to the atoms of one scale."""

    def __init__(self, rules: PatchRules, side: int, filters: Array, offsets: Array) -> None:
        self.side, self._rules, self._filters = side, rules, filters
        # Likeness is compared with the threshold on both sides; the offset is taken into it.
        self._above, self._below = -offsets - np.float32(rules.threshold), offsets - np.float32(rules.threshold)
        self._of_patches = quarter_means(side - rules.patch + 1)

    def seen(self, pixels: Array) -> list[Array]:
        """Twice `(4 k,)` of `(side, side, 3)`: by quarter and atom, above the threshold and below it."""
        patches = without_contrast(patches_of(pixels, self._rules.patch), self._rules.contrast)
        likeness = patches @ self._filters.T
        seen = self._of_patches @ np.maximum(likeness + self._above, 0)
        unseen = self._of_patches @ np.maximum(self._below - likeness, 0)
        return [seen.reshape(-1), unseen.reshape(-1)]


class PatchEncoder:
    """The features of images."""

    def __init__(self, code: PatchCode) -> None:
        self._describer = PatchDescriber(code.rules, code.atoms, code.filters, code.offsets)
        self._mean, self._projection = code.mean, np.ascontiguousarray(code.projection.T)
        self._handed = None if code.handed is None else np.ascontiguousarray(code.handed.T)

    def features(self, image: npt.NDArray[np.uint8]) -> Array:
        """`float32 (D + H,)` of an image `uint8 (S, S, 3)`: D of length 1, and H of length 1 on average.

        D are zeros where nothing tells the image from the mean, and H where nothing tells it from its mirror image.
        """
        raw = self._describer.raw(image)
        if self._handed is None:
            return _of_length_one(self._projection @ (raw - self._mean))
        alike, unlike = halves(raw, self._describer.raw(image[:, ::-1]))
        return np.concatenate([_of_length_one(self._projection @ (alike - self._mean)), self._handed @ unlike])


def halves(raw: Array, mirrored: Array) -> tuple[Array, Array]:
    """The mean of raw figures and those of the mirror image, and half the difference."""
    half = np.float32(0.5)
    return half * (raw + mirrored), half * (raw - mirrored)


def _of_length_one(projected: Array) -> Array:
    length = np.sqrt(np.square(projected, dtype=np.float64).sum())
    return np.asarray(projected / max(length, SHORTEST), dtype=np.float32)


SHORTEST = 1e-12
"""Lengths below this are no length."""


def patches_of(image: Array, size: int) -> Array:
    """`(n, 3 P P)` all patches of an image, row by row, each laid out channel by channel.

    Args:
        image: `(S, S, 3)`.
        size: P.
    """
    seen = sliding_window_view(image, (size, size), axis=(0, 1))  # (S - P + 1, S - P + 1, 3, P, P)
    return np.asarray(seen.reshape(-1, CHANNELS * size**2))


def halved(image: Array) -> Array:
    """`(S // 2, S // 2, 3)` means of four pixels of `(S, S, 3)`; an odd side's last row and column are left out."""
    side = len(image) // 2
    fours = image[: 2 * side, : 2 * side].reshape(side, 2, side, 2, CHANNELS)
    return np.asarray(fours.mean(axis=(1, 3)))


def without_contrast(patches: Array, contrast: float) -> Array:
    """Patches `(n, 3 P P)` with mean 0 and, where they have contrast, variance 1.

    The mean is taken away before anything is multiplied: a filter cancels it as well, but in float32 not to the end.
    """
    centred = patches - patches.mean(axis=1, keepdims=True)
    spread = np.einsum("np,np->n", centred, centred) / np.float32(patches.shape[1])
    return np.asarray(centred / np.sqrt(spread + np.float32(contrast))[:, None])


def quarter_means(side: int) -> Array:
    """`(4, side²)`: what averages each quarter of a map, row by row; of an odd side the later half has one more."""
    half = (np.arange(side) >= side // 2).astype(np.int64)
    quarter = (2 * half[:, None] + half).reshape(-1)
    member = np.eye(QUARTERS, dtype=np.float32)[quarter].T
    return np.ascontiguousarray(member / member.sum(axis=1, keepdims=True))
