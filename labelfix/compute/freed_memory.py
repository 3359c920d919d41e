"""Free memory goes back to the machine, so that the next stage's arrays need not stand beside the last one's holes.

The C library keeps what it has freed for later. After stages that make and drop arrays of tens of megabytes, that is
hundreds of them.
"""

from __future__ import annotations

import contextlib
import ctypes


def give_back() -> None:
    """Hand back what is free, in milliseconds; nothing happens where the C library cannot."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
