"""About how many rows reading a table will pass over, told before it is read, so that people see how long it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from labelfix.data.formats.parquet import SUFFIXES
from labelfix.data.formats.text_file import UNPACKING_ERRORS, open_unpacked, packed_as
from labelfix.errors import LabelfixError
from labelfix.remote import RemotePath, as_path

SAMPLE = 1 << 18
"""Bytes of a text that say how long its lines are."""

PASSES = 2
"""Over ids and labels, and over inputs; over delimited text one more comes before, to find what its columns hold."""

PACKED_TO = 5
"""How many times larger a compressed text is, about."""


def rows_ahead(source: Any) -> int | None:  # noqa: ANN401 - any source
    """Rows of a table times the passes over them; an estimate for text, None where nothing cheap tells."""
    if not isinstance(source, str | Path):
        return PASSES * len(source) if hasattr(source, "__len__") and not isinstance(source, dict) else None
    path = as_path(source)
    if isinstance(path, RemotePath) or not path.is_file():
        return None
    try:
        if path.name.lower().endswith(SUFFIXES):
            return PASSES * int(pq.read_metadata(path).num_rows)
        with open_unpacked(path, str(path)) as stream:
            head = stream.read(SAMPLE)
        size = len(head) if len(head) < SAMPLE else path.stat().st_size * (1 if packed_as(path) is None else PACKED_TO)
    except (*UNPACKING_ERRORS, ValueError, LabelfixError):
        return None  # whatever is wrong with it is said where it is read
    lines = head.count(b"\n")
    if not lines or b"\0" in head:
        return None
    delimited = not head.lstrip().startswith((b"{", b"["))
    return (PASSES + delimited) * max(size * lines // len(head), 1)
