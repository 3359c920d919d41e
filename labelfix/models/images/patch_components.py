"""The principal components of patch figures: of what an image shows, and of which way round it is.

Legend: M images, W raw figures of an image, D features, H handed ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelfix.data.arrays import Floats
from labelfix.models.images.patch_code import Array, raw_width

IMAGES_A_COMPONENT = 4
"""M / D. Further components of few images are noise: 330 photos lose a point of corrected labels with all of them."""

IMAGES_A_HANDED_COMPONENT = 16
"""M / H. Letters that are each other's mirror images are told as well by a quarter of the components as by half."""

FEWEST = 8
"""D at least, where there are more images than that: with one or two, all images lie on top of each other."""

HALF_SIZE = 0.7
"""Length of the part of the image at half its size, relative to the patches' part: 1 and 1.4 are worse by a little."""

COLOURS = 0.5
"""Length of the colours' part of the raw figures, relative to the patches' part: enough for 40 images that only their
brightness tells apart, and no harm to photographs."""

EVENNESS = 0.5
"""Principal components are divided by this power of their standard deviation: 0 keeps them, 1 makes all alike. 5,000
rows would have more, 330 less."""

RELATIVE_ZERO = 1e-5
"""Standard deviations below this share of a mean are rounding."""

FAINTEST = 1e-3
"""Principal components below this share of the first are rounding."""

FITTED = (IMAGES_A_COMPONENT, IMAGES_A_HANDED_COMPONENT, FEWEST, HALF_SIZE, COLOURS, EVENNESS)
"""What the components depend on beside the figures."""


def components(raw: Array, atoms: Sequence[int]) -> tuple[Array, Array]:
    """Mean `(W,)` and projection `(W, D)` of a `PatchCode`.

    Args:
        raw: `(M, W)` raw figures.
        atoms: Of each scale.
    """
    mean, deviation = raw.mean(axis=0, dtype=np.float64), raw.std(axis=0, dtype=np.float64)
    scale = _scale(mean, deviation, atoms)
    return mean.astype(np.float32), _directions((raw - mean) * scale, scale, IMAGES_A_COMPONENT)


def handed_components(unlike: Array, atoms: Sequence[int]) -> Array:
    """The projection `(W, H)` of a `PatchCode`.

    Handed figures are not centred: over images and their mirror images they are 0 on average.

    Args:
        unlike: `(M, W)` half the difference between raw figures and those of the mirror image.
        atoms: Of each scale.
    """
    deviation = np.sqrt(np.square(unlike, dtype=np.float64).mean(axis=0))
    scale = _scale(np.zeros_like(deviation), deviation, atoms)
    projection = _directions(unlike * scale, scale, IMAGES_A_HANDED_COMPONENT)
    length = np.sqrt(np.square(unlike @ projection, dtype=np.float64).sum(axis=1).mean())
    return (projection / length).astype(np.float32) if length > 0 else projection


def _scale(mean: Floats, deviation: Floats, atoms: Sequence[int]) -> Floats:
    """`(W,)` what standardises raw figures and gives each part its length; 0 for figures that are rounding alone."""
    scale = np.where(deviation > RELATIVE_ZERO * (1 + np.abs(mean)), 1 / np.maximum(deviation, 1e-30), 0.0)
    colours = raw_width(0)
    widths = [raw_width(each) - colours for each in atoms]
    parts = [1.0, HALF_SIZE][: len(atoms)]
    lengths = [
        part * (widths[0] / width) ** 0.5 for part, width in zip([*parts, COLOURS], [*widths, colours], strict=True)
    ]
    weighed: Floats = scale * np.repeat(lengths, [*widths, colours])
    return weighed


def _directions(standard: Floats, scale: Floats, images_a_component: int) -> Array:
    """`(W, D)` the principal components of standardised figures `(M, W)`, for figures that are not."""
    from sklearn.utils.extmath import randomized_svd

    rank = max(min(max(len(standard) // images_a_component, FEWEST), len(standard) - 1, len(scale)), 1)
    _, lengths, directions = randomized_svd(standard.astype(np.float32), rank, n_iter=4, random_state=0)
    shown = np.maximum(lengths > FAINTEST * lengths[0], np.arange(rank) == 0)
    even = (np.maximum(lengths[shown], 1e-30) / max(lengths[0], 1e-30)) ** -EVENNESS
    return np.asarray(scale[:, None] * directions[shown].T * even, dtype=np.float32)
