"""Tasks for Label Studio: `tasks.json`, in parts where one upload would be too much, and `label_config.xml`.

The suggested label is a prediction, so that a person only has to confirm it. Our id stands in `data`, since Label
Studio numbers tasks itself. Format: labelstud.io/guide/tasks and /guide/predictions; checked with label-studio-sdk.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from labelfix.data.annotations.marks import GIVEN, ID, QUESTION, SUGGESTED
from labelfix.outputs.tasks.rows import Task, TaskRows

CONFIG = "label_config.xml"
PART_BYTES, PART_TASKS = 40_000_000, 100_000
"""The most that one file may hold: Label Studio takes 50 MB and 250,000 tasks at once."""

TAGS = {"text": "Text", "image": "Image", "row": "Table"}


def write(rows: TaskRows, folder: Path) -> tuple[int, list[str]]:
    """Write them into a new folder; gives how many tasks, and the names of the files."""
    (folder / CONFIG).write_text(config(list(rows.parts), rows.classes), encoding="utf-8")
    names, count = [], 0
    for number, part in enumerate(_parts(json.dumps(_task(task, rows), ensure_ascii=False) for task in rows), start=1):
        names.append("tasks.json" if number == 1 else f"tasks-{number:03d}.json")
        (folder / names[-1]).write_text("[\n" + ",\n".join(part) + "\n]\n", encoding="utf-8")
        count += len(part)
    return count, [*names, CONFIG]


def config(parts: Sequence[str], classes: Sequence[str]) -> str:
    """The labelling configuration of the project, to be pasted under Settings → Labeling Interface."""
    shown = [f'  <{TAGS[name]} name="{_object(place)}" value="${name}"/>' for place, name in enumerate(parts)]
    if not parts:
        shown = [f'  <Text name="{_object(0)}" value="${ID}"/>']
    choices = [f"    <Choice value={quoteattr(name)}/>" for name in classes]
    lines = [
        "<View>",
        *shown,
        f'  <Choices name="{QUESTION}" toName="{_object(0)}" choice="single" showInLine="true">',
        *choices,
        "  </Choices>",
        "</View>",
    ]
    return "\n".join(lines) + "\n"


def _object(place: int) -> str:
    """What a part of the input is called in the configuration."""
    return "input" if place == 0 else f"input_{place + 1}"


def _task(task: Task, rows: TaskRows) -> dict[str, Any]:
    region = {
        "id": "r1",
        "from_name": QUESTION,
        "to_name": _object(0),
        "type": "choices",
        "value": {"choices": [task.suggested]},
        "score": task.confidence,
    }
    data = {**task.holds, ID: task.id, GIVEN: task.given, SUGGESTED: task.suggested, **task.facts}
    prediction = {"model_version": rows.model, "score": task.confidence, "result": [region]}
    return {"data": data, "predictions": [prediction]}


def _parts(tasks: Iterable[str]) -> Iterator[list[str]]:
    """Tasks in as few files as may be uploaded; there is always one."""
    part: list[str] = []
    size = 0
    for task in tasks:
        here = len(task.encode()) + 2
        if part and (size + here > PART_BYTES or len(part) == PART_TASKS):
            yield part
            part, size = [], 0
        part.append(task)
        size += here
    yield part
