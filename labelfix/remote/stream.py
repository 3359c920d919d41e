"""Remote files as streams."""

from __future__ import annotations

import shutil
import tempfile
from typing import Any

from labelfix.remote.filesystem import worded
from labelfix.remote.passed_on import PassedOn
from labelfix.settings.remote_names import WEB, scheme_of


class RemoteFile(PassedOn):
    """A remote file, read from any place; every failure on the way is an `InputError` that names the file."""

    def __init__(self, raw: Any, url: str) -> None:  # noqa: ANN401 - fsspec has no types
        super().__init__(raw)
        self._url = url

    @classmethod
    def of(cls, files: Any, key: str, url: str, cache: str, block: int) -> RemoteFile:  # noqa: ANN401 - as above
        """Open a file, which reads `block` bytes ahead as fsspec's `cache` does."""
        with worded(url):
            raw = files.open(key, "rb", block_size=block, cache_type=cache)
            if scheme_of(url) in WEB and not _seeks(raw):
                raw = _fetched(files.open(key, "rb", block_size=0))
        return cls(raw, url)

    def read(self, size: int | None = -1) -> bytes:
        with worded(self._url):
            return super().read(size)


def _seeks(raw: Any) -> bool:  # noqa: ANN401 - fsspec has no types
    """Whether a web server gives parts of a file: some only give all of it."""
    if not raw.seekable() or not raw.size:
        return False
    try:
        raw.seek(raw.size - 1)
        raw.read(1)
        raw.seek(0)
    except ValueError:
        return False
    return True


def _fetched(raw: Any) -> Any:  # noqa: ANN401 - as above
    """All of a stream, in a file without a name that goes when it is closed."""
    kept = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the stream
    with raw:
        shutil.copyfileobj(raw, kept, 1 << 20)
    kept.seek(0)
    return kept
