"""What a network says of new rows, kept on the way: a killed command that is given again goes on from there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.data.formats.file_checks import hash_files
from labelfix.models.contents import contents_hash
from labelfix.models.encoding import digest
from labelfix.models.pieces import Pieces
from labelfix.progress import Progress
from labelfix.scoring.blocks import NewBlocks, block_rows
from labelfix.version import __version__

FORMAT = "scored rows 1"


def pieces_of(blocks: NewBlocks, asked: str, parts: Iterable[Path], progress: Progress) -> Pieces | None:
    """The pieces of rows that a network scores; None where there are no rows, or features that are kept themselves.

    Args:
        asked: What is computed of them.
        parts: The run's folders that decide what is said.
    """
    if blocks.representation.frozen or not len(blocks):
        return None
    files = sorted(path for part in parts for path in part.rglob("*") if path.is_file())
    rows = contents_hash(blocks.rows.inputs, blocks.compute.read_rows, progress)
    key = digest(FORMAT, __version__, asked, hash_files(files), rows, _labels_hash(blocks))
    return Pieces.of(blocks.compute, key, block_rows(len(blocks.rows.classes)), progress)


def _labels_hash(blocks: NewBlocks) -> str:
    """SHA-256 (hex) of what the rows are labelled as, and of which can be read."""
    total = hashlib.sha256()
    for table in blocks.tables():
        said: list[npt.NDArray[Any] | None] = [table.codes, table.readable]
        if table.opinions is not None:
            said += [table.opinions.start, table.opinions.source, table.opinions.label, table.opinions.asked]
        for array in said:
            total.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
