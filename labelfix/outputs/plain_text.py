"""Text from data, made safe to show: one line, no terminal escapes, nothing invisible."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""The text with everything that is not printable written as an escape (`\x1b`, `\u202e`), on one line.

    Labels, ids and snippets come from files that anyone may have written: an escape sequence in them must not
    move the cursor, and a right-to-left mark must not reorder the line.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def snippet(text: str, width: int = 60) -> str:
    """The beginning of a text on one line, at most `width` characters before escaping; `…` marks what was cut."""
    line = " ".join(text[: 8 * width].split())
    cut = len(line) > width or len(text) > 8 * width
    return visible(line[: width - 1].rstrip() + "…" if cut else line)
