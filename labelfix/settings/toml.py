"""Plain values as a TOML document; Python's own tomllib reads it back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def to_document(values: Mapping[str, Any]) -> str:
    """A TOML document of plain values: strings, numbers, booleans, and sequences and mappings of them.

    Mappings at the top become tables, deeper ones are written on their line.
    """
    tables = {key: value for key, value in values.items() if isinstance(value, Mapping)}
    document = _lines({key: value for key, value in values.items() if key not in tables})
    for key, table in tables.items():
        document += ("\n" if document else "") + f"[{_key(key)}]\n{_lines(table)}"
    return document


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in values.items())


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else _string(key)


def _value(value: Any) -> str:  # noqa: ANN401 - any plain value
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_value, value)) + "]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _string(text: str) -> str:
    # JSON escapes what TOML does, but for the delete character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
