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

Compute = Callable[[range], Iterator[Arrays]]
"""Computes the blocks of some numbers, in order."""


def in_turn(folder: Path, numbers: range, compute: Compute) -> Iterator[Arrays]:
    """What is computed of some blocks: all of it in order on the first process, nothing on the others.

    The others leave theirs in a folder that the first can read, and have to pass through the whole iterator too.

    Args:
        folder: Where the blocks of other processes pass through; removed at the end.
    """
    here = ranks()
    if here.first:
        remove(folder)
        folder.mkdir(parents=True)
    here.wait()
    mine = numbers[here.share(len(numbers))]
    if here.first:
        yield from compute(mine)
    else:
        for number, arrays in zip(mine, compute(mine), strict=True):
            with (folder / f"{number}.npz").open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
    here.wait()
    if here.first:
        for number in numbers[len(mine) :]:
            part = folder / f"{number}.npz"
            with np.load(part, allow_pickle=False) as arrays:
                yield dict(arrays)
            remove(part)
        remove(folder)
