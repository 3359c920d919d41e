"""A column of votes: in each cell what several sources say, as a list, a JSON text or a struct.

["spam", "", null, "ham"]         labels in the order of the sources, which are called COLUMN[1], COLUMN[2], …
{"anna": "spam", "rule_7": null}  source → label
[{"source": "anna", "label": "spam"}]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.labels.column import LabelColumn, label_kind
from labelfix.data.scan import as_text, is_list, is_text, scan, value_type
from labelfix.data.spelling import spelled
from labelfix.data.tables import Codes
from labelfix.runs.json_text import decode_json

LOOKED_AT = 1000
"""Cells of a text column that may be votes written as JSON."""

WHO = ("source", "annotator", "name")
WHAT = ("label", "vote", "value")
"""What the two fields of a vote may be called."""


def holds_votes(table: TableSource, column: str) -> bool:
    """Whether a column holds votes of several sources, by its type or by its first cells that are not empty."""
    type_ = value_type(table.schema.field(column).type)
    if pa.types.is_struct(type_) or pa.types.is_map(type_):
        return True
    if is_list(type_):
        return True
    if not is_text(type_):
        return False
    seen = 0
    for chunk in scan(table, [column], min(table.read_rows, LOOKED_AT), verbatim=True):
        cells = [cell for cell in as_text(chunk.batch.column(0)).to_pylist() if cell and cell.strip()]
        if any(not (cell.strip()[0] in "[{" and cell.strip()[-1] in "]}") for cell in cells):
            return False
        seen += len(cells)
        if seen >= LOOKED_AT:
            break
    return seen > 0


class VotesReader:
    """Gathers a column of votes batch by batch."""

    def __init__(self, table: TableSource, column: str) -> None:
        self.column = column
        self._rows: dict[str, list[int]] = {}
        self._said: dict[str, list[str]] = {}
        self._done = 0
        self._typed = not is_text(value_type(table.schema.field(column).type))

    def see(self, cells: pa.Array, file: str, first_row: int, findings: Findings) -> None:
        """Take the next cells into account.

        Args:
            file: Where they come from.
            findings: Takes an error for a cell that holds no votes.
        """
        remedy = 'write a list of labels, or {"source": "label"}'
        try:
            said = cells.to_pylist()
        except (ValueError, OverflowError, pa.ArrowException) as error:  # fields of one name, times beyond all years
            findings.error(file, f"column {self.column!r} cannot be read as votes ({error})", remedy)
            return
        for place, cell in enumerate(said):
            try:
                votes = _votes(self.column, cell)
            except ValueError as error:
                findings.error(file, f"column {self.column!r} holds no votes ({error})", remedy, first_row + place)
                return
            for source, label in votes:
                if label is not None and label != "":
                    self._rows.setdefault(source, []).append(self._done + place)
                    self._said.setdefault(source, []).append(label)
                else:
                    self._rows.setdefault(source, [])
                    self._said.setdefault(source, [])
        self._done += len(cells)

    def result(self) -> Iterator[tuple[str, Codes, LabelColumn]]:
        """Of each source its name, the rows it speaks of, and what it says of them."""
        for source, rows in self._rows.items():
            encoded = spelled(pa.array(self._said[source], pa.string())).dictionary_encode()
            positions = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
            values = tuple(encoded.dictionary.to_pylist())
            first = [int(np.argmax(positions == place)) for place in range(len(values))]
            counts = np.bincount(positions, minlength=len(values)).tolist()
            labels = LabelColumn(
                column=source,
                kind=label_kind(pa.string()) or "string",
                values=values,
                stored=tuple(self._said[source][place] for place in first),
                positions=positions,
                counts=tuple(counts),
                first=tuple(first),
                untyped=not self._typed,
            )
            yield source, np.array(rows, dtype=np.int64), labels


def _votes(column: str, cell: Any) -> list[tuple[str, str | None]]:  # noqa: ANN401 - whatever the cell holds
    """Source and label of each vote in a cell.

    Raises:
        ValueError: It holds none; the message says what it holds.
    """
    if isinstance(cell, str):
        if not cell.strip():
            return []
        try:
            cell = decode_json(cell)
        except ValueError:
            raise ValueError(f"{cell[:40]!r} is no JSON") from None
    if cell is None:
        return []
    if isinstance(cell, dict):
        return [(str(source), _word(label)) for source, label in cell.items()]
    if not isinstance(cell, list):
        raise ValueError(f"{str(cell)[:40]!r} is neither a list nor source and label")
    found = []
    for place, vote in enumerate(cell, start=1):
        if isinstance(vote, dict):
            who, what = (next((vote[name] for name in names if name in vote), None) for names in (WHO, WHAT))
            if who is None:
                raise ValueError(f"{str(vote)[:40]!r} does not say its source")
            found.append((str(who), _word(what)))
        elif isinstance(vote, tuple):  # an entry of a map
            found.append((str(vote[0]), _word(vote[1])))
        else:
            found.append((f"{column}[{place}]", _word(vote)))
    return found


def _word(label: Any) -> str | None:  # noqa: ANN401 - whatever stands there
    """A label as text; None for silence."""
    if label is None:
        return None
    if isinstance(label, bool):
        return str(label).lower()
    if isinstance(label, list | dict):
        raise ValueError(f"{str(label)[:40]!r} is not one label")
    return str(label).strip()
