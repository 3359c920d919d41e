"""Label columns as they stand in a file: distinct values, and where they occur."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats import TableSource
from labelfix.data.scan import as_text, decode, is_bytes, is_list, is_text, value_type
from labelfix.data.spelling import spelled
from labelfix.data.tables import UNLABELLED, Codes, ValueType
from labelfix.runs.json_text import decode_json

_SHARE = re.compile(r"\s*(?:0?\.\d+|1(?:\.0*)?|0)\s*")
_POSTGRES = re.compile(r"\{[^{}:]*\}")
"""An array as Postgres writes it: `{sport,food}`."""


@dataclass(frozen=True)
class LabelColumn:
    """One label column, read.

    Attributes:
        kind: Type of its values in the file.
        values: Distinct labels in their one spelling (see `labelfix.data.spelling`), in order of first appearance;
            class names where the file has them; words like "NA" are still among them.
        stored: How the file writes each of `values`.
        positions: `(N,)` position in `values`, -1 where the cell is empty or null; 0, 1, 2 … if rows were not kept.
        counts: Rows of each of `values`.
        first: First row of each of `values`, counted from 0.
        untyped: Whether words like "NA" stand for "no label", as in every text file.
        abstained: Rows whose code is below 0 where the codes have class names.
        of_sources: Whether these are the labels of several sources, each of them an opinion and no row.
    """

    column: str
    kind: ValueType
    values: tuple[str, ...]
    stored: tuple[str, ...]
    positions: Codes
    counts: tuple[int, ...]
    first: tuple[int, ...]
    untyped: bool = False
    abstained: int = 0
    of_sources: bool = False

    @cached_property
    def total(self) -> int:
        """Rows that have a label."""
        return sum(self.counts)

    def rows_with(self, places: Iterable[int]) -> int:
        """Rows of some of the labels."""
        return sum(self.counts[place] for place in places)


def label_kind(type_: pa.DataType) -> ValueType | None:
    """How labels of an Arrow type are stored; None where the type cannot be a label."""
    type_ = value_type(type_)
    if is_text(type_) or pa.types.is_null(type_) or is_bytes(type_):
        return "string"
    if pa.types.is_integer(type_) or (pa.types.is_decimal(type_) and type_.scale == 0):
        return "integer"
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return "float"
    return "boolean" if pa.types.is_boolean(type_) else None


def item_type(type_: pa.DataType) -> pa.DataType:
    """Of lists, the type of their items; any other type as it is."""
    return value_type(type_.value_type) if is_list(value_type(type_)) else type_


def class_label_names(source: TableSource, column: str) -> tuple[str, ...]:
    """The class names that a Hugging Face schema gives to a column of integers, or lists of them; empty for none."""
    try:
        metadata = decode_json((source.schema.metadata or {}).get(b"huggingface", b"{}"))
        feature = metadata["info"]["features"][column]
        while "names" not in feature:
            feature = feature[0] if isinstance(feature, list) else feature["feature"]
        names = feature["names"] if feature.get("_type") == "ClassLabel" else ()
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return ()
    sound = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if sound else ()


class LabelReader:
    """Gathers a label column batch by batch.

    Args:
        keep: Whether the position of every row is held; without, only distinct values are.
    """

    def __init__(self, source: TableSource, column: str, keep: bool = True) -> None:
        kind = label_kind(item_type(source.schema.field(column).type))
        assert kind is not None, "checked by refuse_type"
        self.column = column
        self.kind: ValueType = kind
        self._untyped = source.untyped
        self._names = class_label_names(source, column) if kind == "integer" else ()
        self._known: dict[str, int] = {}
        self._merged: dict[str, int] = {}
        self._stored: list[str] = []
        self._kept: list[Codes] | None = [] if keep else None
        self._counts: list[int] = []
        self._first: list[int] = []
        self._done = 0
        self._abstained = 0

    def see(self, cells: pa.Array) -> None:
        """Take the next cells into account: strings of a text format, or an array of the column's own type."""
        positions = self.positions(cells)
        values, at, counts = np.unique(positions, return_index=True, return_counts=True)
        for value, row, count in zip(values.tolist(), at.tolist(), counts.tolist(), strict=True):
            if value == len(self._first):
                self._first.append(self._done + row)
                self._counts.append(0)
            if value >= 0:
                self._counts[value] += count
        if self._names:
            self._abstained += pc.sum(pc.less(items_of(cells), 0)).as_py() or 0
        self._done += len(positions)
        if self._kept is not None:
            self._kept.append(positions)

    def positions(self, cells: pa.Array) -> Codes:
        """Position of each cell among the distinct values, -1 where it is empty or null."""
        cells = as_text(items_of(cells))
        encoded = (pc.utf8_trim_whitespace(cells) if is_text(cells.type) else cells).dictionary_encode()
        stored = encoded.dictionary.cast(pa.string()).to_pylist()
        if not self._known.keys() >= set(stored):
            for pair in zip(stored, spelled(encoded.dictionary).to_pylist(), strict=True):
                self._see(*pair)
        lookup = np.array([self._known[value] for value in stored], dtype=np.int64)
        indices = encoded.indices.fill_null(len(lookup)).to_numpy(zero_copy_only=False)
        positions: Codes = np.append(lookup, UNLABELLED)[indices]
        return positions

    def result(self) -> LabelColumn:
        """The column as a whole; where rows were not kept, `positions` has one entry for each distinct value."""
        if self._kept is None:
            positions = np.arange(len(self._first), dtype=np.int64)
        else:
            positions = np.concatenate(self._kept) if self._kept else np.zeros(0, np.int64)
        return LabelColumn(
            column=self.column,
            kind=self.kind,
            values=tuple(self._merged),
            stored=tuple(self._stored),
            positions=positions,
            counts=tuple(self._counts),
            first=tuple(self._first),
            untyped=self._untyped,
            abstained=self._abstained,
        )

    def _see(self, stored: str, value: str | None) -> None:
        """Give what the file writes a position: that of the label that it stands for."""
        if stored in self._known:
            return
        label = self._label(value)
        position = UNLABELLED
        if label:
            position = self._merged.setdefault(label, len(self._merged))
            if position == len(self._stored):
                self._stored.append(stored)
        self._known[stored] = position

    def _label(self, value: str | None) -> str | None:
        """The label that a value stands for; None for none."""
        if self._names and value is not None:
            code = int(value)
            return None if code < 0 else self._names[code] if code < len(self._names) else value
        items = written_list(value) if value is not None and self.kind == "string" else None
        if items is None or len(items) > 1:
            return value
        return str(items[0]) if items and items[0] is not None else None


def written_list(text: str) -> list[object] | None:
    """The list that a text is, as JSON, Python or Postgres write it; None where it is none, such as `[PER]`.

    A list that is the only item of another is taken for that.
    """
    if _POSTGRES.fullmatch(text):
        return [item.strip(' "') for item in text[1:-1].split(",") if item]
    if not (text.startswith("[") and text.endswith("]")):
        return None
    found = _written(text)
    while found is not None and len(found) == 1 and isinstance(found[0], list | tuple):
        found = found[0]
    return None if found is None else list(found)


def written_keys(text: str) -> list[str]:
    """The keys of the object that a text is, as JSON or Python write it; empty where it is none."""
    if not (text.startswith("{") and ":" in text):
        return []
    found = _written(text)
    return list(map(str, found)) if isinstance(found, dict) else []


def written_shares(text: str) -> list[str]:
    """The classes of shares that a text holds, as an object of numbers or as `sport:0.8|food:0.2`; empty for others."""
    found = _written(text) if text.startswith("{") else None
    if isinstance(found, dict) and all(isinstance(share, float) for share in found.values()):
        return list(map(str, found))
    parts = [part.rpartition(":") for part in re.split("[|;,]", text)] if ":" in text else []
    return [name for name, _, _ in parts] if parts and all(_SHARE.fullmatch(share) for _, _, share in parts) else []


def _written(text: str) -> Any:  # noqa: ANN401 - whatever JSON and Python can say
    """What a text says as JSON or as Python; None where it says nothing."""
    for read in (decode_json, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


def items_of(cells: pa.Array) -> pa.Array:
    """Of lists of at most one item the items, null for an empty one; any other column made plain."""
    cells = decode(cells)
    if not is_list(cells.type):
        return cells
    lengths = pc.list_value_length(cells).fill_null(0).to_numpy(zero_copy_only=False)
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    return decode(cells.flatten()).take(pa.array(starts, mask=lengths != 1))
