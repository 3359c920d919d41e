"""Freed memory is handed back to the system, so that the process does not grow from stage to stage.

The C library keeps freed memory for later use: hundreds of megabytes after stages that allocate and drop large arrays.
"""

from __future__ import annotations

import contextlib
import ctypes


def give_back() -> None:
    """Return free memory to the system, which takes milliseconds; does nothing where the C library cannot."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
