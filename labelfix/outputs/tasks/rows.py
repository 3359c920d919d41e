"""The rows that go out as tasks: ids, labels, scores, and what they hold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelfix.data.annotations.marks import CHANCE, DRAWN
from labelfix.data.columns.roles import Columns
from labelfix.data.tables import InputSpec
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, rows_at
from labelfix.outputs.own_inputs import OwnInput
from labelfix.outputs.queues import RANDOM, Queue
from labelfix.outputs.report.inputs import CellReader, as_address
from labelfix.outputs.report.plain import plain
from labelfix.runs import RunFolder

AT_ONCE = 2000
"""Rows that are read in one pass over their file."""

IMAGE = 1024
"""Pixels of an image's longer side: enough to decide, and small enough to travel inside the task."""

READ = ("id", "given_label", "suggested_label", "confidence", "label_score", "source_file", "source_row")


@dataclass(frozen=True)
class Task:
    """A row to be labelled.

    Attributes:
        label_score: P(given label is right); None without a given label.
        row: Row of that file, from 1.
        drawn: How it was drawn; empty for at random (`labelfix.data.chosen_rows`).
        chance: With which probability; None where chance chose nothing.
        holds: Part of the input → a text, `{column: value}` of a table, or an image as a `data:` address.
    """

    id: str
    given: str | None
    suggested: str
    confidence: float
    label_score: float | None
    file: str
    row: int
    drawn: str
    chance: float | None
    holds: Mapping[str, Any]

    @property
    def facts(self) -> dict[str, Any]:
        """What the tools keep beside the input, by its name."""
        return {
            "label_score": self.label_score,
            "source_file": self.file,
            "source_row": self.row,
            DRAWN: self.drawn,
            CHANCE: self.chance,
        }


@dataclass(frozen=True)
class TaskRows:
    """What all of them share, and how many people are to label each."""

    folder: RunFolder
    own: OwnInput
    queue: Queue
    count: int
    people: int = 1

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the run."""
        return corrected_metadata(CorrectedFile(self.folder.corrected)).classes

    @property
    def model(self) -> str:
        """What suggested the labels."""
        return f"labelfix {self.folder.read_manifest()['run_id']}"

    @property
    def parts(self) -> dict[str, InputSpec]:
        """Part of the input → its columns: `text`, `image` and `row`, which is a table; no one reads embeddings."""
        spec = Columns.from_json(self.folder.read_manifest()["columns"]).spec
        return {"row" if part.kind == "table" else part.kind: part for part in spec.parts if part.kind != "embedding"}

    def __iter__(self) -> Iterator[Task]:
        file = CorrectedFile(self.folder.corrected)
        about = corrected_metadata(file)
        order, reader = self.queue.order[: self.count], CellReader(about, self.own.files)
        for first in range(0, len(order), AT_ONCE):
            wanted = order[first : first + AT_ONCE]
            told = rows_at(file, wanted, READ)
            sources = [(told[row]["source_file"], told[row]["source_row"]) for row in wanted.tolist()]
            cells = reader.read(sources)
            for place, row in enumerate(wanted.tolist(), start=first):
                yield self._task(place, told[row], cells.get((told[row]["source_file"], told[row]["source_row"]), {}))

    def _task(self, place: int, told: Mapping[str, Any], cells: Mapping[str, Any]) -> Task:
        chance = None if self.queue.inclusion is None else float(self.queue.inclusion[place])
        file = Path(os.path.expanduser(self.own.files.get(told["source_file"], told["source_file"])))
        return Task(
            id=str(told["id"]),
            given=told["given_label"],
            suggested=told["suggested_label"],
            confidence=min(max(round(float(told["confidence"]), 6), 0.0), 1.0),
            label_score=None if told["label_score"] is None else round(float(told["label_score"]), 6),
            file=told["source_file"],
            row=told["source_row"],
            drawn="" if self.queue.name == RANDOM else self.queue.name,
            chance=chance,
            holds={name: _held(spec, cells, file) for name, spec in self.parts.items()},
        )


def _held(spec: InputSpec, cells: Mapping[str, Any], file: Path) -> Any:  # noqa: ANN401 - see `Task.holds`
    if spec.kind == "table":
        return {name: "" if cells.get(name) is None else plain(cells[name]) for name in spec.columns}
    if spec.kind == "image":
        return as_address(cells.get(spec.columns[0]), file, IMAGE, 85)
    return "\n".join("" if cells.get(name) is None else plain(cells[name]) for name in spec.columns)
