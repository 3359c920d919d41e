"""A stream that passes on what another one reads."""

from __future__ import annotations

import io
import os
from typing import Any


class PassedOn(io.RawIOBase):
    """Reads from any place of another stream, which it closes with itself; `read` may be extended."""

    def __init__(self, raw: Any) -> None:  # noqa: ANN401 - fsspec has no types
        self._raw = raw

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        return int(self._raw.tell())

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return int(self._raw.seek(offset, whence))

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes, or all that are left."""
        return bytes(self._raw.read(-1 if size is None else size))

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - anything that takes bytes
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        """Let go of it."""
        if not self.closed:
            self._raw.close()
        super().close()
