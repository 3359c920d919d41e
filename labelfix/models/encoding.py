"""What the representations share: names for encodings, and the cached loop over rows."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.compute.ranks import Ranks, ranks
from labelfix.data.inputs import HeldInputs
from labelfix.data.tables import InputTable
from labelfix.errors import InputError
from labelfix.models.cache import Arrays, Taker, cache_folder, cached, read_entry
from labelfix.models.contents import ImageFiles, contents_hash, windows
from labelfix.models.pieces import Pieces
from labelfix.progress import Progress, counted
from labelfix.runs import remove
from labelfix.settings.model import ComputeSettings

EncodeWindow = Callable[[pa.RecordBatch, int], npt.NDArray[Any]]
"""A window of input rows and the row (from 1) that it starts with, to an array with as many rows.

What takes long tells of its batches by `rows_done`."""


@dataclass(frozen=True)
class Card:
    """How to use a saved classifier without labelfix.

    Attributes:
        takes: What the function's argument holds, as the rest of "takes …".
        code: Python that defines `probabilities(inputs, folder)`.
    """

    packages: tuple[str, ...]
    takes: str
    code: str


def digest(*parts: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    """SHA-256 (hex) of plain values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def encode_rows(
    table: InputTable,
    identity: str,
    window: int,
    empty: npt.NDArray[Any],
    encode: EncodeWindow,
    compute: ComputeSettings,
    progress: Progress,
) -> npt.NDArray[Any]:
    """Encode every row of a table, or take the encoding of an earlier run from the cache.

    A block of rows that pass by (`HeldInputs`) is encoded in memory; the cache plays no part.

    Args:
        identity: Hash of everything beside the rows that determines the encoding.
        window: Rows encoded together; fixed, so that results do not depend on `compute.read_rows`.
        empty: The encoding of no rows: gives type and shape.

    Returns:
        An array with a row for every row of the table; memory-mapped where it was kept.
    """
    if isinstance(table, HeldInputs):
        starts = itertools.count(1, window)
        return np.concatenate([empty, *map(encode, windows(table, window, compute.read_rows), starts)])
    images = ImageFiles(table, compute.read_rows)
    key = digest(identity, contents_hash(table, compute.read_rows, progress))
    what = f"encoded rows of {table.name}"

    pieces = Pieces.of(compute, key, window, progress)

    def windows_of(numbers: range) -> Iterator[Arrays]:
        whole = itertools.islice(windows(table, window, compute.read_rows), numbers.start, numbers.stop)
        for number, batch in zip(numbers, whole, strict=True):
            yield {"rows": encode(batch, number * window + 1)}

    def make(writer: Taker, mine: slice = slice(None)) -> None:
        writer.append("rows", empty)
        here, done = range(-(-len(table) // window))[mine], 0
        with counted(progress, f"encode {table.name}", min(len(here) * window, len(table))) as count:
            for arrays in pieces.through(here, windows_of):
                writer.append("rows", arrays["rows"])
                done += len(arrays["rows"])
                count.up_to(done)
        try:
            images.refuse_changed()
        except InputError:
            pieces.forget()
            raise

    if not ranks().alone:
        _make_together(compute, key, what, -(-len(table) // window), make, progress)
    rows = cached(compute, key, what, make, progress)["rows"]
    if ranks().first:
        pieces.forget()
    return rows


def _make_together(
    compute: ComputeSettings, key: str, what: str, count: int, make: Callable[[Taker, slice], None], progress: Progress
) -> None:
    """Each process encodes its share of the windows; the first joins the shares into one entry."""
    here = ranks()
    if here.from_first(read_entry(cache_folder(compute) / key) is not None):
        return
    parts = [Ranks(rank, here.world) for rank in range(here.world)]
    names = [digest(key, part.rank, part.world) for part in parts]

    def share(part: Ranks) -> npt.NDArray[Any]:
        mine = part.share(count)
        return cached(compute, names[part.rank], what, lambda writer: make(writer, mine), progress)["rows"]

    def join(writer: Taker) -> None:
        for part in parts:
            writer.append("rows", share(part))

    share(here)
    here.wait()
    if here.first:
        cached(compute, key, what, join, progress)
        for name in names:
            with contextlib.suppress(OSError):
                remove(cache_folder(compute) / name)
    here.wait()


def unit_norm(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows `(B, D)` scaled to length 1; rows of zeros stay zeros."""
    norms = np.sqrt(np.einsum("bd,bd->b", features, features, dtype=np.float64))
    return (features / np.where(norms > 0, norms, 1.0)[:, None]).astype(np.float32)
