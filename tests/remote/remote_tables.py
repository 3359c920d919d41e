"""What the tests of remote tables share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
KEY = "AKIAIOSFODNN7EXAMPLE"
BUCKET = "tables"


def blobs(rows: int, seed: int) -> tuple[pa.Table, list[str]]:
    """Two groups of points whose given labels are wrong in three of ten rows, and the true labels."""
    generator = np.random.default_rng(seed)
    truth = np.arange(rows) % 2
    points = generator.normal(0, 1, (rows, 2)) + np.where(truth[:, None] == 1, 3.0, -3.0)
    given = truth.copy()
    wrong = generator.choice(rows, 3 * rows // 10, replace=False)
    given[wrong] = 1 - given[wrong]
    words = np.array(["cat", "dog"])
    ids = [f"item-{row:05d}" for row in range(rows)]
    return pa.table({"id": ids, "x": points[:, 0], "y": points[:, 1], "label": words[given]}), list(words[truth])


def everything_in(folder: Path) -> bytes:
    """All bytes of all files below a folder, and their names."""
    found = []
    for root, _, names in os.walk(folder):
        found += [name.encode() + b"\n" + Path(root, name).read_bytes() for name in names]
    return b"\n".join(found)
