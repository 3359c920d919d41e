"""Remote names as paths: what reads a local file reads these, and nothing secret is ever shown of them."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelfix.errors import input_error
from labelfix.remote.filesystem import connect, worded
from labelfix.remote.stream import RemoteFile
from labelfix.settings.remote_names import WEB, is_remote, scheme_of, whole, without_secrets

READ_AHEAD = 1 << 23
"""Bytes requested at once when a file is read from beginning to end, and size up to which a file is small."""


if TYPE_CHECKING:
    _SystemPath = Path
else:
    _SystemPath = type(Path())  # Python 3.11 makes no paths of a subclass of Path itself


class RemotePath(_SystemPath):
    """A file on another machine, or what such files lie under.

    What only a disk can do (links, modes, renaming) ends in one error that says so.
    """

    _given: str | None = None
    _file_size: int | None = None

    @property
    def url(self) -> str:
        """The name with what is secret in it; for the file system alone."""
        return self._given or whole("/".join(self.parts))

    @property
    def scheme(self) -> str:
        """What stands before the colon."""
        return scheme_of(self.url) or ""

    def __str__(self) -> str:
        return without_secrets(self.url)

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    def __fspath__(self) -> str:
        raise input_error(str(self), "lies on another machine, and is needed on this one", "copy it here first")

    @cached_property
    def _place(self) -> tuple[Any, str]:
        return connect(self.url)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Its size, and that it is a file; see `Path.stat`."""
        if self._file_size is None:
            files, key = self._place
            with worded(self.url):
                self._file_size = files.info(key)["size"]
        if self._file_size is None:  # a web server need not say
            with RemoteFile.of(*self._place, self.url, "readahead", READ_AHEAD) as stream:
                self._file_size = stream.seek(0, os.SEEK_END)
        return os.stat_result((stat.S_IFREG, 0, 0, 1, 0, 0, self._file_size, 0, 0, 0))

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there is a file or a folder of this name now."""
        files, key = self._place
        try:
            with worded(self.url):
                files.info(key)
        except FileNotFoundError:
            return False
        return True

    def is_file(self) -> bool:
        return self._file_size is not None or self._kind() == "file"

    def is_dir(self) -> bool:
        """See `Path.is_dir`. The web has no folders that could be listed."""
        return self._file_size is None and self.scheme not in WEB and self._kind() == "directory"

    def is_symlink(self) -> bool:
        """Never."""
        return False

    def rglob(self, pattern: str = "*") -> Iterator[RemotePath]:  # type: ignore[override]
        """All files below; see `Path.rglob`, of which only `*` is needed."""
        assert pattern == "*", "nothing else is asked for"
        files, key = self._place
        with worded(self.url):
            found = files.find(key, detail=True)
        return (self._below(name, about) for name, about in found.items())

    def absolute(self) -> RemotePath:
        """Itself."""
        return self

    def resolve(self, strict: bool = False) -> RemotePath:
        """Itself."""
        return self

    def expanduser(self) -> RemotePath:
        """Itself."""
        return self

    def open(
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:  # noqa: ANN401 - text or bytes
        """The contents; with `buffering` 0 no more is fetched than what is asked for."""
        stream = self._opened(mode, buffering)
        return stream if "b" in mode else io.TextIOWrapper(stream, encoding, errors, newline)

    def _opened(self, mode: str, buffering: int) -> io.RawIOBase:
        if not set(mode) <= set("rbt"):
            raise input_error(str(self), "is written whole, and not in place", "name a new file")
        # A small file is one question to another machine, a large one read in part a question for each part.
        cache = "all" if self.stat().st_size <= READ_AHEAD else "readahead" if buffering else "none"
        return RemoteFile.of(*self._place, self.url, cache, READ_AHEAD)

    def _kind(self) -> str:
        files, key = self._place
        try:
            with worded(self.url):
                return str(files.info(key)["type"])
        except FileNotFoundError:
            return "nothing"

    def _below(self, name: str, about: dict[str, Any]) -> RemotePath:
        found = RemotePath(f"{self.scheme}://{name.lstrip('/')}")
        found._given = f"{self.scheme}://{name.lstrip('/')}"
        found._file_size = about.get("size") or None
        return found


def as_path(name: str | Path) -> Path:
    """A path for a name that a person gave: `RemotePath` for `s3://…` and its like, a local path for all others.

    Args:
        name: The name; `pathlib` may have read it before.

    Raises:
        InputError: It cannot be a name.
    """
    if isinstance(name, RemotePath):
        return name
    if "\0" in str(name):
        raise input_error(str(name), "holds a zero byte, as no name of a file does", "leave it out")
    if not is_remote(name):
        return Path(name)
    found = RemotePath(without_secrets(whole(str(name))))
    found._given = whole(str(name))
    return found


def matching(pattern: str) -> list[Path]:
    """The remote files that a pattern with wildcards matches."""
    files, key = connect(pattern)
    base = RemotePath(without_secrets(whole(pattern)))
    with worded(pattern):
        found = files.glob(key, detail=True)
    return [base._below(name, about) for name, about in found.items() if about["type"] == "file"]


def readable(path: Path, ahead: bool = False) -> Any:  # noqa: ANN401 - a path or a stream
    """What libraries read a file from: a path of this machine as it is, else a stream.

    Args:
        ahead: Read it ahead, as it will be read from its beginning to its end; else only what is asked for is fetched.
    """
    return path.open("rb", -1 if ahead else 0) if isinstance(path, RemotePath) else path


@contextmanager
def writable(path: Path) -> Iterator[Any]:
    """What Arrow writes a file to."""
    if not isinstance(path, RemotePath):
        yield path
        return
    with path.open("wb") as stream:
        yield stream
