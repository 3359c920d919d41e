"""What whole networks read, row by row: decoded images or token ids; and what training does with any inputs.

Legend: N rows, B rows of a batch, S side of an image in pixels, L tokens of a text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.data.arrays import RowNumbers
from labelfix.models.classifier import Batch, TokenBatch
from labelfix.models.features import Inputs, SelectedInputs
from labelfix.models.images.augment import Key, crop_and_flip, crop_draws, normalisation, normalise
from labelfix.models.images.encoded import EncodedImages

TEXTS_AT_ONCE = 64
"""Tokenised texts that go through a network in one evaluation pass."""

PIXELS_AT_ONCE = 256 * 32 * 32
"""Pixels that go through a network in one evaluation pass: 256 images of side 32."""

KEYED_AT_ONCE = 1024
"""Rows whose content is hashed at once."""


AHEAD = 2
"""Batches that are decoded before they are asked for."""


@dataclass(frozen=True)
class TokenInputs:
    """Tokenised texts, one after the other, padded to the longest of each batch.

    Attributes:
        ids: `int32 (total,)` the token ids of all texts.
        offsets: `int64 (N + 1,)` text i is `ids[offsets[i]:offsets[i + 1]]`.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    padding_id: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """`(N,)` tokens of each text."""
        return np.diff(self.offsets)

    def batch(self, rows: RowNumbers, augment: Key | None = None) -> TokenBatch:
        """`int64 (B, L)` ids and mask, L = the longest of the batch (at least 1)."""
        lengths = self.lengths[rows]
        columns = np.arange(max(int(lengths.max(initial=0)), 1))
        mask = columns < lengths[:, None]
        ids = np.full(mask.shape, self.padding_id, dtype=np.int64)
        ids[mask] = self.ids[(self.offsets[rows][:, None] + columns)[mask]]
        return TokenBatch(torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64)), padded=not mask.all())


@dataclass(frozen=True)
class ImageInputs:
    """Decoded images; the augmentation of a training pass is a reflect-padded random crop and a mirror flip.

    Attributes:
        pixels: `uint8 (N, S, S, 3)`, RGB.
        mean: Subtracted from each channel, in units of [0, 1].
        std: Each channel is divided by it, in units of [0, 1].
        margin: Pixels of padding on each side of which the random crop moves: 4 for S = 32.
    """

    pixels: npt.NDArray[np.uint8]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    margin: int = 4

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def side(self) -> int:
        """S."""
        return int(self.pixels.shape[1])

    @cached_property
    def tensor(self) -> Tensor:
        """`uint8 (N, S, S, 3)`, sharing its memory with `pixels`."""
        return torch.from_numpy(self.pixels)

    def batch(self, rows: RowNumbers, augment: Key | None = None) -> Tensor:
        """`float32 (B, 3, S, S)`, normalised; in memory channels come last, which convolutions on a CPU like better."""
        images = self.tensor.index_select(0, torch.from_numpy(np.ascontiguousarray(rows)))
        if augment is not None:
            images = crop_and_flip(images, *crop_draws(augment, len(rows), self.margin, images.device), self.margin)
        return normalise(images, normalisation(self.mean, self.std))


def lengths(inputs: Inputs) -> RowNumbers | None:
    """`(N,)` tokens of each text, by which batches of similar length are made; None for inputs of one shape."""
    if isinstance(inputs, SelectedInputs):
        inner = lengths(inputs.inputs)
        return None if inner is None else inner[inputs.rows]
    return inputs.lengths if isinstance(inputs, TokenInputs) else None


def pieces(inputs: Inputs, rows: RowNumbers) -> Sequence[RowNumbers]:
    """Positions within `rows`, cut into parts that each suit one evaluation pass of a network.

    Texts are put together by length, so that little padding is computed; images so that memory stays bounded.

    Returns:
        Arrays of positions; together every position once.
    """
    positions = np.arange(len(rows), dtype=np.int64)
    inner, inner_rows = (inputs.inputs, inputs.rows[rows]) if isinstance(inputs, SelectedInputs) else (inputs, rows)
    at_once = len(rows)
    if isinstance(inner, TokenInputs):
        positions, at_once = np.argsort(inner.lengths[inner_rows], kind="stable"), TEXTS_AT_ONCE
    elif isinstance(inner, ImageInputs | EncodedImages):
        at_once = max(PIXELS_AT_ONCE // inner.side**2, 1)
    return [positions[start : start + at_once] for start in range(0, len(rows), max(at_once, 1))]


def by_content(inputs: Inputs, rows: RowNumbers, labels: RowNumbers) -> RowNumbers:
    """The rows in an order that depends on what they hold and not on where they stand in their file.

    Training in this order gives the same result whatever the order, the format or the layout of the input.

    Args:
        labels: `(N,)` their labels, which decide between rows of equal content.
    """
    return rows[np.lexsort((labels, content_keys(inputs, rows)))]


def content_keys(inputs: Inputs, rows: RowNumbers) -> npt.NDArray[np.uint64]:
    """`(N,)` a number for each row that depends on what it holds alone: equal rows have equal numbers."""
    if isinstance(inputs, SelectedInputs):
        return content_keys(inputs.inputs, inputs.rows[rows])
    if isinstance(inputs, EncodedImages):
        return inputs.keys(rows)
    keys = np.empty(len(rows), dtype=np.uint64)
    factors = np.zeros(0, dtype=np.uint64)
    for start in range(0, len(rows), KEYED_AT_ONCE):
        part = slice(start, start + KEYED_AT_ONCE)
        words = _words(inputs.batch(rows[part]))
        if words.shape[1] > len(factors):
            # A multiplicative hash; every position has an odd factor of its own, whatever the width of the batch.
            drawn = np.random.default_rng(0).integers(0, 2**63, words.shape[1], dtype=np.uint64)
            factors = np.asarray(drawn * np.uint64(2) + np.uint64(1), dtype=np.uint64)
        keys[part] = (words * factors[: words.shape[1]]).sum(axis=1, dtype=np.uint64)
    return keys


def _words(batch: Batch) -> npt.NDArray[np.uint64]:
    """The batch's contents as unsigned integers, one row each; padding counts as nothing."""
    if isinstance(batch, TokenBatch):
        return (batch.input_ids * batch.attention_mask).numpy().astype(np.uint64)
    flat: npt.NDArray[np.float32] = batch.reshape(len(batch), -1).contiguous().numpy()
    return flat.view(np.uint32).astype(np.uint64)


def in_order(inputs: Inputs, wanted: Iterable[tuple[RowNumbers, Key | None]]) -> Iterator[Batch]:
    """`inputs.batch(rows, key)` for each of the wanted batches, in their order.

    Images are decoded ahead on threads; everything else is so cheap to read that it is read when asked for.

    Args:
        wanted: Rows, and the place in the run that the augmentation depends on; None for evaluation.
    """
    waiting: deque[Callable[[], Batch]] = deque()
    for rows, key in wanted:
        waiting.append(_start(inputs, rows, key))
        if len(waiting) > AHEAD:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def _start(inputs: Inputs, rows: RowNumbers, key: Key | None) -> Callable[[], Batch]:
    if isinstance(inputs, SelectedInputs):
        return _start(inputs.inputs, inputs.rows[rows], key)
    if isinstance(inputs, EncodedImages):
        return inputs.start(rows, key)
    return lambda: inputs.batch(rows, key)
