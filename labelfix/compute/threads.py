"""What the work may take of this machine: how much memory, and a single thread."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from threadpoolctl import threadpool_limits


def machine_memory() -> int | None:
    """Memory limit of this machine or container in bytes; None if unknown."""
    found = []
    with contextlib.suppress(OSError, ValueError, AttributeError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):  # "max" is no number: no limit
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min((each for each in found if each > 0), default=None)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread.

    Heads on fixed features are many small matrix products: a second thread gains little on a free machine, and on a
    busy one each product waits for the slower thread (measured: fifty times slower). One thread also makes the
    result independent of how many there are.
    """
    torch = sys.modules.get("torch")  # has threads of its own, where it is loaded
    before = torch.get_num_threads() if torch else 0
    if torch:
        torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        if torch:
            torch.set_num_threads(before)
