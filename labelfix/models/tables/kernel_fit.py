"""What kernel features learn from a table: quantiles, the kernel's width, principal components; no label plays a part.

Legend: N rows, C linear features of which the first are numbers, F projections, D features.
"""

from __future__ import annotations

import numpy as np

from labelfix.compute.threads import one_thread
from labelfix.data.arrays import Floats
from labelfix.data.tables import InputTable
from labelfix.models.encoding import digest
from labelfix.models.network_inputs import content_keys
from labelfix.models.tables.features import TableFeatures
from labelfix.models.tables.kernel import KernelMap, KernelTable, ranked, waves
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings

LEAST_ROWS = 600
"""With fewer rows nothing tells whether it helps: with 340 (cells) labels lost a point, with 210 (ionosphere) they
gained two."""

DIMENSIONS, ROWS_A_COMPONENT = 128, 8
"""D at most, and rows for each component."""

PROJECTIONS = 512
"""F: with 256, two half-moons are told apart in .906 of cases instead of .932."""

WIDTH = 0.7
"""Width of the kernel, in root mean squared distances between two rows."""

FREEDOM = 3
"""Degrees of freedom of the projections: twice the smoothness of the Matérn kernel."""

QUANTILES = 257
"""Quantiles that are kept of each number."""

SAMPLE = 20_000
"""Rows that are fitted on; of more, those whose contents have the smallest hashes."""

SMALLEST = 1e-6
"""Components of less than this share of the largest variance hold rounding alone."""

BLOCK = 4096
"""Rows whose covariance is summed up at once."""


def fit_kernel(table: InputTable, linear: TableFeatures, compute: ComputeSettings) -> KernelTable | None:
    """Kernel features of a table; None where it has too few rows, or all are equal."""
    if len(table) < LEAST_ROWS:
        return None
    rows = linear.encode(table, compute, Silent())
    keys = content_keys(rows, np.arange(len(rows), dtype=np.int64))
    first = np.argsort(keys, kind="stable")[:SAMPLE]
    sample = rows.features[first].astype(np.float64)
    constants = [DIMENSIONS, ROWS_A_COMPONENT, PROJECTIONS, WIDTH, FREEDOM, QUANTILES, SAMPLE, SMALLEST]
    source = digest(constants, len(rows), [f"{key:x}" for key in keys[first]])
    with one_thread():
        found = fit_map(sample, len(linear.statistics.mean))
    return None if found is None else KernelTable(table.spec, linear, source, found)


def fit_map(linear: Floats, numbers: int) -> KernelMap | None:
    """The map of some rows; None where all are equal.

    Args:
        linear: `(N, C)`.
        numbers: How many of the features are numbers.
    """
    most = min(DIMENSIONS, len(linear) // ROWS_A_COMPONENT)
    quantiles = np.quantile(linear[:, :numbers], np.linspace(0, 1, QUANTILES), axis=0).T
    generator = np.random.default_rng(0)
    drawn = generator.normal(size=(linear.shape[1], PROJECTIONS))
    drawn /= np.sqrt(generator.chisquare(FREEDOM, PROJECTIONS) / FREEDOM)
    even, scale = ranked(linear, quantiles), _scale(linear, numbers)
    width = WIDTH * np.sqrt(2 * (even.var(axis=0) * scale**2).sum())
    if width == 0:
        return None
    projections = drawn * scale[:, None] / width
    blocks = [waves(even[start : start + BLOCK], projections) for start in range(0, len(even), BLOCK)]
    centre = np.sum([block.sum(axis=0) for block in blocks], axis=0) / len(even)
    sizes, directions = _components([block - centre for block in blocks])
    kept = sizes[:most] > SMALLEST * sizes[0]
    sizes, directions = sizes[:most][kept], directions[:, :most][:, kept]
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(len(sizes))])
    return KernelMap(quantiles, projections, centre, directions / np.sqrt(sizes.sum()))


def _components(blocks: list[Floats]) -> tuple[Floats, Floats]:
    """Variances, largest first, and directions `(2F, n)` of centred rows; by their products where these are fewer."""
    rows = sum(map(len, blocks))
    if rows >= blocks[0].shape[1]:
        sizes, directions = np.linalg.eigh(np.sum([block.T @ block for block in blocks], axis=0) / rows)
    else:
        every = np.concatenate(blocks)
        sizes, places = np.linalg.eigh(every @ every.T / rows)
        directions = every.T @ (places / np.sqrt(np.maximum(sizes * rows, 1e-30)))
    return sizes[::-1], directions[:, ::-1]


def _scale(linear: Floats, numbers: int) -> Floats:
    """`(C,)` 1 for numbers; what makes the one-hot features of categories 0 or 1."""
    found = np.ones(linear.shape[1])
    largest = linear[:, numbers:].max(axis=0, initial=0)
    found[numbers:] = 1 / np.where(largest > 0, largest, 1)
    return found
