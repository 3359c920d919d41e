"""What `run.json` has to look like, so that a damaged one is told from a sound one before anything is made of it."""

from __future__ import annotations

from typing import Any

NUMBER = (int, float)
TEXT_OR_NONE = (str, type(None))

SOURCE = {"name": str, "files": [str], "rows": int}
INPUTS = {"kind": str, "columns": [str], "categorical": [str], "width": (int, type(None))}
COLUMNS = ("id", "label", "clean_id", "clean_label")

MANIFEST: dict[str, Any] = {
    "run_id": str,
    "min_confidence": NUMBER,
    "class_names": {"names": [str]},
    "columns": {**dict.fromkeys(COLUMNS, TEXT_OR_NONE), "inputs": INPUTS},
    "data": {"noisy": SOURCE, "clean": SOURCE},
    "trusted_rows": [int],
}
"""Key → type of its value, types it may have, `[type]` of a list's items, or the same for the keys of an object."""


def wrong_in(values: dict[str, Any], whole: bool) -> str:
    """What is wrong with a manifest, as the rest of a sentence; empty where nothing is.

    Args:
        values: The manifest.
        whole: Whether a key that is missing is wrong; keys of objects that are there never may be missing.
    """
    for key, shape in MANIFEST.items():
        if (whole or key in values) and (wrong := _wrong(values, key, shape, "")):
            return wrong
    return ""


def _wrong(values: dict[str, Any], key: str, shape: Any, before: str) -> str:  # noqa: ANN401 - see MANIFEST
    place = f"{before}{key}"
    if key not in values:
        return f"{place} is missing"
    value = values[key]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{place} is no object"
        return next((wrong for inner in shape if (wrong := _wrong(value, inner, shape[inner], f"{place}."))), "")
    if isinstance(shape, list):
        sound = isinstance(value, list) and all(_is(item, shape[0]) for item in value)
        return "" if sound else f"{place} is no list of {'whole numbers' if shape[0] is int else 'texts'}"
    return "" if _is(value, shape) else f"{place} is {str(value)[:40]!r}"


def _is(value: object, types: Any) -> bool:  # noqa: ANN401 - one type or several
    # Whole numbers below are rows, counts and widths.
    negative = isinstance(value, int) and not 0 <= value < 1 << 53
    return isinstance(value, types) and not isinstance(value, bool) and not negative
