"""Which encoding a file that is not UTF-8 probably has."""

from __future__ import annotations

import re
from typing import IO, Literal

GUESSED_FROM = 1 << 20
"""Bytes from the beginning that are looked at, and as many round the place that is no UTF-8."""

USUAL = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874",
    "koi8_r", "cp932", "euc_jp", "gb18030", "big5", "cp949",
)  # fmt: skip
"""What tables are met in; others are only guessed by accident."""

WESTERN_ONES = ("cp1252", "mac_roman", "cp850")
"""Of Windows, of old Macs and of DOS: whichever makes letters of Western Europe of a text."""
WESTERN = "àâäáãåæçéèêëíìîïñóòôöõøœßúùûüÀÂÄÁÃÅÆÇÉÈÊËÍÌÎÏÑÓÒÔÖÕØŒÚÙÛÜ’‘“”–—…€£§°«»•¿¡\xa0"

TURKISH = "çğıöşüÇĞİÖŞÜâîûÂÎÛ’‘“”–—…€"
"""Few enough that hardly a word of another language reads so by accident."""

MIXED = "utf-8 and another"
"""What is said of a text most of whose lines with letters beyond ASCII are UTF-8, and some are not."""

MANY_LETTERS, LONGEST = 1 << 10, 20
"""Letters in which a word is looked for that shows how a text reads, and how much of it is shown."""

WRITTEN = 1 << 15
"""Bytes of lines with letters beyond ASCII that the guess rests on: more makes it no better."""


def wide_order(head: bytes) -> Literal["little", "big"] | None:
    """Byte order of UTF-16 without a mark, by where the zero bytes of plain letters stand; None where it is not."""
    head = head[: len(head) // 2 * 2]
    zeros = (head[0::2].count(0), head[1::2].count(0))
    if max(zeros) * 4 < len(head) // 2 or min(zeros) * 8 > max(zeros):
        return None
    return "little" if zeros[1] > zeros[0] else "big"


def guess(stream: IO[bytes], offset: int) -> tuple[str, str]:
    """The name of the likeliest encoding, empty where there is none, and a word as it reads in it.

    Args:
        stream: The file's bytes, from the beginning.
        offset: How many bytes lie before the first that is no UTF-8.
    """
    from charset_normalizer import from_bytes

    head = stream.read(GUESSED_FROM)
    if offset >= GUESSED_FROM:
        # Read on rather than sought: a compressed file has no other way.
        before = offset - GUESSED_FROM - GUESSED_FROM // 2
        while before > 0 and (block := stream.read(min(before, GUESSED_FROM))):
            before -= len(block)
        head = stream.read(GUESSED_FROM)
    # Lines in plain ASCII say nothing about the encoding and only thin out those that do.
    lines = [line for line in head.splitlines() if not line.isascii()]
    told = b"\n".join(lines)[:WRITTEN]
    if not told:
        return "", ""
    if 2 * sum(_decodes(line, "utf-8") for line in told.splitlines()) > len(told.splitlines()):
        return MIXED, ""
    pages = [*((name, WESTERN) for name in WESTERN_ONES), ("cp1254", TURKISH)]
    western = (
        name
        for name, letters in pages
        if _decodes(told, name) and _reads_as(told.decode(name, errors="replace"), letters)
    )
    if (first := next(western, None)) is not None:
        return first, _word(told, first)
    fitting = [name for name in USUAL if _decodes(told, name)]
    if not fitting:
        return "", ""
    best = from_bytes(told, cp_isolation=fitting, enable_fallback=False).best()
    likely = fitting[0] if best is None else str(best.encoding)
    return likely, _word(told, likely)


def _word(text: bytes, encoding: str) -> str:
    """The longest word with letters beyond ASCII among the first."""
    words = re.findall(r"[^\W\d_]+", text.decode(encoding, errors="replace")[:MANY_LETTERS])
    return max((word[:LONGEST] for word in words if not word.isascii()), key=len, default="")


def _decodes(text: bytes, encoding: str) -> bool:
    """Whether text, which may end within a character, is of an encoding."""
    try:
        text[: text.rfind(b"\n") if b"\n" in text else len(text)].decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _reads_as(text: str, letters: str) -> bool:
    """Whether the letters beyond ASCII are some that are expected, among plain ones."""
    words = [word for word in re.findall(r"[^\W\d_]+", text) if not word.isascii()]
    beyond = [letter for letter in text if letter > "\x7f"]
    mixed = sum(any(letter <= "\x7f" for letter in word) for word in words)
    # A capital within a small word is a small letter of another encoding.
    odd = sum(any(letter.isupper() and letter > "\x7f" for letter in word[1:]) and not word.isupper() for word in words)
    return (
        mixed >= 0.5 * len(words)
        and 10 * odd <= len(words)
        and sum(letter in letters for letter in beyond) >= 0.95 * len(beyond)
    )
