"""JSON that anyone may have written, decoded only where Python's objects for it do not fill the memory.

Twenty megabytes of `{},{},…` take half a gigabyte, and 300 kB of them compressed take two.
"""

from __future__ import annotations

import json
from typing import Any

LEAST = 1 << 24
"""Bytes below which nothing is counted: no text takes more than thirty times its size."""

MOST_BYTES = 3 << 28
"""Bytes of memory that one document or record may take."""

_TAKES = ((b"[", 64), (b"{", 64), (b'"', 30), (b".", 24), (b":", 100))
"""What marks stand for, in bytes: a list, an object, half a text, a number that is not whole, an entry."""

_EACH = 4
"""Bytes for each byte of the text: its place in a list, whole numbers, letters."""


class NotPlainJsonError(ValueError):
    """A document that Python reads and JSON, or any file of a run, does not allow."""


def is_no_text(path: object) -> bool:
    """Whether a name has bytes that are no UTF-8, so that no document holds it."""
    return any("\ud800" <= letter <= "\udfff" for letter in str(path))


def check_size(text: str | bytes) -> None:
    """Refuse a text that takes far more memory than it has letters.

    Raises:
        NotPlainJsonError: It does.
    """
    if len(text) < LEAST:
        return
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if _EACH * len(data) + sum(size * data.count(mark) for mark, size in _TAKES) > MOST_BYTES:
        raise NotPlainJsonError(f"it would take more than {MOST_BYTES >> 20} MB of memory")


def decode_json(text: str | bytes, **how: Any) -> Any:  # noqa: ANN401 - whatever JSON can say
    """What a text says.

    Args:
        how: As for `json.loads`.

    Raises:
        ValueError: It is no JSON, is nested too deeply, or would fill the memory; the message says which.
    """
    check_size(text)
    try:
        return json.loads(text, **how)
    except RecursionError:
        raise NotPlainJsonError("nested too deeply") from None
