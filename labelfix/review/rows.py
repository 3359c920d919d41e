"""What the page shows of a row: labels, probabilities, and what the row holds.

Rows are read some hundred at a time, ahead of the person: a pass over a file for each row would be too slow.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labelfix.data.columns.roles import Columns
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, rows_at
from labelfix.outputs.corrected_schema import COLUMNS, SOURCE_SCORES
from labelfix.outputs.own_inputs import find_input
from labelfix.outputs.report.inputs import CellReader, as_jpeg
from labelfix.outputs.report.plain import plain
from labelfix.outputs.soft_labels import CLASSES
from labelfix.runs import RunFolder

WINDOW, WINDOW_OF_IMAGES = 400, 40
"""Rows that are read together; images may stand in the file itself, megabytes each."""

KEPT = 4
"""Windows that are held."""

TEXT = 20_000
"""Characters of a text that are sent at first; the rest is sent when it is asked for."""

LIKELIEST = 9
"""Classes whose probability is shown."""

IMAGE, ZOOMED = 640, 2400
"""Pixels of an image's longer side, at first and when it is enlarged."""

SHOWN = tuple(name for name in COLUMNS if name not in ("corrected_label", "is_label_issue"))
MORE = ("p_value", CLASSES, SOURCE_SCORES)


class RowReader:
    """Reads rows of a run and of its noisy file.

    Attributes:
        why_none: Why what rows hold is not shown; empty where it is.
    """

    def __init__(self, folder: RunFolder, noisy: str | None) -> None:
        self._file = CorrectedFile(folder.corrected)
        self._about = corrected_metadata(self._file)
        self._spec = Columns.from_json(folder.read_manifest()["columns"]).spec
        own = find_input(folder, "noisy", noisy, images_by_name=True)
        self.why_none = own.missing("What rows hold is not shown")
        self._places: Mapping[str, str] = own.files
        self._reader = CellReader(self._about, own.files)
        self.window = WINDOW if self._spec.part("image") is None else WINDOW_OF_IMAGES
        self._held: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._cells: dict[int, dict[str, Any]] = {}
        self._reading = threading.Lock()

    def get(self, position: int) -> dict[str, Any]:
        """A row as the page shows it."""
        found = self._held.get(position)
        if found is None:
            self.load([position])
            found = self._held[position]
        return found

    def holds(self, position: int) -> bool:
        """Whether a row has been read."""
        return position in self._held

    def load(self, positions: Sequence[int]) -> None:
        """Read rows that are not held yet, in one pass over their file."""
        with self._reading:
            wanted = [position for position in positions if position not in self._held]
            if not wanted:
                return
            told = self._told(np.array(sorted(wanted), dtype=np.int64))
            sources = {position: (row["source_file"], row["source_row"]) for position, row in told.items()}
            cells = self._reader.read(sources.values())
            for position in wanted:
                held = cells.get(sources[position])
                self._cells[position] = {} if held is None else held
                self._held[position] = self._shown(position, told[position], held)
            while len(self._held) > max(KEPT * self.window, len(wanted)):
                oldest, _ = self._held.popitem(last=False)
                self._cells.pop(oldest, None)

    def text(self, position: int, part: int) -> str:
        """A text of a row, all of it."""
        self.get(position)
        return _joined(self._cells[position], self._spec.parts[part].columns)

    def image(self, position: int, part: int, zoomed: bool) -> bytes | None:
        """An image of a row as a JPEG; None where there is none that can be decoded."""
        row = self.get(position)
        cell = self._cells[position].get(self._spec.parts[part].columns[0])
        file = Path(os.path.expanduser(self._places.get(row["file"], row["file"])))
        try:
            return as_jpeg(cell, file, ZOOMED if zoomed else IMAGE, 90)
        except OSError:
            return None

    def _told(self, positions: Any) -> dict[int, dict[str, Any]]:  # noqa: ANN401 - an array
        return rows_at(self._file, positions, [*SHOWN, *(name for name in MORE if name in self._file.schema.names)])

    def _shown(self, position: int, told: dict[str, Any], cells: Mapping[str, Any] | None) -> dict[str, Any]:
        return {
            "position": position,
            "id": str(told["id"]),
            "given": told["given_label"],
            "suggested": told["suggested_label"],
            "confidence": told["confidence"],
            "score": told["label_score"],
            "predicted": told["predicted_label"],
            "p_value": told.get("p_value"),
            "opinions": told.get(SOURCE_SCORES) or [],
            "probabilities": _likeliest(told, self._about.classes),
            "file": told["source_file"],
            "row": told["source_row"],
            "parts": [] if cells is None else [self._part(n, cells) for n in range(len(self._spec.parts))],
        }

    def _part(self, number: int, cells: Mapping[str, Any]) -> dict[str, Any]:
        spec = self._spec.parts[number]
        if spec.kind == "text":
            text = _joined(cells, spec.columns)
            return {"kind": "text", "name": ", ".join(spec.columns), "text": text[:TEXT], "length": len(text)}
        if spec.kind == "image":
            cell = cells.get(spec.columns[0])
            path = cell.get("path") if isinstance(cell, dict) else cell
            return {"kind": "image", "name": str(path or spec.columns[0])[-200:]}
        if spec.kind == "table":
            return {"kind": "table", "cells": [[name, plain(cells.get(name))[:1000]] for name in spec.columns]}
        return {"kind": "embedding", "name": spec.columns[0]}


def _joined(cells: Mapping[str, Any], columns: Sequence[str]) -> str:
    """The text of a row; where several columns make it, each with its name above it."""
    texts = ["" if cells.get(name) is None else str(plain(cells.get(name))) for name in columns]
    if len(columns) == 1:
        return texts[0]
    return "\n\n".join(f"{name}:\n{text}" for name, text in zip(columns, texts, strict=True))


def _likeliest(told: Mapping[str, Any], classes: Sequence[str]) -> list[tuple[str, float]]:
    pairs = zip(told.get(CLASSES) or classes, told["soft_label"], strict=False)
    return sorted(pairs, key=lambda pair: -pair[1])[:LIKELIEST]
