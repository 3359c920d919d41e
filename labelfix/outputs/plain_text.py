"""Text from data, made safe to show: one line, no terminal escapes, nothing invisible."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

COMMAND = re.compile(r"#(?=#\w*\[)")
"""The first letter of what CI runners take for a command wherever it stands in a line: `##[error]`, `##vso[…]`,
`##teamcity[…]`."""

COMMAND_LINE = re.compile(r"^(\s*):(?=:)")
"""The first colon of a line that GitHub Actions takes for a command: `::error::`, `::stop-commands::`."""


def visible(text: str) -> str:
    r"""The text with everything that is not printable written as an escape (`\x1b`, `\u202e`), on one line.

    Labels, ids and snippets come from files that anyone may have written: an escape sequence in them must not
    move the cursor, a right-to-left mark must not reorder the line, and `##[error]` must not speak to a CI runner.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return COMMAND.sub(r"\\x23", text) if "##" in text else text


def printed(line: str) -> str:
    """One line as it may stand on a terminal or in the log of a CI job, whatever data is in it."""
    return COMMAND_LINE.sub(r"\1\\x3a", visible(line))


def json_text(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """JSON that may stand in the log of a CI job: ASCII, and nothing in it that a runner takes for a command."""
    return json.dumps(value, indent=2, allow_nan=False).replace("##", "#\\u0023")


def snippet(text: str, width: int = 60) -> str:
    """The beginning of a text on one line, at most `width` characters before escaping; `…` marks what was cut."""
    line = " ".join(text[: 8 * width].split())
    shorten = len(line) > width or len(text) > 8 * width
    return visible(line[: width - 1].rstrip() + "…" if shorten else line)


def width(text: str) -> int:
    """Columns that a text takes on a terminal: wide letters take two, marks upon letters none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shorten(text: str, columns: int, head: bool = False) -> str:
    """A text that takes at most that many columns; `…` marks what was cut.

    Args:
        columns: At least 1.
        head: Cut at its beginning, as of paths.
    """
    if width(text) <= columns:
        return text
    kept, room = "", columns - 1
    for c in reversed(text) if head else text:
        room -= width(c)
        if room < 0:
            break
        kept = c + kept if head else kept + c
    return f"…{kept}" if head else f"{kept}…"


def wrapped(text: str, columns: int) -> list[str]:
    """A sentence as lines of at most that many columns, broken at spaces; a word that is longer has its own.

    Args:
        columns: Columns of a line; those after the first begin with two spaces.
    """
    if width(text) <= columns:
        return [text]
    lines = [""]
    for word in text.split(" "):
        if lines[-1].strip() and width(lines[-1]) + 1 + width(word) > columns:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return lines
