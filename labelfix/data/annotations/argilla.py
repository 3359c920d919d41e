"""Argilla's records: nested, as `records.to_json` writes them, and flat, as `records.to_list(flatten=True)` does.

`id` is ours. Of the flat form submitted responses count; the nested form does not say which they are, so all count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from labelfix.data.annotations.label_studio import drawn, identity, text
from labelfix.data.annotations.marks import DRAWN, QUESTION, Mark
from labelfix.data.labels.column import written_list

RESPONSES = ".responses"

UNKNOWN_STATUS = "these records do not say which responses were submitted, so drafts and discarded ones count as well; "
UNKNOWN_STATUS += "records.to_list(flatten=True) says it"


def is_nested(record: Mapping[str, Any]) -> bool:
    """Whether a record of JSON is one of Argilla's."""
    return all(isinstance(record.get(name), dict) for name in ("fields", "responses", "suggestions")) and "id" in record


def is_flat(names: Mapping[str, Any] | list[str]) -> bool:
    """Whether the keys or columns are those of flat records."""
    return "id" in names and any(name.endswith(RESPONSES) for name in names)


def is_ours(record: Mapping[str, Any]) -> bool:
    """Whether labelfix wrote a record, nested or flat: then its id is one of the noisy file."""
    metadata = record.get("metadata")
    return DRAWN in (metadata if isinstance(metadata, dict) else record)


def questions(record: Mapping[str, Any]) -> set[str]:
    """The questions that people were asked."""
    if is_nested(record):
        return set(record["responses"])
    return {name.removesuffix(RESPONSES) for name in record if name.endswith(RESPONSES)}


def fields_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a record is about: its id, its fields and what else is told of it."""
    if not is_nested(record):
        of_answers = re.compile(r"^_server_id$|^status$|\.(responses|suggestion|suggestions)(\..*)?$")
        return {name: value for name, value in record.items() if not of_answers.search(name)}
    metadata = record.get("metadata")
    return {"id": record["id"], **(metadata if isinstance(metadata, dict) else {}), **record["fields"]}


def of_nested(record: Mapping[str, Any]) -> Iterator[Mark]:
    """The responses of a nested record; one without an answer where there are none."""
    metadata = record.get("metadata")
    about = drawn(metadata if isinstance(metadata, dict) else {})
    answers = _question(record["responses"])
    found = [each for each in answers if isinstance(each, dict)] if isinstance(answers, list) else []
    row = identity(record.get("id"))
    for each in found:
        yield _mark(row, each.get("value"), text(each.get("user_id")), about)
    if not found:
        yield Mark(row, None, "", "", *about)


def of_flat(record: Mapping[str, Any]) -> Iterator[Mark]:
    """The submitted responses of a flat record; one without an answer where there are none."""
    question = next(name for name in _first(record) if name.endswith(RESPONSES))
    values = _list(record.get(question))
    users, states = (_list(record.get(f"{question}.{what}")) for what in ("users", "status"))
    row, about = identity(record.get("id")), drawn(record)
    submitted = [
        (value, text(users[place]) if place < len(users) else "")
        for place, value in enumerate(values)
        if place >= len(states) or states[place] == "submitted"
    ]
    for value, who in submitted:
        yield _mark(row, value, who, about)
    if not submitted:
        yield Mark(row, None, "", "", *about)


def _mark(row: str, value: Any, who: str, about: tuple[str, float | None]) -> Mark:  # noqa: ANN401 - JSON
    several = isinstance(value, list) and len(value) > 1
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    return Mark(row, text(value) or None, who, "", *about, several=several)


def _question(responses: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
    return responses[QUESTION] if QUESTION in responses else next(iter(responses.values()), None)


def _first(record: Mapping[str, Any]) -> list[str]:
    """The keys of a record, those of our question first."""
    return sorted(record, key=lambda name: name != QUESTION + RESPONSES)


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - as above
    """A list, which text files hold as JSON or as Python prints it."""
    if isinstance(value, str):
        value = written_list(value) if value.startswith("[") else value.strip() or None
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
