"""`answers.jsonl` of `labelfix review`, given as a file of trusted rows.

The latest decision about a row counts, and undone ones do not. Rows of the random queue were drawn at random as long as
no other queue had been worked on before: rows that were decided there are missing among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labelfix.data.annotations.marks import Mark
from labelfix.errors import RunError, input_error
from labelfix.runs.answers import AnswersFile

RANDOM = "random"


def is_decision(record: Mapping[str, Any]) -> bool:
    """Whether a record of JSON Lines is a decision."""
    return all(name in record for name in ("key", "id", "decision", "who", "when", "queue"))


def of_answers(path: Path, name: str) -> Iterator[Mark]:
    """The decisions of a file.

    Raises:
        InputError: A line is damaged.
    """
    try:
        ledger = AnswersFile(path).ledger
    except RunError as error:
        what, _, remedy = str(error).removeprefix(f"{path}: ").partition("; ")
        raise input_error(name, what, remedy) from None
    at_random = True
    for row, answer in ledger.standing().items():
        at_random = at_random and answer.queue == RANDOM
        drawn = "" if at_random else answer.queue
        yield Mark(row, answer.label, answer.who, answer.when, drawn, answer.inclusion)
