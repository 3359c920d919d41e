"""What a person said about a row, whatever tool it comes from, and what several of them add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from labelfix.data.chosen_rows import CHANCE, DRAWN

ID = "labelfix_id"
"""What the row's id is called in whatever `labelfix export --tasks` writes."""

ANSWER = "answer"
"""The column of a spreadsheet that a person fills in."""

QUESTION = "label"
"""The control of Label Studio, and the question of Argilla, that the class is chosen in."""

ESCAPED = "labelfix_escaped"
"""Where something stands in it, one apostrophe in front of id and answer is not part of them."""

GIVEN, SUGGESTED = "given_label", "suggested_label"

UNKNOWN = "by a program"
"""How a row was drawn where the file does not say: as if it had been chosen, so that it judges nothing."""

__all__ = [
    "ANSWER",
    "CHANCE",
    "DRAWN",
    "ESCAPED",
    "GIVEN",
    "ID",
    "QUESTION",
    "SUGGESTED",
    "UNKNOWN",
    "Mark",
    "Votes",
    "vote",
]


@dataclass(frozen=True)
class Mark:
    """One answer.

    Attributes:
        id: The row's id; empty where the tool's record has none.
        label: The class; None for no answer (skipped, empty, a draft, or several classes at once).
        who: The person; empty where nobody says.
        when: Sorts by time; empty where nobody says.
        drawn: How the row was drawn, as `labelfix.data.chosen_rows` has it: empty for at random.
        chance: With which probability; None where nobody says.
        several: Several classes were given at once.
    """

    id: str
    label: str | None
    who: str = ""
    when: str = ""
    drawn: str = UNKNOWN
    chance: float | None = None
    several: bool = False


@dataclass(frozen=True)
class Votes:
    """Answers by row.

    Attributes:
        marks: One a row, in the order in which rows first came up.
        remarks: What a person should know of how they came about, a sentence each.
        each: The latest answer of each person to each row, where there is one.
    """

    marks: Sequence[Mark]
    remarks: Sequence[str] = field(default_factory=tuple)
    each: Sequence[Mark] = field(default_factory=tuple)


def vote(marks: Iterable[Mark]) -> Votes:
    """One answer a row: of a person the latest one, of several people the one that most of them give.

    Where two classes have as many votes, the row has no answer.

    Args:
        marks: In the order of the file, which decides where times are the same.
    """
    of_row: dict[str, list[Mark]] = {}
    several = nameless = 0
    for mark in marks:
        several += mark.several
        nameless += not mark.id
        if mark.id:
            of_row.setdefault(mark.id, []).append(mark)
    found: list[Mark] = []
    each: list[Mark] = []
    voted = tied = 0
    for said in of_row.values():
        # An answer without a name is somebody's own; a person's latest counts.
        latest = {mark.who or f"\0{place}": mark for place, mark in _by_time(said)}
        answers = [mark for mark in latest.values() if mark.label is not None]
        each += answers
        counts = Counter(mark.label for mark in answers).most_common(2)
        if not counts:
            found.append(replace(said[0], label=None))
            continue
        voted += len(answers) > 1
        tie = len(counts) == 2 and counts[0][1] == counts[1][1]
        tied += tie
        found.append(replace(said[0], label=None if tie else counts[0][0]))
    return Votes(found, tuple(_remarks(len(of_row), found, voted, tied, several, nameless)), each)


def _by_time(marks: Sequence[Mark]) -> list[tuple[int, Mark]]:
    return sorted(enumerate(marks), key=lambda pair: (pair[1].when, pair[0]))


def _remarks(rows: int, found: Sequence[Mark], voted: int, tied: int, several: int, nameless: int) -> Iterable[str]:
    yield f"answers to {sum(mark.label is not None for mark in found):,} of {rows:,} rows"
    if voted:
        counts = "the class that most of them give counts (with --sources in place of --clean each person is a source)"
        yield f"{voted:,} rows were answered by more than one person: {counts}"
    if tied:
        settle = "settle them, as the others are easier than all rows are"
        yield f"rows without an answer because as many people give one class as another: {tied:,} ({settle})"
    if several:
        yield f"answers that name several classes at once, which count as none: {several:,}"
    if nameless:
        yield f"records without an id of labelfix, which are left out: {nameless:,}"
