"""Tasks for Argilla 2: a folder that `argilla.Dataset.from_disk` opens, settings and records.

`id` is ours: a record that is logged again is updated. The suggested label is a suggestion with its score.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from labelfix.data.annotations.marks import CHANCE, DRAWN, GIVEN, QUESTION
from labelfix.outputs.tasks.rows import Task, TaskRows

SETTINGS, DATASET, RECORDS = ".argilla/settings.json", ".argilla/dataset.json", "records.json"

METADATA = {
    GIVEN: "terms",
    "label_score": "float",
    "source_file": "terms",
    "source_row": "integer",
    DRAWN: "terms",
    CHANCE: "float",
}
"""Metadata of a record → its type."""


def write(rows: TaskRows, folder: Path) -> tuple[int, list[str]]:
    """Write them into a new folder; see `label_studio.write`."""
    (folder / ".argilla").mkdir()
    _dump(folder / SETTINGS, _settings(rows))
    _dump(folder / DATASET, {"name": f"labelfix-{folder.name}", "status": "draft", "allow_extra_metadata": True})
    count = 0
    with (folder / RECORDS).open("w", encoding="utf-8") as file:
        for task in rows:
            file.write(("[\n" if not count else ",\n") + json.dumps(_record(task, rows), ensure_ascii=False))
            count += 1
        file.write("\n]\n" if count else "[]\n")
    return count, [RECORDS, SETTINGS, DATASET]


def _dump(path: Path, value: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _settings(rows: TaskRows) -> dict[str, Any]:
    def named(name: str, settings: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
        return {"name": name, "title": name, **more, "settings": settings}

    def field(name: str) -> dict[str, Any]:
        kind = {"type": "image"} if name == "image" else {"type": "text", "use_markdown": False}
        return named(name, kind, required=True)

    options = [{"value": name, "text": name} for name in rows.classes]
    return {
        "guidelines": "Which class is it? The suggestion is labelfix's; the label in the file is in the metadata.",
        "allow_extra_metadata": True,
        "vectors": [],
        "fields": [field(name) for name in (*rows.parts,) or ("text",)],
        "questions": [named(QUESTION, {"type": "label_selection", "options": options}, required=True)],
        "metadata": [named(name, {"type": kind}) for name, kind in METADATA.items()],
        "distribution": {"strategy": "overlap", "min_submitted": rows.people},
    }


def _record(task: Task, rows: TaskRows) -> dict[str, Any]:
    metadata = {GIVEN: task.given, **task.facts}
    fields = {name: _text(value) for name, value in task.holds.items()} or {"text": task.id}
    return {
        "id": task.id,
        "fields": fields,
        "metadata": {name: value for name, value in metadata.items() if value is not None},
        "suggestions": {QUESTION: {"value": task.suggested, "score": task.confidence, "agent": rows.model}},
        "responses": {},
        "vectors": {},
    }


def _text(value: Any) -> str:  # noqa: ANN401 - see `Task.holds`
    """A part of the input as Argilla shows it: a table as lines of text."""
    return "\n".join(f"{name}: {cell}" for name, cell in value.items()) if isinstance(value, dict) else str(value)
