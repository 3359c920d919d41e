"""Splits: which of some files are `train`, which `test`, and which one a person wants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from labelfix.errors import input_error

SPLITS = (
    "train",
    "training",
    "test",
    "testing",
    "val",
    "valid",
    "validation",
    "dev",
    "eval",
    "holdout",
)
"""Names of splits, as those of folders or at the start or end of file names; listed in this order."""

_NAMES = "|".join(sorted(SPLITS, key=len, reverse=True))
_STARTS = re.compile(rf"^({_NAMES})(?=[-_.\d]|$)", re.IGNORECASE)
_ENDS = re.compile(rf"[-_.]({_NAMES})$", re.IGNORECASE)
_SHARD = re.compile(r"^(.+)-\d{5}-of-\d{5}(?=[-.])")


def find_splits(files: Sequence[PurePath]) -> dict[str, list[PurePath]]:
    """The splits that folders or names of files tell, in the order of `SPLITS`; empty where they tell none.

    What only shards are called (`data-00000-of-00002`), or what file names end with, is a split only where there are
    several.
    """
    splits: dict[str, list[PurePath]] = {}
    for path in files:
        split = _split_by_start(path) or _split_by_end(path)
        if split is not None:
            splits.setdefault(split, []).append(path)
    if len(splits) < 2 and not any(_split_by_start(path) in SPLITS for path in files):
        return {}
    order = {split: place for place, split in enumerate(SPLITS)}
    return {split: splits[split] for split in sorted(splits, key=lambda s: order.get(s, len(order)))}


def choose_split(name: str, splits: Sequence[str], asked: str | None, ways: Sequence[str]) -> str:
    """The split that is read.

    Args:
        name: What holds the splits, as the user named it.
        splits: Their names, at least one.
        ways: How each could be given by itself; empty where there is no such way.

    Raises:
        InputError: There are several and none was asked for, or there is none by that name.
    """
    if asked is not None:
        same = [split for split in splits if split == asked] or [s for s in splits if s.lower() == asked.lower()]
        if same:
            return same[0]
        there = f"it holds {', '.join(splits)}"
        raise input_error(name, f"has no split {asked!r}; {there}", "name one of them with --split")
    if len(splits) == 1:
        return splits[0]
    what = f"holds {len(splits)} splits ({', '.join(splits)})"
    raise input_error(name, what, f"say which: --split {splits[0]}" + (f", or give {ways[0]}" if ways else ""))


def common_path(paths: Sequence[PurePath]) -> str:
    """One path for the files of a split: the file, their folder where the split has one of its own, else a pattern."""
    first = paths[0]
    for place, folder in enumerate(first.parts[:-1]):
        if folder.lower() in SPLITS:
            return str(PurePath(*first.parts[: place + 1]))
    if len(paths) == 1:
        return str(first)
    start = _STARTS.match(first.name) or _SHARD.match(first.name)
    return str(first.parent / (f"{start[1]}*{first.suffix}" if start else f"*{_split_by_end(first)}{first.suffix}"))


def _split_by_start(path: PurePath) -> str | None:
    for folder in path.parts[:-1]:
        if folder.lower() in SPLITS:
            return folder.lower()
    start = _STARTS.match(path.name)
    if start:
        return start[1].lower()
    shard = _SHARD.match(path.name)
    return shard[1] if shard else None


def _split_by_end(path: PurePath) -> str | None:
    name = path.name.lower().removesuffix(".gz")
    end = _ENDS.search(name.rpartition(".")[0] or name)
    return end[1] if end else None
