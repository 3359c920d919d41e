"""The formats that labelfix reads and writes: one file each, one row in `FORMATS`.

What opens tables loads when it is asked for: it brings all formats along, and a reader of lines needs none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelfix.data.formats.base import (
        Chunk,
        FileFormat,
        ReadOptions,
        TableSource,
    )
    from labelfix.data.formats.opening import FORMATS, open_several, open_table, write_batches

__all__ = [
    "FORMATS",
    "Chunk",
    "FileFormat",
    "ReadOptions",
    "TableSource",
    "open_several",
    "open_table",
    "write_batches",
]

_PLACES = {
    **dict.fromkeys(("Chunk", "FileFormat", "ReadOptions", "TableSource"), "base"),
    **dict.fromkeys(("FORMATS", "open_several", "open_table", "write_batches"), "opening"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - names are of any type
    if name in _PLACES:
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
