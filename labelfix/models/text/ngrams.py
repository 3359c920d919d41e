"""The words and the pieces of words that texts are told apart by, as scikit-learn's vectorizers take them.

Finished runs count them here and not there, so that scoring needs neither scikit-learn nor SciPy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

WORD = re.compile(r"(?u)\b\w\w+\b")
"""What HashingVectorizer takes for a word."""

REMEMBERED = 1 << 14
"""Words of which what is made of their letters is kept: a few thousand make up most of any text."""

SPACES = re.compile(r"\s\s+")


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return WORD.findall(text.lower())


def spaced(text: str) -> list[str]:
    """What stands between the spaces of a text in lower case."""
    return SPACES.sub(" ", text.lower()).split()


def pieces(word: str, least: int, most: int) -> Iterator[str]:
    """Runs of characters of a word with a space before and behind it.

    Args:
        least: Characters of the shortest run.
        most: Characters of the longest; a word with its spaces that is shorter is one run, once.
    """
    padded = f" {word} "
    for length in range(least, most + 1):
        if len(padded) <= length:
            yield padded
            break
        for start in range(len(padded) - length + 1):
            yield padded[start : start + length]


def with_pairs(found: list[str]) -> list[str]:
    """Words, and after them each two that stand beside each other."""
    return found + [f"{one} {other}" for one, other in zip(found, found[1:], strict=False)]
