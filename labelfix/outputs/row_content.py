"""A hash of what a row holds, by which an edited row is told from the one that was accepted.

Over the input columns, not the label: a changed label is seen without the source. Numbers count in single precision and
texts without spaces around, so that a CSV file and the Parquet file made from it give one hash. By Python alone: it is
asked of findings, which are few, and `flag` imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelfix.data.image_place import image_place

DIGITS = 32
"""Hex digits of a hash, 128 bits: no two rows share one by chance, nor on purpose in a baseline that others read."""

ABSENT = "\x1e"
BETWEEN = "\x1f"


def content_hash(row: Mapping[Any, Any], columns: Sequence[str], folder: Path) -> str | None:
    """The hash of a row's inputs; None where a column is not there.

    Args:
        row: Column → value, as a source gives it.
        folder: Where images that are named are looked for.
    """
    if not columns or any(name not in row for name in columns):
        return None
    told = (f"{name}{BETWEEN}{_plain(row[name], folder)}" for name in columns)
    return hashlib.sha256(f"{BETWEEN}{BETWEEN}".join(told).encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def _plain(value: Any, folder: Path) -> str:  # noqa: ANN401 - whatever a source holds
    if value is None or value == "":
        return ABSENT
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _number(float(value))
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, Path):
        return _file(value)
    if isinstance(value, dict) and ("bytes" in value or "path" in value):
        data, path = value.get("bytes"), value.get("path")
        return (
            _plain(data, folder) if data is not None else _file(Path(image_place(str(path), os.path.abspath(folder))))
        )
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, sort_keys=True, default=str)
    text = str(value).strip()
    try:
        return _number(float(text))
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text


def _number(value: float) -> str:
    try:
        return repr(struct.unpack("f", struct.pack("f", value))[0] + 0.0)
    except OverflowError:
        return repr(value)


def _file(path: Path) -> str:
    """An image's bytes; its name where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return path.name
