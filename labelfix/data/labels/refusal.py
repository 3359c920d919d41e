"""Whether a column holds class labels at all; what does not is refused with the reason, or taken where it was named."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.profile import LEAST_KEYS
from labelfix.data.findings import Findings, Places
from labelfix.data.formats import TableSource
from labelfix.data.labels.column import LabelColumn, item_type, label_kind, written_keys, written_list, written_shares
from labelfix.data.scan import is_list, is_text, scan, value_type
from labelfix.data.spelling import are_tags

SINGLE_LABEL = "labelfix is for single-label classification"
SEPARATORS = "|;#,/"
"""What may stand between the labels of a row that has several."""


LABEL_KEYS = ("label", "name", "class", "value", "category", "title")
"""Keys under which an object has its label, where it has one of them."""


def refuse_type(source: TableSource, column: str, findings: Findings) -> bool:
    """Refuse a label column whose type cannot be a label, and say why.

    Returns:
        Whether it was refused.
    """
    type_ = source.schema.field(column).type
    if not is_list(value_type(type_)):
        if label_kind(type_) is not None:
            return False
        remedy = "labels are strings, numbers or booleans; name another with --label-column"
        if pa.types.is_struct(type_):
            parts = ", ".join(f"{column}.{part.name}" for part in type_)
            remedy = f"give the one of {parts} that is the label a column of its own"
        findings.error(source.name, f"column {column!r} is {type_}, which cannot be a label", remedy)
        return True
    if label_kind(item_type(type_)) is not None and _longest(source, column) <= 1:
        # One item a row, as annotation tools write it: the item is the label.
        return False
    lists = [f.name for f in source.schema if is_list(f.type) and is_text(f.type.value_type)]
    lists = _as_long(source, column, [name for name in lists if name != column])
    kind = "tags for the tokens of a sentence" if lists else "several labels a row"
    found = _first_of_several(source, column)
    holds, row = f"column {column!r} holds lists ({type_}), which is {kind}", None
    if found is not None and not lists:
        row, value, count, total = found
        holds = f"column {column!r} holds lists, {kind} in {count:,} of {total:,} rows (such as {_short(value)})"
    findings.error(source.name, f"{holds}; {SINGLE_LABEL}", "give a table with one label a row", row)
    return True


def refuse_objects(labels: LabelColumn, places: Places, findings: Findings) -> bool:
    """Refuse a column of objects with a label somewhere inside; see `refuse_values`."""
    found = _objects(labels)
    if found is not None:
        what, first, remedy = found
        file, number = places.of(int(labels.first[first]))
        findings.error(file, f"{what}; {SINGLE_LABEL}", remedy, number)
    return found is not None


def refuse_keys(labels: LabelColumn, name: str, few: Sequence[str], findings: Findings) -> None:
    """Refuse a column that was named as the labels where each row has another value: nothing else can be said then.

    Args:
        labels: Its values.
        name: The file as the user named it.
        few: Columns that look like labels.
        findings: Takes the error.

    Raises:
        InputError: It is refused.
    """
    total = labels.total
    if total < LEAST_KEYS or len(labels.values) < total:
        return
    what = f"column {labels.column!r}, which --label-column names, has another value in each of {total:,} rows"
    which = f" ({' or '.join(few[:3])} {'looks' if len(few) == 1 else 'look'} like it)" if few else ""
    remedy = f"name the column of class labels{which}, with --label-column, and that of ids with --id-column"
    findings.error(name, f"{what}, as an id or a text has", remedy)
    findings.stop_on_errors()


def refuse_values(labels: LabelColumn, places: Places, name: str, named: bool, findings: Findings) -> bool:
    """Refuse a column whose values look like anything but class labels, and say why.

    Args:
        places: Where its rows came from.
        name: The file as the user named it.
        named: Whether the user did: then a column that only looks odd is taken, with a warning.

    Returns:
        Whether it was refused.
    """
    if not labels.values:
        return False
    name_it = "name the column of class labels with --label-column"
    for found in (_lists(labels), _objects(labels)):
        if found is not None:
            what, first, remedy = found
            file, number = places.of(int(labels.first[first]))
            findings.error(file, f"{what}; {SINGLE_LABEL}", remedy or name_it, number)
            return True
    for test in (several_labels, _tags, _measured, _unique):
        odd = test(labels)
        if odd is None:
            continue
        what, because, position = odd
        if named:
            findings.warning(name, f"{what}, {because}; its values are taken as classes, as --label-column names it")
            return False
        remedy = f"if it is the label, say so with --label-column {labels.column}; else name the column of class labels"
        place: tuple[str, int | None] = (name, None) if position is None else places.of(int(labels.first[position]))
        findings.error(place[0], f"{what}, {because}; {SINGLE_LABEL}", remedy, place[1])
        return True
    if joined := _joined(labels):
        count = labels.rows_with(joined)
        shown = _short(labels.values[joined[0]])
        file, number = places.of(int(labels.first[joined[0]]))
        what = f"column {labels.column!r} holds several labels in {count:,} row{'s' * (count > 1)} ({shown})"
        findings.warning(file, what, "make each one of them, or no label, with --class-map", number)
    return False


def _first_of_several(source: TableSource, column: str) -> tuple[int, str, int, int] | None:
    """The first row with several labels, they, how many such rows there are, and how many rows in all."""
    found: tuple[int, str] | None = None
    count = total = 0
    for chunk in scan(source, [column]):
        cells = chunk.batch.column(0)
        several = np.flatnonzero(pc.fill_null(pc.greater(pc.list_value_length(cells), 1), False))
        if found is None and len(several):
            found = chunk.first_row + int(several[0]), str(cells[int(several[0])].as_py())
        count, total = count + len(several), total + len(cells)
    return (*found, count, total) if found is not None else None


def _as_long(source: TableSource, column: str, others: Sequence[str]) -> list[str]:
    """Those of some columns of lists whose lists are as long as the column's in each of the first rows."""
    chunk = next(iter(scan(source, [column, *others])), None)
    lengths = [] if chunk is None else [pc.list_value_length(cells) for cells in chunk.batch.columns]
    return [name for name, length in zip(others, lengths[1:], strict=True) if length.equals(lengths[0])]


def _longest(source: TableSource, column: str) -> int:
    lengths = (pc.max(pc.list_value_length(c.batch.column(0))).as_py() or 0 for c in scan(source, [column]))
    return max(lengths, default=0)


Refusal = tuple[str, int, str] | None
"""What a column holds, the first value that shows it, and what to do where that can be told."""


def _objects(labels: LabelColumn) -> Refusal:
    """Objects with a label somewhere inside, as tools write them; `{PER}` is a name like any other."""
    if labels.kind != "string":
        return None
    inside = {
        place: keys
        for place, value in enumerate(labels.values)
        if (keys := written_keys(value) or written_shares(value))
    }
    if not inside or labels.rows_with(inside) < 0.5 * labels.total:
        return None
    first, keys = next(iter(inside.items()))
    what = f"column {labels.column!r} holds objects ({_short(labels.values[first])})"
    if written_shares(labels.values[first]):
        what = what.replace("holds objects", "holds shares of several classes")
        return what, first, "write the name of the largest into a column of its own"
    name = next((key for key in LABEL_KEYS if key in keys), keys[0])
    return what, first, f"write what stands under {name!r}, or where else the label is, into a column of its own"


def _lists(labels: LabelColumn) -> Refusal:
    """Lists of several labels, and the first such value; `[PER]` is a name like any other."""
    if labels.kind != "string":
        return None
    listed = [i for i, value in enumerate(labels.values) if len(written_list(value) or ()) > 1]
    if not listed or labels.rows_with(listed) < 0.05 * labels.total:
        return None
    shown = _short(labels.values[listed[0]])
    if all(isinstance(item, int | float) for item in written_list(labels.values[listed[0]]) or ()):
        remedy = "if they are probabilities, write the class of the largest into a column of its own"
        return f"column {labels.column!r} holds lists of numbers ({shown})", listed[0], remedy
    return f"column {labels.column!r} holds lists ({shown}), several labels a row", listed[0], ""


Odd = tuple[str, str, int | None] | None
"""What a column holds, what it looks like for that, and the value that shows it where one does."""


def several_labels(labels: LabelColumn) -> Odd:
    """Labels like "a|b", which count as several only where they are many and their parts recur."""
    if labels.kind != "string":
        return None

    def odd(place: int) -> Odd:
        what = f"column {labels.column!r} holds values such as {_short(labels.values[place])}"
        return what, "which look like several labels a row", place

    together = _joined(labels)
    if together and labels.rows_with(together) >= 0.05 * labels.total:
        return odd(together[0])
    for separator in SEPARATORS:
        joined = [place for place, value in enumerate(labels.values) if separator in value.strip(separator)]
        if len(joined) < 3 or labels.rows_with(joined) < 0.2 * labels.total:
            continue
        parts: dict[str, int] = {}
        for value in labels.values:
            for part in {p.strip() for p in value.split(separator)}:
                parts[part] = parts.get(part, 0) + 1
        if len(parts) < len(labels.values) and sum(n > 1 for n in parts.values()) >= 0.5 * len(parts):
            return odd(joined[0])
    return None


def _joined(labels: LabelColumn) -> list[int]:
    """Positions of labels that are other labels of the column with a separator between them."""
    if labels.kind != "string":
        return []
    known = set(labels.values)
    split = re.compile(rf"\s*[{re.escape(SEPARATORS)}+&]\s*|\s+(?:and|und|et|y|e|or)\s+").split
    parts = {i: written_list(value) or split(value) for i, value in enumerate(labels.values)}
    return [i for i, found in parts.items() if len(found) > 1 and known.issuperset(found)]


def _tags(labels: LabelColumn) -> Odd:
    """Tags that say where in a sentence a name begins and goes on (B-PER, I-PER, O)."""
    if not are_tags(labels.values):
        return None
    shown = _short(next(value for value in labels.values if value != "O"))
    return f"column {labels.column!r} holds tags such as {shown}", "which look like those of a text's words", None


def _measured(labels: LabelColumn) -> Odd:
    distinct = len(labels.values)
    if labels.kind != "float" or distinct <= 20:
        return None
    broken = [value for value in labels.values if "." in value or "e" in value]
    if not broken:
        return None
    what = f"column {labels.column!r} has {distinct} different numbers such as {broken[0]}"
    return what, "so it looks like a quantity to predict (regression)", None


def _unique(labels: LabelColumn) -> Odd:
    distinct, total = len(labels.values), labels.total
    nearly_unique = distinct >= 30 and total < 1.5 * distinct
    endless = distinct > 2000 and total < 20 * distinct
    if not nearly_unique and not endless:
        return None
    what = (
        f"column {labels.column!r} has {distinct} different values in {total} rows such as {_short(labels.values[0])}"
    )
    return what, "so it looks like an id or a text", None


def _short(value: str) -> str:
    return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
