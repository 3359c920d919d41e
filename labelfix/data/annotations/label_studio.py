"""Label Studio's exports: JSON (tasks with their annotations), and JSON_MIN, CSV and TSV (a record an annotation).

A cancelled annotation is a skipped row, an empty one was submitted without a choice: no answer either way. The `id` of
a task is Label Studio's own and starts afresh in each project; ours is in `data`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labelfix.data.annotations.marks import CHANCE, DRAWN, ID, QUESTION, UNKNOWN, Mark
from labelfix.runs.json_text import decode_json


def is_task(record: Mapping[str, Any]) -> bool:
    """Whether a record of JSON is a task of Label Studio, whoever wrote it."""
    return isinstance(record.get("data"), dict) and isinstance(record.get("annotations"), list)


def is_annotation(record: Mapping[str, Any]) -> bool:
    """Whether a record of JSON is an annotation as Label Studio's storages hold it, with its task inside."""
    task = record.get("task")
    return isinstance(record.get("result"), list) and isinstance(task, dict) and isinstance(task.get("data"), dict)


def task_of(annotation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The task with one annotation."""
    return {**annotation["task"], "annotations": [annotation]}


def is_ours(task: Mapping[str, Any]) -> bool:
    """Whether labelfix wrote a task."""
    return ID in task["data"]


def questions(task: Mapping[str, Any]) -> set[str]:
    """The controls by which people chose."""
    regions = [r for a in task["annotations"] if isinstance(a, dict) for r in a.get("result") or []]
    return {text(r.get("from_name")) for r in regions if isinstance(r, dict) and r.get("type") == "choices"}


def fields_of(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a task is about."""
    return dict(task["data"])


def of_task(record: Mapping[str, Any]) -> Iterator[Mark]:
    """The annotations of a task; one without an answer where there are none."""
    data = record["data"]
    about = drawn(data)
    answered = False
    for annotation in record.get("annotations") or []:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        answered = True
        chosen = _choices(annotation.get("result") or [])
        who, when = _person(annotation.get("completed_by")), str(annotation.get("updated_at") or "")
        when = when or str(annotation.get("created_at") or "")
        label = chosen[0] if len(chosen) == 1 else None
        yield Mark(identity(data.get(ID)), label, who, when, *about, several=len(chosen) > 1)
    if not answered:
        yield Mark(identity(data.get(ID)), None, "", "", *about)


def of_record(record: Mapping[str, Any]) -> Mark:
    """A record of JSON_MIN, or a line of CSV: an annotation, or a task that has none."""
    chosen = _listed(record.get(QUESTION))
    when = text(record.get("updated_at")) or text(record.get("created_at"))
    label = chosen[0] if len(chosen) == 1 else None
    who = _person(record.get("annotator"))
    return Mark(identity(record.get(ID)), label, who, when, *drawn(record), several=len(chosen) > 1)


def drawn(data: Mapping[str, Any]) -> tuple[str, float | None]:
    """How a row was drawn, and with which chance, as `labelfix export --tasks` wrote it beside the row."""
    if DRAWN not in data and CHANCE not in data:
        return UNKNOWN, None
    try:
        chance = float(data.get(CHANCE) or "nan")
    except (TypeError, ValueError):
        chance = float("nan")
    return text(data.get(DRAWN)), chance if 0 < chance <= 1 else None


def text(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """A value as a text; empty for none."""
    return "" if value is None else str(value).strip()


def identity(value: Any) -> str:  # noqa: ANN401 - as above
    """An id as it stands: spaces may be a part of it. Empty where there is none."""
    found = "" if value is None else str(value)
    return found if found.strip() else ""


def _choices(result: list[Any]) -> list[str]:
    """The classes that regions of an annotation choose, each once; those of our control where it is there."""
    regions = [region for region in result if isinstance(region, dict) and region.get("type") == "choices"]
    ours = [region for region in regions if region.get("from_name") == QUESTION]
    found: dict[str, None] = {}
    for region in ours or regions:
        value = region.get("value")
        found |= dict.fromkeys(_listed(value.get("choices") if isinstance(value, dict) else None))
    return list(found)


def _listed(value: Any) -> list[str]:  # noqa: ANN401 - as above
    """Choices as a list; a cell of several holds JSON."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            inside = decode_json(value)
        except ValueError:
            return [value]
        return _listed(inside) if isinstance(inside, dict | list) else [value]
    if isinstance(value, dict):
        value = value.get("choices")
    if isinstance(value, list):
        return [text(each) for each in value if text(each)]
    return [text(value)] if text(value) else []


def _person(value: Any) -> str:  # noqa: ANN401 - as above
    if isinstance(value, dict):
        return text(value.get("email")) or text(value.get("id"))
    return text(value)
