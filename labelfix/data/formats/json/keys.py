"""Objects of JSON in which no key stands twice."""

from __future__ import annotations

import json
from typing import Any

KEEP_ONE = "keep the right one (jq -c . FILE keeps the last)"


class RepeatedKeyError(ValueError):
    """An object has a key twice, with different values: Python would take the last one without a word."""


def plain_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON as a dict.

    Args:
        pairs: Its keys and values.

    Raises:
        RepeatedKeyError: One key has two values.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if value != found[key]:
                both = " and then ".join(json.dumps(each)[:40] for each in (value, found[key]))
                raise RepeatedKeyError(f"has the key {key!r} twice, with {both}")
    return found


DECODER = json.JSONDecoder(strict=False, object_pairs_hook=plain_object)
