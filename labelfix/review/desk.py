"""The desk that people sit at: queues, who has which row before them, and their decisions."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labelfix.errors import RunError, SettingsError
from labelfix.outputs.queues import CERTIFY, ChooseNext, Queue, RunRows, make_queue
from labelfix.outputs.trust import read_evidence
from labelfix.review.progress import decides_elsewhere, pace, still_wrong
from labelfix.review.rows import RowReader
from labelfix.runs import RunFolder
from labelfix.runs.answers import NAME, Answer, AnswersFile, Decision, Ledger, now

HELD = 45.0
"""Seconds for which rows that a page has fetched are given to no other page, once nothing is heard of it."""

SAME = 5
"""Rows of the same content that are named; the others are counted."""

NOTE = 4000
"""Characters of a note."""


@dataclass
class _Line:
    """A queue and how far it has come: all rows before `first` are decided, as long as no decision is taken back."""

    queue: Queue
    first: int = 0
    ledger: Ledger | None = None
    undone: int = 0

    def go_back(self, ledger: Ledger) -> None:
        """Look at all rows again where decisions were taken back, by whatever process."""
        if self.ledger is not ledger or self.undone != len(ledger.undone):
            self.first, self.ledger, self.undone = 0, ledger, len(ledger.undone)


@dataclass
class _Page:
    """A page that is open somewhere: the rows before it, when it was last heard of, and under which name."""

    rows: set[int] = field(default_factory=set)
    heard: float = 0.0
    who: str = ""


class Desk:
    """What all pages share; `choose_next` makes the queue `next`."""

    def __init__(self, folder: RunFolder, noisy: str | None, budget: int, choose_next: ChooseNext) -> None:
        self.rows = RunRows(folder)
        self.reader = RowReader(folder, noisy)
        self.answers = AnswersFile(folder.path / NAME)
        self.budget = budget
        self._folder = folder
        self._run = str(self.rows.manifest["run_id"])
        self._looked_at = 0
        self._before = len(self.answers.ledger.answers)
        self._own: set[str] = set()
        self._evidence = read_evidence(folder)
        self._choose_next = choose_next
        self._lines: dict[str, _Line] = {}
        self._pages: dict[str, _Page] = {}
        self._lock = threading.RLock()
        self._ahead: Callable[[list[int]], None] = lambda positions: None

    def refuse_replaced(self) -> None:
        """Refuse to go on where `train` has put another run into the folder: its rows are others.

        Raises:
            RunError: It has; or the run is gone.
        """
        try:
            changed = self._folder.manifest.stat().st_mtime_ns
        except OSError:
            changed = -1
        if changed == self._looked_at and not self._folder.settling:
            return
        if self._folder.settling or self._folder.read_manifest().get("run_id") != self._run:
            what = "another run is here by now, with other rows or labels; what was decided is kept"
            raise RunError(f"{self._folder.path}: {what}; end labelfix review and start it again")
        self._looked_at = changed

    def read_ahead(self, name: str) -> None:
        """Read the first rows of a queue before anybody asks for them."""
        self._read(self._line(name), self._undecided(self._line(name), 1, set()))

    def when_reading_ahead(self, tell: Callable[[list[int]], None]) -> None:
        """Have somebody told which rows come up soon."""
        self._ahead = tell

    def queue(self, name: str) -> Queue:
        """A queue; made when it is first asked for."""
        return self._line(name).queue

    def rows_for(self, page: str, name: str, count: int, have: set[str]) -> list[dict[str, Any]]:
        """The next rows of a queue for a page that has some, none of which another page has before it."""
        line = self._line(name)
        with self._lock:
            self.answers.refresh()
            mine = self._heard(page)
            mine.rows = {row for row in mine.rows if self._id(row) in have}
            taken = set().union(*(other.rows for key, other in self._pages.items() if key != page))
            found = self._undecided(line, count, taken | mine.rows)
            if not found and line.queue.name == CERTIFY:  # more rows may have been handed out meanwhile
                line = self._lines[name] = _Line(make_queue(CERTIFY, self.rows, self.budget, self._choose_next))
                found = self._undecided(line, count, taken | mine.rows)
            mine.rows |= set(found)
        self._read(line, found)
        return [self.shown(position, line.queue.name) for position in found]

    def shown(self, position: int, queue: str) -> dict[str, Any]:
        """A row as the page shows it, with what others decided about it before."""
        row = self.reader.get(position)
        standing = self.answers.ledger.standing_of(row["id"])
        same = self._same_content(position)
        return {**row, "standing": None if standing is None else _told(standing), "same": same, "queue": queue}

    def decide(self, asked: Mapping[str, Any]) -> Answer:
        """Put a decision on the disk.

        Args:
            asked: `key`, `id`, `decision`, `label`, `who`, `queue`, `seconds`, `note`, `knowing`, as the page sends
                them.

        Raises:
            SettingsError: It does not make sense.
            DecidedError: Another decision stands that the person has not seen.
        """
        position = self.rows.position(str(asked.get("id", "")))
        if position is None:
            raise SettingsError(f"the run has no row {str(asked.get('id'))[:80]!r}")
        decision = asked.get("decision")
        if decision not in ("accept", "keep", "label", "cannot_tell", "skip"):
            raise SettingsError(f"{str(decision)[:40]!r} is no decision")
        line = self._line(str(asked.get("queue", "")))
        seconds = asked.get("seconds")
        answer = Answer(
            key=_word(asked, "key", 64),
            id=self._id(position),
            decision=decision,
            label=self._label(decision, asked.get("label"), position),
            who=_word(asked, "who", 80),
            when=now(),
            seconds=round(float(seconds), 2) if isinstance(seconds, int | float) and 0 <= seconds < 1e6 else None,
            queue=line.queue.name,
            inclusion=self._inclusion(line.queue, position),
            note=str(asked.get("note") or "")[:NOTE],
            run=self._run,
        )
        knowing = asked.get("knowing")
        self._own.add(answer.key)
        return self.answers.append(answer, knowing if isinstance(knowing, str) else None)

    def undo(self, who: str, key: str, page: str) -> tuple[Answer, dict[str, Any]] | None:
        """Take back a person's latest decision that stands; None where there is none.

        Args:
            key: Of the undo: sent twice, it takes back one decision.
            page: The page that then has the row before it.
        """
        with self._lock:
            self._own.add(key)
            last = self._taken_back(who, key)
            if last is None:
                return None
            position = int(self.rows.positions([last.id])[0])
            self._heard(page).rows.add(position)
        return last, self.shown(position, last.queue)

    def leave(self, page: str) -> None:
        """Forget a page that was closed: others may have its rows."""
        with self._lock:
            self._pages.pop(page, None)

    def progress(self, page: str, name: str, who: str) -> dict[str, Any]:
        """How far everybody has come."""
        ledger = self.answers.refresh()
        with self._lock:
            self._heard(page).who = who
            namesake = any(key != page and each.who == who for key, each in self._pages.items())
        standing = {row: answer for row, answer in ledger.standing().items() if answer.decision != "skip"}
        queue = self._line(name).queue
        here = [answer for answer in standing.values() if answer.queue == queue.name]
        return {
            "decided": len(standing),
            "in_queue": len(here),
            "queue_rows": len(queue.order),
            "budget": self.budget,
            "left": max(min(self.budget, len(queue.order)) - len(here), 0),
            "pace": pace(ledger, who),
            "people": dict(Counter(answer.who for answer in standing.values()).most_common(20)),
            "noise": still_wrong(self.rows, standing, self._evidence),
            "taken": self._taken(page, standing),
            "namesake": namesake or decides_elsewhere(ledger, who, self._own, self._before),
        }

    def _taken_back(self, who: str, key: str) -> Answer | None:
        """The decision that an undo takes back; the next one where another process has taken the latest back."""
        while True:
            ledger = self.answers.refresh()
            if (done := ledger.get(key)) is not None:
                return ledger.get(done.takes_back or "")
            last = next((one for one in ledger.latest_of(who) if self.rows.position(one.id) is not None), None)
            if last is None or self.answers.append(self._undo_of(last, who, key)).key == key:
                return last

    def _undo_of(self, last: Answer, who: str, key: str) -> Answer:
        return Answer(
            key=key,
            id=last.id,
            decision="undo",
            who=who,
            when=now(),
            queue=last.queue,
            run=self._run,
            takes_back=last.key,
        )

    def _taken(self, page: str, standing: Mapping[str, Answer]) -> list[dict[str, Any]]:
        """Decisions that others have made about rows that a page has before it."""
        with self._lock:
            mine = self._pages[page].rows if page in self._pages else set()
            ids = [self._id(row) for row in mine]
        return [_told(standing[row]) for row in ids if row in standing]

    def _line(self, name: str) -> _Line:
        with self._lock:
            if name not in self._lines:
                self._lines[name] = _Line(make_queue(name, self.rows, self.budget, self._choose_next))
            return self._lines[name]

    def _undecided(self, line: _Line, count: int, taken: set[int]) -> list[int]:
        """The next rows of a queue that nobody has decided or has before them; skipped ones last."""
        order, ledger = line.queue.order, self.answers.ledger
        line.go_back(ledger)
        found: list[int] = []
        skipped: list[int] = []
        whole = True
        for place in range(line.first, len(order)):
            position = int(order[place])
            standing = ledger.standing_of(self._id(position))
            if standing is not None and standing.decision != "skip":
                line.first += whole
                continue
            whole = False
            if position in taken:
                continue
            (found if standing is None else skipped).append(position)
            if len(found) == count:
                break
        return (found + skipped)[:count]

    def _read(self, line: _Line, found: list[int]) -> None:
        """Read rows from the disk before they are needed, some hundred at a time."""
        if not found:
            return
        if not all(map(self.reader.holds, found)):
            ahead = list(
                dict.fromkeys([*found, *line.queue.order[line.first : line.first + self.reader.window].tolist()])
            )
            self.reader.load(ahead)
            self._ahead(ahead)

    def _same_content(self, position: int) -> dict[str, Any]:
        """Other rows that hold the same: the first of them, and how many are given each label."""
        same = self.rows.same_content(position)
        rows = [{"id": self._id(row), "given": self._given(row)} for row in same[:SAME]]
        given = Counter(map(self._given, same)).most_common()
        return {"rows": rows, "given": [{"label": label, "rows": count} for label, count in given]}

    def _given(self, position: int) -> str | None:
        code = int(self.rows.given[position])
        return None if code < 0 else self.rows.classes[code]

    def _label(self, decision: Decision, asked: object, position: int) -> str | None:
        """The class that a decision comes to."""
        if decision == "accept":
            return self.rows.classes[int(self.rows.suggested[position])]
        if decision == "keep":
            if self.rows.given[position] < 0:
                raise SettingsError("the row has no given label that could be kept")
            return self.rows.classes[int(self.rows.given[position])]
        if decision != "label":
            return None
        if asked not in self.rows.classes:
            raise SettingsError(f"{str(asked)[:80]!r} is no class of the run")
        return str(asked)

    def _inclusion(self, queue: Queue, position: int) -> float | None:
        if queue.inclusion is None:
            return None
        found = (queue.order == position).nonzero()[0]
        return float(queue.inclusion[found[0]]) if len(found) else None

    def _heard(self, page: str) -> _Page:
        """A page that was heard of just now; those that have gone let go of their rows."""
        at = time.monotonic()
        for key in [key for key, other in self._pages.items() if at - other.heard > HELD]:
            del self._pages[key]
        mine = self._pages.setdefault(page, _Page())
        mine.heard = at
        return mine

    def _id(self, position: int) -> str:
        return str(self.rows.ids[position].as_py())


def _told(answer: Answer) -> dict[str, Any]:
    """A decision as the page shows it."""
    named = ("key", "id", "decision", "label", "who", "when", "note")
    return {name: getattr(answer, name) for name in named}


def _word(asked: Mapping[str, Any], name: str, most: int) -> str:
    """A short text that the page has to send."""
    found = asked.get(name)
    if not isinstance(found, str) or not found.strip():
        raise SettingsError(f"{name} is missing")
    return found.strip()[:most]
