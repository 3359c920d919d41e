"""Batches in order, with the next ones decoded while a network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from labelfix.data.arrays import RowNumbers
from labelfix.models.classifier import Batch
from labelfix.models.features import Inputs, SelectedInputs
from labelfix.models.images.augment import Key
from labelfix.models.images.encoded import EncodedImages

AHEAD = 2
"""Batches that are decoded before they are asked for."""


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
