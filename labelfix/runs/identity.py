"""The id of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from labelfix.runs.files import jsonable


def run_id(settings: Mapping[str, Any], contents: Sequence[str], seed: int) -> str:
    """The id of a run: the same settings, inputs and seed always give the same one.

    Args:
        settings: Plain values of every setting that can change the result.
        contents: Content hashes of the inputs, in a fixed order.

    Returns:
        16 hexadecimal digits of a SHA-256.
    """
    text = json.dumps([jsonable(settings), list(contents), seed], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
