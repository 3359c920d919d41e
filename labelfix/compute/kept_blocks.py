"""Results for blocks of rows, saved at intervals so that a killed run need not compute them again."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from labelfix.compute.checkpoints import Checkpoints
from labelfix.compute.ranks import ranks
from labelfix.compute.shared_blocks import Arrays, Compute
from labelfix.progress import Progress

KEPT_EVERY = 30.0
"""At most this many seconds of work are lost when a run is killed."""

LARGEST = 16 << 20
"""Bytes that are held until they are kept."""


def in_parts(checkpoints: Checkpoints, progress: Progress, count: int, compute: Compute) -> Iterator[Arrays]:
    """What is computed of every block, in order: from before the interruption, and then now.

    Args:
        checkpoints: Where it is kept; nothing else may be.
        compute: Computes those of some numbers. Where several processes work together it gives nothing on the others.
    """
    parts = _kept(checkpoints) if ranks().first else []
    done = ranks().from_first(parts[-1].stop if parts else 0)
    for part in parts:
        for arrays in _recalled(checkpoints, part):
            progress.advance(max(len(array) for array in arrays.values()))
            yield arrays
    if done:
        progress.say(f"{done} of {count} blocks of rows: taken from before the interruption")
    computed = compute(range(done, count))
    yield from _keeping(checkpoints, done, computed) if checkpoints.every and ranks().first else computed


def _keeping(checkpoints: Checkpoints, first: int, computed: Iterator[Arrays]) -> Iterator[Arrays]:
    """Compute the remaining blocks, saving them along the way until the disk is full."""
    held: dict[str, torch.Tensor] = {}
    size, since, able = 0, time.monotonic(), True
    for number, arrays in enumerate(computed, first):
        if able:
            held |= {f"{number}.{key}": torch.tensor(array) for key, array in arrays.items()}
            size += sum(array.nbytes for array in arrays.values())
            if size >= LARGEST or time.monotonic() - since >= KEPT_EVERY:
                able = checkpoints.keep(_name(range(first, number + 1)), held)
                held, size, since, first = {}, 0, time.monotonic(), number + 1
        yield arrays


def _recalled(checkpoints: Checkpoints, part: range) -> Iterator[Arrays]:
    snapshot = checkpoints.recall(_name(part))
    assert snapshot is not None
    blocks: dict[int, Arrays] = {number: {} for number in part}
    for name, tensor in snapshot.tensors.items():
        number, _, key = name.partition(".")
        blocks[int(number)][key] = tensor.clone().numpy()
    yield from blocks.values()


def _kept(checkpoints: Checkpoints) -> list[range]:
    """The parts that can be read, in order from the first block on, without a gap."""
    places = [name.partition("-") for name in checkpoints.kept_names()]
    parts: list[range] = []
    for part in sorted((range(int(start), int(stop)) for start, _, stop in places), key=lambda part: part.start):
        if part.start != (parts[-1].stop if parts else 0) or checkpoints.recall(_name(part)) is None:
            break
        parts.append(part)
    return parts


def _name(part: range) -> str:
    return f"{part.start}-{part.stop}"
