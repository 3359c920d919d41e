"""What sources share whose cells have types of their own, and whose rows are those of some files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import READ_ROWS, Chunk
from labelfix.data.formats.file_checks import hash_files
from labelfix.errors import Defect


class HashedFiles:
    """Some files, told from others by their bytes.

    Args:
        name: The table as the user named it.

    Attributes:
        files: What each file is called: the table's name where it is one.
        folder: Where the first lies.
    """

    def __init__(self, paths: Sequence[Path], name: str) -> None:
        self.name = name
        self.paths = tuple(paths)
        self.files = (name,) if len(paths) == 1 else tuple(str(path) for path in paths)
        self.folder = paths[0].parent

    def content_hash(self) -> str:
        """See `TableSource.content_hash`."""
        return self._hash

    @cached_property
    def _hash(self) -> str:
        return hash_files(self.paths)


class TypedFiles(HashedFiles):
    """Files whose cells have types: no word stands for "nothing here", and cells stand there as they are read."""

    untyped = False
    remarks: tuple[str, ...] = ()
    warnings: tuple[Defect, ...] = ()
    schema: pa.Schema

    def scan(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.scan`."""
        raise NotImplementedError

    def verbatim(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.verbatim`: the same as `scan`."""
        return self.scan(columns, rows)
