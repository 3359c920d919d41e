"""`answers.jsonl` of a run folder: what people decided about rows, a line a decision, never a line changed.

A decision is on the disk before `AnswersFile.append` returns. Several processes may append at once: a lock on the file
lets one do so at a time, and each first takes in what the others have written. What a process that was killed left of
a line is cut off by the next one that appends; nobody was told that it was kept.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from labelfix.errors import RunError
from labelfix.runs.durable import flush, sync

Decision = Literal["accept", "keep", "label", "cannot_tell", "skip", "undo"]

NAME = "answers.jsonl"
"""What the file is called in a run folder."""

LABELLING = ("accept", "keep", "label")
"""Decisions that name a class: the suggested one, the given one, another one."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file.

    Attributes:
        key: Of this decision alone; one that is sent twice is kept once.
        decision: `skip` leaves the row for later, `undo` takes an earlier decision back.
        label: The class that the person gave, whichever of the `LABELLING` it was; else None.
        when: In UTC, ISO 8601.
        seconds: How long the row was looked at; None where nobody measured.
        queue: What put the row before the person, such as `worst`.
        inclusion: The probability with which this queue's plan asks about the row; None where chance chose nothing.
        note: The person's own words.
        run: `run_id` of the run whose suggestion was shown.
        takes_back: Key of the decision that an `undo` takes back.
    """

    key: str
    id: str
    decision: Decision
    label: str | None = None
    who: str
    when: str
    seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    queue: str
    inclusion: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    note: str = ""
    run: str = ""
    takes_back: str | None = None

    def __post_init__(self) -> None:
        if (self.decision in LABELLING) != (self.label is not None):
            raise ValueError(f"decision {self.decision} {'lacks its' if self.label is None else 'has a'} label")
        if (self.decision == "undo") != (self.takes_back is not None):
            raise ValueError(f"decision {self.decision} {'lacks' if self.takes_back is None else 'has'} takes_back")


class DecidedError(Exception):
    """The row was decided by then, in a way that whoever decides now did not know."""

    def __init__(self, standing: Answer) -> None:
        super().__init__(f"row {standing.id} was decided by {standing.who} at {standing.when}")
        self.standing = standing


class Ledger:
    """Decisions in their order, and which of them stand.

    Attributes:
        answers: All lines, undone ones and undos included.
    """

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self.answers: list[Answer] = []
        self._undos: dict[str, Answer] = {}
        self._by_key: dict[str, Answer] = {}
        self._of_row: dict[str, list[Answer]] = {}
        for answer in answers:
            self.take(answer)

    def take(self, answer: Answer) -> None:
        """Count one more; of two with one key, the first."""
        if answer.key in self._by_key:
            return
        self._by_key[answer.key] = answer
        self.answers.append(answer)
        if answer.takes_back is None:
            self._of_row.setdefault(answer.id, []).append(answer)
        else:
            self._undos.setdefault(answer.takes_back, answer)

    @property
    def undone(self) -> Collection[str]:
        """Keys of the decisions that were taken back."""
        return self._undos.keys()

    def get(self, key: str) -> Answer | None:
        """The line of a key."""
        return self._by_key.get(key)

    def undo_of(self, key: str | None) -> Answer | None:
        """The line that takes the decision of a key back."""
        return self._undos.get(key or "")

    def standing_of(self, row: str) -> Answer | None:
        """The latest decision about a row that nobody took back; a skip only where there is nothing else."""
        kept = [answer for answer in self._of_row.get(row, ()) if answer.key not in self.undone]
        decided = [answer for answer in kept if answer.decision != "skip"]
        return next(reversed(decided or kept), None)

    def standing(self) -> dict[str, Answer]:
        """`standing_of` every row that has one, in the order in which rows first came up."""
        found = ((row, self.standing_of(row)) for row in self._of_row)
        return {row: answer for row, answer in found if answer is not None}

    def latest_of(self, who: str) -> Iterator[Answer]:
        """The decisions of a person that were not taken back, the latest first."""
        return (a for a in reversed(self.answers) if a.who == who and a.decision != "undo" and a.key not in self.undone)


class AnswersFile:
    """The file, open to be read and appended to, by several threads and processes at once.

    Attributes:
        ledger: What it held when it was last looked at; another one where the file was replaced meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = Ledger()
        self._place = (0, 0)
        self._end = 0
        self._lines = 0
        self._threads = threading.RLock()
        self.refresh()

    def refresh(self) -> Ledger:
        """Take in what was appended since.

        Raises:
            RunError: A line is damaged.
        """
        with self._threads:
            try:
                handle = os.open(self.path, os.O_RDONLY)
            except FileNotFoundError:
                return self.ledger
            except OSError as error:
                raise RunError(f"{self.path}: cannot be read ({error.strerror}); see who may read it") from None
            try:
                self._catch_up(handle)
            finally:
                os.close(handle)
            return self.ledger

    def append(self, answer: Answer, knowing: str | None = None) -> Answer:
        """Put a decision on the disk.

        Args:
            knowing: Key of the decision about this row that the person knows and decides over; a skip counts as none.

        Returns:
            What stands in the file: of two with one key, the first, and of two that take the same back.

        Raises:
            DecidedError: There is another decision about the row than the one known; nothing is written.
            RunError: The file cannot be written, or a line of it is damaged.
        """
        with self._threads:
            try:
                with _alone(self.path) as handle:
                    self._catch_up(handle)
                    there = self.ledger.get(answer.key) or self.ledger.undo_of(answer.takes_back)
                    if there is not None:
                        return there
                    self._refuse_unknown(answer, knowing)
                    self._write(handle, answer)
            except OSError as error:
                what = f"the decision cannot be kept ({error.strerror})"
                raise RunError(f"{self.path}: {what}; make room or give write access, and decide again") from None
            self.ledger.take(answer)
            return answer

    def _refuse_unknown(self, answer: Answer, knowing: str | None) -> None:
        if answer.decision in ("undo", "skip"):
            return
        standing = self.ledger.standing_of(answer.id)
        if standing is not None and standing.decision != "skip" and standing.key != knowing:
            raise DecidedError(standing)

    def _write(self, handle: int, answer: Answer) -> None:
        """Append a line; the lock is held, and what stands in the file is known."""
        os.lseek(handle, self._end, os.SEEK_SET)
        tail = os.read(handle, os.fstat(handle).st_size)
        if _whole(tail) is None:
            os.ftruncate(handle, self._end)  # the beginning of a line that a killed process left
            tail = b""
        whole = (b"\n" if tail else b"") + msgspec.json.encode(answer) + b"\n"
        try:
            if os.write(handle, whole) != len(whole):
                raise OSError(28, "No space left on device")
            flush(handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, self._end + len(tail))
            raise
        if not self._end:
            sync(self.path.parent)
        self._end += len(tail) + len(whole)
        self._lines += 1 + bool(tail)

    def _catch_up(self, handle: int) -> None:
        """Read the whole lines behind what was read before; all again where it is another file or a shorter one."""
        about = os.fstat(handle)
        place = about.st_dev, about.st_ino
        if about.st_size < self._end or place != self._place:
            self.ledger, self._place, self._end, self._lines = Ledger(), place, 0, 0
        with open(handle, "rb", closefd=False) as file:
            file.seek(self._end)
            *lines, tail = file.read().split(b"\n")
        for line in lines:
            if line.strip():
                self.ledger.take(self._parsed(line))
            self._lines += 1
            self._end += len(line) + 1
        if (last := _whole(tail)) is not None:
            self.ledger.take(last)

    def _parsed(self, line: bytes) -> Answer:
        try:
            return msgspec.json.decode(line, type=Answer)
        except (msgspec.MsgspecError, ValueError) as error:
            what = f"line {self._lines + 1} is no decision ({error})"
            raise RunError(f"{self.path}: {what}; mend or remove that line") from None


def read_answers(folder: Path) -> Ledger:
    """What people decided about the rows of a run; empty where nobody did."""
    return AnswersFile(folder / NAME).refresh()


def _whole(tail: bytes) -> Answer | None:
    """A last line without its end, as editors leave them; None where it is not all there."""
    try:
        return msgspec.json.decode(tail, type=Answer)
    except (msgspec.MsgspecError, ValueError):
        return None


def labels_of(standing: Mapping[str, Answer]) -> dict[str, str]:
    """Row id → the class that a person gave; rows that nobody could tell or that were skipped are left out."""
    return {row: answer.label for row, answer in standing.items() if answer.label is not None}


def now() -> str:
    """The time, as `Answer.when` has it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    """The file, open for appending and locked against other processes; the system unlocks it when this one ends."""
    binary = getattr(os, "O_BINARY", 0)  # Windows would write other line ends
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | binary, 0o666)
    try:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        except (ImportError, OSError):  # no POSIX system, or a file system without locks
            pass
        yield handle
    finally:
        os.close(handle)
