"""Tensors of a run folder, held against the shapes that its JSON implies."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.errors import RunError, first_line
from labelfix.runs.checked import TRAIN_AGAIN

Shape = tuple[int | str, ...]
"""Lengths; a name stands for any length that is the same wherever the name stands, in one file."""

NONE: Mapping[str, Shape] = {}

_FLOATS = ("F64", "F32", "F16", "BF16")


def check_tensors(
    path: Path,
    shapes: Mapping[str, Shape],
    whole: Collection[str] = (),
    maybe: Mapping[str, Shape] = NONE,
    others: bool = False,
) -> None:
    """Refuse a file whose tensors are not those that are expected; only its header is read.

    Args:
        path: A safetensors file.
        shapes: Name → shape.
        whole: Names of those that hold whole numbers; all others hold floats.
        maybe: The same as `shapes`, of tensors that are all there or all not.
        others: Whether further tensors may be there.

    Raises:
        RunError: File and tensor are named.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as opened:
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
            found = {name: (tuple(each.get_shape()), each.get_dtype()) for name, each in slices.items()}
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path}: the tensors cannot be read ({first_line(error)}); {TRAIN_AGAIN}") from None
    lengths: dict[str, int] = {}
    shapes = {**shapes, **(maybe if maybe.keys() & found.keys() else {})}
    for name, shape in shapes.items():
        if name not in found:
            raise _damaged(path, name, "is missing")
        is_, kind = found[name]
        if not _fits(is_, shape, lengths):
            raise _damaged(path, name, f"has shape {list(is_)}, not {[lengths.get(str(n), n) for n in shape]}")
        if (kind in _FLOATS) == (name in whole):
            raise _damaged(path, name, f"holds {kind}, not {'whole numbers' if name in whole else 'floats'}")
    if not others and (more := sorted(found.keys() - shapes.keys())):
        raise _damaged(path, more[0], "is not one of them")


def read_arrays(
    path: Path, shapes: Mapping[str, Shape], whole: Collection[str] = (), maybe: Mapping[str, Shape] = NONE
) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a file as arrays; arguments as for `check_tensors`.

    Raises:
        RunError: They are others, or one of those that hold floats has a NaN.
    """
    from safetensors.numpy import load_file

    check_tensors(path, shapes, whole, maybe)
    arrays: dict[str, npt.NDArray[Any]] = load_file(path)
    for name, values in arrays.items():
        if np.isnan(values).any():
            raise _damaged(path, name, "holds NaN")
    return arrays


def check_below(path: Path, name: str, values: npt.NDArray[Any], end: int) -> None:
    """Refuse places that do not lie in 0 to end - 1."""
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < end:
        raise _damaged(path, name, f"names a place beyond 0 to {end - 1}")


def _fits(found: tuple[int, ...], shape: Shape, lengths: dict[str, int]) -> bool:
    if len(found) != len(shape):
        return False
    wanted = [lengths.setdefault(n, is_) if isinstance(n, str) else n for n, is_ in zip(shape, found, strict=True)]
    return list(found) == wanted


def _damaged(path: Path, name: str, what: str) -> RunError:
    return RunError(f"{path}: is damaged (tensor {name}: {what}); {TRAIN_AGAIN}")
