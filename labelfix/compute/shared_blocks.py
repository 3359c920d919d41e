"""Blocks of rows divided among the processes of a run: each computes its own, the first takes all of them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.compute.ranks import ranks
from labelfix.runs import remove

Arrays = dict[str, npt.NDArray[Any]]


def in_turn(folder: Path, count: int, compute: Callable[[range], Iterator[Arrays]]) -> Iterator[Arrays]:
    """What is computed of every block: all of it in order on the first process, nothing on the others.

    The others leave theirs in a folder that the first can read, and have to pass through the whole iterator too.

    Args:
        folder: Where the blocks of other processes pass through; removed at the end.
        count: How many blocks there are.
        compute: Computes those of some numbers, in order.

    Raises:
        TrainingError: Another process has died.
    """
    here = ranks()
    if here.first:
        remove(folder)
        folder.mkdir(parents=True)
    here.wait()
    mine = range(count)[here.share(count)]
    if here.first:
        yield from compute(mine)
    else:
        for number, arrays in zip(mine, compute(mine), strict=True):
            with (folder / f"{number}.npz").open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
    here.wait()
    if here.first:
        for number in range(len(mine), count):
            part = folder / f"{number}.npz"
            with np.load(part, allow_pickle=False) as arrays:
                yield dict(arrays)
            remove(part)
        remove(folder)
