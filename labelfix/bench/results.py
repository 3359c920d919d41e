"""What stands in a results folder: its rows, the figures in them, and means with their standard errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.data.formats.base import natural_key
from labelfix.errors import RunError

Row = dict[str, Any]
"""A run, by the names of `labelfix.bench.measure.SCHEMA`."""


@dataclass(frozen=True)
class FigureColumn:
    """A figure of a run.

    Attributes:
        of_wrong: Whether it exists only where some given labels are wrong.
    """

    name: str
    heading: str
    digits: int = 3
    less_is_better: bool = False
    of_wrong: bool = False


ACCURACY = (
    FigureColumn("test_right", "test"),
    FigureColumn("test_best", "test, best"),
    FigureColumn("corrected_right", "corrected"),
    FigureColumn("corrected_right_on_wrong", "on wrong", of_wrong=True),
    FigureColumn("corrected_right_on_right", "on right"),
    FigureColumn("auroc", "AUROC", of_wrong=True),
    FigureColumn("average_precision", "AP", of_wrong=True),
)
"""How right labels, scores and the classifier are."""

CALIBRATION = (FigureColumn("ece", "ECE", less_is_better=True), FigureColumn("nll", "NLL", less_is_better=True))
"""How far confidences can be believed."""

REST = (
    FigureColumn("corrected_sure_right", "corrected, sure"),
    FigureColumn("corrected_chosen_right", "corrected, chosen"),
    *CALIBRATION,
    FigureColumn("seconds", "seconds", 1, less_is_better=True),
    FigureColumn("cpu_seconds", "CPU seconds", 1, less_is_better=True),
    FigureColumn("peak_mb", "peak MB", 0, less_is_better=True),
)
"""Thresholds, calibration and cost."""

COLUMNS = (*ACCURACY, *REST)

MEANING = (
    "Shares of 1. test: the classifier on held-out rows, after its last epoch; test, best: in its best epoch on those "
    "same rows, which no user could choose. Corrected labels are those of the noisy rows, arg-max: all of them, those "
    "whose given label is wrong, those whose given label is right; AUROC and AP of wrong labels."
)
"""What `ACCURACY` means, for readers of a table."""


@dataclass(frozen=True)
class Figure:
    """A mean, over seeds or over sets, with its standard error over seeds; None with one seed, and over sets."""

    mean: float
    error: float | None = None

    def shown(self, digits: int) -> str:
        """`0.874 ±0.003`, or the mean alone."""
        tail = "" if self.error is None else f" ±{self.error:.{digits}f}"
        return f"{self.mean:.{digits}f}{tail}"


def figure_of(values: Sequence[float | None]) -> Figure | None:
    """The mean of some values, one for each seed; None where one is missing, or all."""
    there = [value for value in values if value is not None]
    if not there or len(there) < len(values):
        return None
    return Figure(fmean(there), stdev(there) / math.sqrt(len(there)) if len(there) > 1 else None)


def read_rows(*folders: Path) -> list[Row]:
    """The rows of all finished runs in results folders, in order.

    Rows of earlier versions lack columns: their setting is then the set, and what is not known stays away. Where a set
    was measured with several backbones, the backbone becomes a part of the names of set, setting and groups.

    Raises:
        RunError: There is no such folder, or no run in it, or the same run stands in two of them.
    """
    rows: list[Row] = []
    for folder in folders:
        files = sorted(folder.glob("*.parquet")) if folder.is_dir() else []
        if not files:
            raise RunError(f"{folder}: holds no results; `labelfix bench run --out {folder}` makes them")
        for file in files:
            rows += _rows_of(file)
    _name_backbones(rows)
    seen: set[tuple[str, str, int]] = set()
    for row in rows:
        key = (row["setting"], row["method"], row["seed"])
        if key in seen:
            name = f"{key[0]} {key[1]} seed {key[2]}"
            raise RunError(f"{name}: stands there twice; name results folders that share no run")
        seen.add(key)
    return sorted(rows, key=_order)


def chosen(rows: Sequence[Row], methods: Sequence[str] = (), groups: Sequence[str] = ()) -> list[Row]:
    """The rows of some methods and groups of sets; nothing named keeps all.

    Raises:
        RunError: A name that no row has.
    """
    for wanted, known, what in (
        (methods, {row["method"] for row in rows}, "method"),
        (groups, {group for row in rows for group in row["groups"]}, "group"),
    ):
        for name in wanted:
            if name not in known:
                there = ", ".join(sorted(known, key=natural_key)) or "none"
                raise RunError(f"{name!r}: no run of such a {what} is there; those that are: {there}")
    return [
        row
        for row in rows
        if (not methods or row["method"] in methods) and (not groups or set(groups) & set(row["groups"]))
    ]


def distinct(names: Iterable[str]) -> list[str]:
    """Every name once, in the order in which they come."""
    return list(dict.fromkeys(names))


def _rows_of(file: Path) -> list[Row]:
    try:
        found = pq.read_table(file).to_pylist()
        return [
            row
            | {
                "setting": row.get("setting") or row["data"],
                "groups": row["groups"] or [],
                "noise": row.get("noise"),
                "rate": row.get("rate"),
                "noise_kinds": row.get("noise_kinds") or [],
                "backbone": row.get("backbone") or "",
            }
            for row in found
        ]
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise RunError(f"{file}: cannot be read ({error}); delete it and run the bench again") from None


def _name_backbones(rows: Sequence[Row]) -> None:
    backbones: dict[str, set[str]] = {}
    for row in rows:
        backbones.setdefault(row["data"], set()).add(row["backbone"])
    several = {name for name, found in backbones.items() if len(found) > 1}
    for row in rows:
        if row["data"] in several:
            tail = f" [{row['backbone']}]"
            row["data"], row["setting"] = row["data"] + tail, row["setting"] + tail
            row["groups"] = [group + tail for group in row["groups"]]


def _order(row: Row) -> tuple[Any, ...]:
    rate = -1.0 if row["rate"] is None else row["rate"]
    kind = "" if not rate else row["noise"] or ""
    return natural_key(row["data"]), kind, rate, natural_key(row["setting"]), natural_key(row["method"]), row["seed"]
