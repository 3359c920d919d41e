"""What a campaign says to people, in sentences."""

from __future__ import annotations

from labelfix.certificates.answers import Taken
from labelfix.certificates.campaign import State
from labelfix.certificates.certificate import up


def lines(state: State) -> list[str]:
    """The verdict, and what follows from it."""
    verdict, said = state.verdict, state.said
    found = [f"{verdict.status}: {_reason(state)}"]
    if said.read and verdict.status != "certified":
        found.append(f"proven so far: {state.certificate.statement}")
    if not verdict.with_answers and said.found:
        left = f"with the reader's corrections written in, at most {up(verdict.upper_left)} are wrong"
        enough = verdict.status != "certified" and verdict.upper_left <= verdict.bound
        found.append(left + ("; --with-answers certifies that" if enough else ""))
    if said.not_told:
        found.append(f"{_rows(said.not_told, 'that the reader could not tell', 'counts', 'count')} as wrong")
    if said.blank:
        blank = _rows(said.blank, "before the last answered one", "is blank and counts", "are blank and count")
        found.append(f"{blank} as wrong until answered")
    return found


def _rows(count: int, which: str, one: str, several: str) -> str:
    return f"1 row {which} {one}" if count == 1 else f"{count:,} rows {which} {several}"


def _reason(state: State) -> str:
    verdict, said = state.verdict, state.said
    asked = f"{100 * verdict.bound:g} %"
    if verdict.status == "certified":
        return state.certificate.statement
    if verdict.status == "cannot be reached":
        be = "would still be" if verdict.with_answers else "are"
        return f"more than {asked} of the labels {be} wrong{_cheaper(state)}"
    if verdict.more is None:
        guess = f"about {up(verdict.guess)} seem to be wrong"
        return f"it does not look as if no more than {asked} of the labels were wrong: {guess}{_cheaper(state)}"
    rows = f"{verdict.more:,} {'more ' if said.read else ''}row{'' if verdict.more == 1 else 's'}"
    every = "all " if verdict.cheaper is not None else "about "
    wait = f"; {said.open:,} {'waits' if said.open == 1 else 'wait'} for an answer" if said.open else ""
    return f"it takes {every}{rows} to prove that no more than {asked} of the labels are wrong{wait}{_cheaper(state)}"


def _cheaper(state: State) -> str:
    if state.verdict.cheaper is None:
        return ""
    bound, more = state.verdict.cheaper
    rows = "by the rows that are read" if not more else f"with about {more:,} more row{'' if more == 1 else 's'}"
    return f"; --max-noise-rate {bound:g} {'is proven' if not more else 'could be proven'} {rows}"


def taken_words(taken: Taken) -> str:
    """What became of a filled table."""
    parts = [f"{taken.new:,} new answers"]
    parts += [f"{taken.known:,} known before"] if taken.known else []
    parts += [f"{taken.blank:,} rows still blank"] if taken.blank else []
    if taken.foreign:
        answers = "1 answer is" if taken.foreign == 1 else f"{taken.foreign:,} answers are"
        parts.append(f"{answers} left out, as the plan did not ask for them")
    return ", ".join(parts)
