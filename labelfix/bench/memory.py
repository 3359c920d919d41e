"""Memory of this process, and its peak over a stretch of work."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def resident() -> float:
    """Memory of this process in MB; restarts the count of its peak where the system allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return _status("VmRSS")
    except OSError:
        return peak()


def peak() -> float:
    """Peak memory of this process in MB since the last call of `resident`; ever, if the count cannot restart."""
    try:
        return _status("VmHWM")
    except OSError:
        unit = 1e6 if sys.platform == "darwin" else 1e3
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _status(name: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1]) * 1024 / 1e6
    raise OSError(f"/proc/self/status has no {name}")
