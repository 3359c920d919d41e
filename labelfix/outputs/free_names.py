"""Names for what is written next: the one that was meant, or the first of its numbered followers that is free."""

from __future__ import annotations

import re
from pathlib import Path


def free(path: Path) -> Path:
    """The path where nothing is there; else `to_check-2.csv` after `to_check.csv`, `run-3` after `run-2`."""
    suffix = "" if path.is_dir() else path.suffix
    counted = re.fullmatch(r"(.*[^-])-(\d{1,3})", path.name.removesuffix(suffix))
    stem, number = (counted[1], int(counted[2])) if counted else (path.name.removesuffix(suffix), 1)
    while path.exists() or path.is_symlink():
        number += 1
        path = path.with_name(f"{stem}-{number}{suffix}")
    return path
