"""What tables in files share: what tells them from others, and that they stay as they are while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, wraps
from pathlib import Path
from typing import ParamSpec, cast

from labelfix.data.formats.base import Chunk, TableSource
from labelfix.data.formats.file_checks import hash_files
from labelfix.errors import input_error
from labelfix.remote import RemotePath

P = ParamSpec("P")


class HashedFiles(TableSource):
    """A table in files, told from others by their bytes.

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
        self._as_opened = _stamps(self.paths)

    def refuse_changed(self) -> None:
        """Refuse files that are not what was opened: rows of several passes over them would not belong together.

        Raises:
            InputError: They were changed, and are not known to hold the same bytes.
        """
        now = _stamps(self.paths)
        if now == self._as_opened:
            return
        if None not in now and "_hash" in self.__dict__ and hash_files(self.paths) == self._hash:
            self._as_opened = now
            return
        remedy = "give the command again once nothing writes to it"
        raise input_error(self.name, "was changed while it was being read", remedy)

    @cached_property
    def _hash(self) -> str:
        return hash_files(self.paths)


def as_opened(scan: Callable[P, Iterator[Chunk]]) -> Callable[P, Iterator[Chunk]]:
    """A pass over the rows of `HashedFiles` that ends with an error where the files change meanwhile."""

    @wraps(scan)
    def watched(*arguments: P.args, **named: P.kwargs) -> Iterator[Chunk]:
        source = cast(HashedFiles, arguments[0])
        source.refuse_changed()
        try:
            yield from scan(*arguments, **named)
        except Exception:
            source.refuse_changed()  # this is why what is read makes no sense any more
            raise
        source.refuse_changed()

    return watched


def _stamps(paths: Iterable[Path]) -> list[tuple[int, int, int] | None]:
    """`stamp` of each file that lies on a disk."""
    return [stamp(path) for path in paths if not isinstance(path, RemotePath)]


def stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes with a file on a disk: its size, its time and its place; None where it is gone."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns, about.st_ino
