"""What the tests of remote tables share."""

import os
from pathlib import Path

import pyarrow as pa
import two_groups

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
KEY = "AKIAIOSFODNN7EXAMPLE"
BUCKET = "tables"


def blobs(rows, seed):
    """Two groups of points whose given labels are wrong in three of ten rows, and the true labels."""
    points, _, _, truth, given = two_groups.blobs(rows, seed)
    ids = [f"item-{row:05d}" for row in range(rows)]
    return pa.table({"id": ids, "x": points[:, 0], "y": points[:, 1], "label": given}), truth


def everything_in(folder):
    """All bytes of all files below a folder, and their names."""
    found = []
    for root, _, names in os.walk(folder):
        found += [name.encode() + b"\n" + Path(root, name).read_bytes() for name in names]
    return b"\n".join(found)
