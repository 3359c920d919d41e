"""What patch features learn from a table's images: whitening and a dictionary; `patch_components` has the components.

The images that are learned from are those whose bytes have the smallest hashes, so they are the same in any order of
the rows; patches and starting atoms are drawn from them by a fixed seed, and everything is computed on one thread.
What was learned is kept in the feature cache.

Legend: n patches, P patch side, K atoms, M images, S side in pixels, W raw figures of an image, D features, H handed
ones.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import unfold

from labelfix.compute.ranks import ranks
from labelfix.compute.threads import one_thread
from labelfix.data.tables import InputTable
from labelfix.errors import SettingsError
from labelfix.models.cache import Taker, cached
from labelfix.models.contents import image_bytes, windows
from labelfix.models.encoding import digest
from labelfix.models.images.patch_code import (
    Array,
    PatchCode,
    PatchDescriber,
    PatchRules,
    halved,
    halves,
    raw_width,
    without_contrast,
)
from labelfix.models.images.patch_components import FITTED, components, handed_components
from labelfix.models.images.patches import PatchFeatures
from labelfix.models.images.pixels import decoded, square
from labelfix.progress import Progress, counted, rows_done
from labelfix.settings.model import ComputeSettings, ModelSettings

SMALLEST_SIDE, LARGEST_SIDE = 16, 64
"""Images are scaled to about their own side, within these: below, an image has hardly a patch; above, it takes long."""

MOST_SIDE = 1024
"""Largest side that can be asked for."""

IMAGES = 2048
"""M, images that are learned from at most: they make 512 components. 800 would be half a point better with
5,000 rows, and every head half as dear again."""

PATCHES = 50_000
"""n, patches that are learned from at most; about 100 an atom."""

FLAT = 1.0
"""Patches whose variance is below this, in squared grey levels, teach nothing: they are a background, or rounding."""

WHITENING = 0.1
"""Added to a patch's variances before they are evened out, as published: the finest ones are noise."""

ATOMS = 400
"""Of a scale. With 800, encoding takes twice as long and 5,000 rows are classified no better."""

ROUNDS = 10
"""Passes of spherical k-means, as published; the atoms move little by then."""

WINDOW = 256
"""Images read together."""

AT_ONCE = 4096
"""Patches that are compared with all atoms at once."""

VERSION = 3
"""Raised when the same images would give other arrays."""


def open_patches(
    noisy: InputTable, settings: ModelSettings, compute: ComputeSettings, progress: Progress
) -> PatchFeatures:
    """Patch features, learned from the noisy rows."""
    return PatchFeatures(noisy.spec, fit_patches(noisy, settings.image_size, compute, progress))


def fit_patches(table: InputTable, side: int | None, compute: ComputeSettings, progress: Progress) -> PatchCode:
    """Learn from a table's images, or take what an earlier run learned from the same ones.

    Args:
        side: S; None for about the images' own.

    Raises:
        SettingsError: Images are to be larger than patches of a few pixels tell anything of.
        InputError: An image that cannot be read or decoded.
    """
    if side is not None and side > MOST_SIDE:
        raise SettingsError(f"image_size = {side}: patches takes at most {MOST_SIDE}; {LARGEST_SIDE} is plenty")
    chosen = _smallest_hashes(table, compute.read_rows, progress)
    sizes = [SMALLEST_SIDE, LARGEST_SIDE, IMAGES, PATCHES, ATOMS, ROUNDS]
    weights = [FLAT, WHITENING, *FITTED, PatchRules(0).to_json()]
    key = digest("patches", VERSION, side, sizes, weights, [name.hex() for name in chosen])

    def make(writer: Taker) -> None:
        with one_thread(), counted(progress, f"learn patches of {table.name}", 2 * len(chosen)):
            code = learn(_open(table, list(chosen.values()), side, compute.read_rows))
        writer.append("side", np.array([code.rules.side]))
        writer.append("atoms", np.array(code.atoms))
        for name, array in code.arrays().items():
            writer.append(name, array)

    def found() -> PatchCode:
        arrays = dict(cached(compute, key, f"patches of {table.name}", make, progress))
        side, atoms = int(arrays.pop("side")[0]), arrays.pop("atoms").tolist()
        return PatchCode(PatchRules(side), tuple(atoms), **arrays)

    # The first process learns, the others find it in the cache.
    code = found() if ranks().first else None
    ranks().wait()
    return code or found()


def learn(images: Sequence[npt.NDArray[np.uint8]]) -> PatchCode:
    """Whitening, atoms and components of images, in the order that decides what is drawn.

    Args:
        images: M times `uint8 (S, S, 3)`, at least one.
    """
    rules = PatchRules(len(images[0]))
    generator = torch.Generator().manual_seed(0)
    scales: list[Sequence[npt.NDArray[Any]]] = [images]
    if rules.side // 2 > rules.patch:
        scales.append([halved(image.astype(np.float32)) for image in images])
    found = [dictionary(_draw(scale, rules, generator), generator) for scale in scales]
    filters, offsets = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    atoms = tuple(len(each) for _, each in found)
    describer = PatchDescriber(rules, atoms, filters, offsets)
    alike, unlike = np.empty((2, len(images), raw_width(sum(atoms))), dtype=np.float32)
    for at, image in enumerate(images):
        alike[at], unlike[at] = halves(describer.raw(image), describer.raw(image[:, ::-1]))
        rows_done(1)
    return PatchCode(rules, atoms, filters, offsets, *components(alike, atoms), handed_components(unlike, atoms))


def _smallest_hashes(table: InputTable, read_rows: int, progress: Progress) -> dict[bytes, int]:
    """Hashes of the M images with the smallest ones, ascending, and a row (from 0) where each stands."""

    def hashed() -> Iterator[tuple[bytes, int]]:
        first = 0
        for batch in windows(table, WINDOW, read_rows):
            for row, data in enumerate(image_bytes(batch.column(0), table.name, first + 1), start=first):
                yield hashlib.blake2b(data, digest_size=16).digest(), row
            rows_done(batch.num_rows)
            first += batch.num_rows

    with counted(progress, f"read {table.name}", len(table)):
        return dict(heapq.nsmallest(IMAGES, hashed()))


def _open(table: InputTable, rows: Sequence[int], side: int | None, read_rows: int) -> list[npt.NDArray[np.uint8]]:
    """The images of some rows as squares of one size, in the order of `rows`; one black image for none."""
    from PIL import Image

    most = max(side or 0, LARGEST_SIDE)
    opened, sides, first = {}, [], 0
    wanted = iter(sorted(rows))
    row = next(wanted, None)
    for batch in windows(table, WINDOW, read_rows):
        while row is not None and row < first + batch.num_rows:
            (data,) = image_bytes(batch.column(0).slice(row - first, 1), table.name, row + 1)
            with decoded(data, table.name, row + 1) as image:
                sides.append(max(image.size))
                # A large one is let go of at once.
                opened[row] = Image.fromarray(square(image, most)) if max(image.size) > most else image
            rows_done(1)
            row = next(wanted, None)
        first += batch.num_rows
    side = side or int(np.clip(np.median(sides or [0]), SMALLEST_SIDE, LARGEST_SIDE))
    return [square(opened[row], side) for row in rows] or [np.zeros((side, side, 3), dtype=np.uint8)]


def _draw(images: Sequence[npt.NDArray[Any]], rules: PatchRules, generator: torch.Generator) -> Tensor:
    """`(3 P P, n)` patches without contrast, as many of each image; flat ones are left out."""
    each = max(PATCHES // len(images), 1)
    drawn = []
    for image in images:
        patches = unfold(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float(), rules.patch)[0]
        drawn.append(patches[:, torch.randperm(patches.shape[1], generator=generator)[:each]])
    patches = torch.cat(drawn, dim=1)
    shown = patches.var(dim=0, correction=0) >= FLAT
    kept = patches[:, shown] if shown.any() else patches[:, :1]
    return torch.from_numpy(without_contrast(kept.T.numpy(), rules.contrast)).T


def dictionary(patches: Tensor, generator: torch.Generator) -> tuple[Array, Array]:
    """Filters `(K, 3 P P)` and offsets `(K,)` of a `PatchCode`.

    Args:
        patches: `(3 P P, n)` without contrast.
    """
    mean = patches.mean(dim=1, keepdim=True)
    centred = (patches - mean).double()
    values, vectors = torch.linalg.eigh(centred @ centred.T / patches.shape[1])
    whitening = (vectors * (values.clamp_min(0) + WHITENING).rsqrt()) @ vectors.T
    atoms = spherical_means((whitening @ centred).T.float().contiguous(), generator)
    filters = atoms.double() @ whitening
    return filters.float().numpy(), (filters @ mean.double())[:, 0].float().numpy()


def spherical_means(points: Tensor, generator: torch.Generator) -> Tensor:
    """`(K, p)` directions of length 1, each the weighted mean of the points that lie nearest to it or its opposite.

    Fewer than `ATOMS` where there are fewer points. An atom that no point is nearest to stays.

    Args:
        points: `(n, p)`.
    """
    atoms = torch.nn.functional.normalize(points[torch.randperm(len(points), generator=generator)[:ATOMS]])
    for _ in range(ROUNDS):
        sums = atoms.clone()
        for part in points.split(AT_ONCE):
            likeness = part @ atoms.T
            # NumPy's argmax is ten times as fast as torch's.
            nearest = torch.from_numpy(likeness.abs().numpy().argmax(axis=1))
            sums.index_add_(0, nearest, part * likeness.gather(1, nearest[:, None]))
        atoms = torch.nn.functional.normalize(sums)
    return atoms
