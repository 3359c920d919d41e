"""Label columns as they stand in a file: distinct values, where they occur, and whether they are labels at all."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.findings import Findings, Places
from labelfix.data.formats import TableSource
from labelfix.data.formats.csv_types import MISSING
from labelfix.data.scan import is_list, is_text, value_type
from labelfix.data.tables import UNLABELLED, Codes, ValueType

SINGLE_LABEL = "labelfix is for single-label classification"


@dataclass(frozen=True)
class LabelColumn:
    """One label column, read.

    Attributes:
        column: Its name.
        kind: Type of its values in the file.
        values: Distinct labels in order of first appearance: "1" for 1 and 1.0, "true" for True, class names where
            the file has them; strings like "NA" are still among them.
        stored: How the file writes each of `values`.
        positions: `(N,)` position in `values`, -1 where the cell is empty or null; 0, 1, 2 … if rows were not kept.
        counts: Rows of each of `values`.
        first: First row of each of `values`, counted from 0.
    """

    column: str
    kind: ValueType
    values: tuple[str, ...]
    stored: tuple[str, ...]
    positions: Codes
    counts: tuple[int, ...]
    first: tuple[int, ...]

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers in the file's own type."""
        return self.kind in ("integer", "float")


def label_kind(type_: pa.DataType) -> ValueType | None:
    """How labels of an Arrow type are stored; None where the type cannot be a label."""
    type_ = value_type(type_)
    if is_text(type_) or pa.types.is_null(type_):
        return "string"
    if pa.types.is_integer(type_):
        return "integer"
    if pa.types.is_floating(type_):
        return "float"
    return "boolean" if pa.types.is_boolean(type_) else None


def class_label_names(source: TableSource, column: str) -> tuple[str, ...]:
    """The class names that a Hugging Face schema gives to an integer column; empty where it gives none."""
    try:
        metadata = json.loads((source.schema.metadata or {}).get(b"huggingface", b"{}"))
        feature = metadata["info"]["features"][column]
        return tuple(feature["names"]) if feature.get("_type") == "ClassLabel" else ()
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


class LabelReader:
    """Gathers a label column batch by batch.

    Args:
        source: The table.
        column: Its column of labels.
        keep: Whether the position of every row is held; without, only distinct values are.
    """

    def __init__(self, source: TableSource, column: str, keep: bool = True) -> None:
        kind = label_kind(source.schema.field(column).type)
        assert kind is not None, "checked by refuse_type"
        self.column = column
        self.kind: ValueType = kind
        self._names = class_label_names(source, column) if kind == "integer" else ()
        self._known: dict[str, int] = {}
        self._merged: dict[str, int] = {}
        self._stored: list[str] = []
        self._kept: list[Codes] | None = [] if keep else None
        self._counts: list[int] = []
        self._first: list[int] = []
        self._done = 0

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
        self._done += len(positions)
        if self._kept is not None:
            self._kept.append(positions)

    def positions(self, cells: pa.Array) -> Codes:
        """Position of each cell among the distinct values, -1 where it is empty or null."""
        text = pc.utf8_trim_whitespace(cells) if is_text(cells.type) else cells.cast(pa.string())
        encoded = text.dictionary_encode()
        lookup = np.array([self._position(value) for value in encoded.dictionary.to_pylist()], dtype=np.int64)
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
        )

    def _position(self, raw: str) -> int:
        if raw in self._known:
            return self._known[raw]
        value = self._canonical(raw)
        if value is None:
            position = UNLABELLED
        else:
            position = self._merged.setdefault(value, len(self._merged))
            if position == len(self._stored):
                self._stored.append(raw)
        self._known[raw] = position
        return position

    def _canonical(self, raw: str) -> str | None:
        if raw == "" or (self.kind != "string" and raw in MISSING):
            return None
        if self.kind == "boolean":
            return raw.lower()
        if self.kind == "float":
            return canonical_number(raw)
        if self._names:
            code = int(raw)
            return None if code < 0 else self._names[code] if code < len(self._names) else raw
        return raw


def canonical_number(text: str) -> str | None:
    """A number as a label: "1" for "1", "1.0" and "01"; None for NaN; the text itself where it is no number."""
    try:
        number = float(text)
    except ValueError:
        return text
    if number != number:
        return None
    if not number.is_integer():
        return repr(number)
    try:
        return str(int(text))
    except ValueError:
        return str(int(number))


def refuse_type(source: TableSource, column: str, findings: Findings) -> bool:
    """Refuse a label column whose type cannot be a label, and say why.

    Returns:
        Whether it was refused.
    """
    type_ = source.schema.field(column).type
    if label_kind(type_) is not None:
        return False
    if is_list(value_type(type_)):
        lists = [f.name for f in source.schema if f.name != column and is_list(f.type) and is_text(f.type.value_type)]
        kind = "tags for the tokens of a sentence" if lists else "several labels a row"
        findings.error(
            source.name,
            f"column {column!r} holds lists ({type_}), which is {kind}; {SINGLE_LABEL}",
            "give a table with one label a row",
        )
    else:
        findings.error(
            source.name,
            f"column {column!r} is {type_}, which cannot be a label",
            "labels are strings, integers or booleans; name another with --label-column",
        )
    return True


def refuse_values(labels: LabelColumn, places: Places, name: str, flag: str, findings: Findings) -> bool:
    """Refuse a column whose values show that it holds no class labels, and say why.

    Returns:
        Whether it was refused.
    """
    sizes = np.array(labels.counts, dtype=np.int64)
    total, distinct = int(sizes.sum()), len(labels.values)
    if distinct == 0:
        return False
    for test in (_lists, _several, _measured, _unique):
        what = test(labels, sizes, total, distinct)
        if what is not None:
            file, row = places.of(int(labels.first[what[1]]))
            remedy = f"name the column of class labels with {flag}"
            findings.error(file if what[2] else name, what[0], remedy, row if what[2] else None)
            return True
    return False


Refusal = tuple[str, int, bool] | None


def _lists(labels: LabelColumn, sizes: npt.NDArray[np.int64], total: int, distinct: int) -> Refusal:
    if labels.kind != "string":
        return None
    listed = np.array([v.startswith("[") and v.endswith("]") for v in labels.values])
    if sizes[listed].sum() < 0.5 * total:
        return None
    where = int(np.flatnonzero(listed)[0])
    shown = _short(labels.values[where])
    return f"column {labels.column!r} holds lists ({shown}), several labels a row; {SINGLE_LABEL}", where, True


def _several(labels: LabelColumn, sizes: npt.NDArray[np.int64], total: int, distinct: int) -> Refusal:
    """Labels like "a|b" count as several only where they are many and their parts recur."""
    if labels.kind != "string":
        return None
    for separator in ("|", ";"):
        joined = np.array([separator in v.strip(separator) for v in labels.values])
        if joined.sum() < 3 or sizes[joined].sum() < 0.2 * total:
            continue
        parts: dict[str, int] = {}
        for value in labels.values:
            for part in {p.strip() for p in value.split(separator)}:
                parts[part] = parts.get(part, 0) + 1
        if len(parts) < distinct and sum(n > 1 for n in parts.values()) >= 0.5 * len(parts):
            where = int(np.flatnonzero(joined)[0])
            shown = _short(labels.values[where])
            return f"column {labels.column!r} holds several labels a row ({shown}); {SINGLE_LABEL}", where, True
    return None


def _measured(labels: LabelColumn, sizes: npt.NDArray[np.int64], total: int, distinct: int) -> Refusal:
    if labels.kind != "float" or distinct <= 20:
        return None
    broken = [i for i, value in enumerate(labels.values) if "." in value or "e" in value]
    if not broken:
        return None
    what = f"column {labels.column!r} has {distinct} different numbers such as {labels.values[broken[0]]}"
    return f"{what}, so it is a quantity to predict (regression); {SINGLE_LABEL}", broken[0], False


def _unique(labels: LabelColumn, sizes: npt.NDArray[np.int64], total: int, distinct: int) -> Refusal:
    nearly_unique = distinct >= 30 and total < 1.5 * distinct
    endless = distinct > 2000 and total < 20 * distinct
    if not nearly_unique and not endless:
        return None
    what = (
        f"column {labels.column!r} has {distinct} different values in {total} rows such as {_short(labels.values[0])}"
    )
    return f"{what}, so it looks like an id or a text, not a label", 0, False


def _short(value: str) -> str:
    return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
