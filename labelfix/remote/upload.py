"""Writing to another machine: what was there or what is new, whole, and nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from labelfix.errors import InputError, RunError
from labelfix.remote.filesystem import worded
from labelfix.remote.path import RemotePath
from labelfix.settings.remote_names import WEB


class Upload(RemotePath):
    """A file on its way: what is opened for writing is sent in parts, and stands under its name once all of it is."""

    _sink: _Sink | None = None

    def _opened(self, mode: str, buffering: int) -> io.RawIOBase:
        if "w" not in mode:
            return super()._opened(mode, buffering)
        with worded(self.url, "written"):
            self._sink = _Sink(_begun(*self._place), self.url)
        return self._sink

    def finish(self) -> None:
        """Put it in its place."""
        assert self._sink is not None, "something was written"
        with worded(self.url, "written"):
            self._sink.raw.close()

    def give_up(self) -> None:
        """Leave nothing."""
        if self._sink is None:
            return
        raw = self._sink.raw
        with suppress(Exception):  # parts that were sent cost storage until the bucket's own rule takes them
            raw.discard()
        with suppress(AttributeError, OSError, ValueError):
            raw.temp_file.truncate(0)  # huggingface_hub keeps on this disk what it has not yet sent
        raw.closed = True  # or the garbage collector would finish it


class _Sink(io.RawIOBase):
    """A stream into an upload; that it is closed does not finish the upload."""

    def __init__(self, raw: Any, url: str) -> None:  # noqa: ANN401 - fsspec has no types
        self.raw = raw
        self._url = url

    def writable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        return int(self.raw.tell())

    def write(self, data: Any) -> int:  # noqa: ANN401 - any bytes
        """Send, or keep until there is enough to send."""
        block = bytes(data)
        with worded(self._url, "written"):
            self.raw.write(block)
        return len(block)


class _InMemory:
    """A file of fsspec's memory, which has no uploads of its own."""

    closed = False

    def __init__(self, files: Any, key: str) -> None:  # noqa: ANN401 - fsspec has no types
        self._files, self._key, self._held = files, key, bytearray()

    def tell(self) -> int:
        return len(self._held)

    def write(self, data: bytes) -> None:
        self._held += data

    def close(self) -> None:
        self._files.pipe_file(self._key, bytes(self._held))

    def discard(self) -> None:
        self._held.clear()


def _begun(files: Any, key: str) -> Any:  # noqa: ANN401 - fsspec has no types
    return _InMemory(files, key) if "memory" in files.protocol else files.open(key, "wb")


@contextmanager
def uploaded(path: RemotePath) -> Iterator[Upload]:
    """Write a file in another place, whole or not at all.

    Args:
        path: Where it goes; a file there is replaced in one step.

    Yields:
        A path of the same name to write to.

    Raises:
        RunError: It cannot be written there.
    """
    refuse_read_only(path)
    beside = Upload(str(path))
    try:
        yield beside
        beside.finish()
    except FileNotFoundError as error:
        beside.give_up()
        if error.filename != str(path):
            raise
        raise RunError(f"{path}: cannot be written; there is no such bucket or folder") from None
    except InputError as error:
        beside.give_up()
        if all(defect.file != str(path) for defect in error.defects):
            raise
        raise RunError("\n".join(error.lines)) from None
    except BaseException:
        beside.give_up()
        raise


def refuse_read_only(path: RemotePath) -> None:
    """Refuse to write where one can only read.

    Raises:
        RunError: It is the web.
    """
    if path.scheme in WEB:
        raise RunError(f"{path}: is only read; write to a disk, or to s3://, gs://, az:// or hf://")
