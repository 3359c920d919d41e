"""What the gate of `labelfix flag` says to people, in sentences."""

from __future__ import annotations

from labelfix.outputs.judgement import ISSUE_RATE, Judgement
from labelfix.outputs.plain_text import printed, visible, wrapped


def verdict(judgement: Judgement, columns: int | None = None) -> list[str]:
    """What stands below the findings: what a person should know first, then the verdict.

    Args:
        columns: Width of the terminal that the lines are wrapped for; None where they are not.
    """
    said = [*all_notes(judgement), summary(judgement)]
    if columns is not None:
        said = [line for text in said for line in wrapped(visible(text), columns)]
    return [printed(line) for line in said]


def summary(judgement: Judgement) -> str:
    """The verdict in one line."""
    found = f"{judgement.issues:,} of {judgement.labelled:,} labelled rows look wrong"
    accepted = f", {judgement.accepted:,} accepted before" if judgement.accepted else ""
    rate = f"{found} ({percent(judgement.issue_rate)})"
    # A file of rows none of which looks wrong does not say from which confidence on they would.
    how = f" at confidence {judgement.min_confidence:g} or more" if judgement.min_confidence < 1 else ""
    if judgement.chosen:
        how = f", {judgement.chosen.words}"
    apart = f" ({_trusted(judgement.trusted)} left out)" if judgement.trusted else ""
    said = f"{visible(judgement.source)}: {rate}{how}{accepted}{apart}"
    others = ", ".join(
        gate.name if gate.part is None else f'"{visible(gate.part)}"'
        for gate in judgement.gates
        if not gate.passed and (gate.name, gate.part) != (ISSUE_RATE, None)
    )
    if judgement.max_issue_rate is None:
        return f"{said}; above a gate: {others}" if others else said
    high = judgement.issue_rate > judgement.max_issue_rate
    gates = f"{'above' if high else 'at or below'} the gate of {percent(judgement.max_issue_rate)}"
    return f"{said}; {gates}" + (f", {'and' if high else 'but'} above another: {others}" if others else "")


def all_notes(judgement: Judgement) -> list[str]:
    """The same, with how each gate of a class or of files and each comparison of shares stands."""
    classes = [
        f'"{visible(gate.part)}": '
        + (
            f"no labelled rows, so its gate of {percent(gate.limit)} judges nothing"
            if gate.empty
            else f"{percent(gate.value)} look wrong, {'at or below' if gate.passed else 'above'} its gate of "
            f"{percent(gate.limit)}"
        )
        + (f" ({visible(gate.owner)})" if gate.owner and not gate.passed else "")
        for gate in judgement.gates
        if gate.part is not None
    ]
    row, more = ("row was", "is") if judgement.edited == 1 else ("rows were", "are")
    edited = [f"{judgement.edited:,} accepted {row} edited since, and {more} accepted no longer"]
    drifted = [line for drift in judgement.drift for line in drift.lines]
    return [*_notes(judgement), *(edited if judgement.edited else []), *classes, *drifted]


def _notes(judgement: Judgement) -> list[str]:
    notes = list(judgement.chosen.notes) if judgement.chosen else []
    found, gate = judgement.noise_rate, judgement.max_noise_rate
    if found is not None and gate is not None:
        span = f"{percent(found['value'])} (95 %: {percent(found['low'])} to {percent(found['high'])})"
        relation = "at or below" if found["low"] <= gate else "above"
        notes.append(f"noise rate {span}; its lower end is {relation} the gate of {percent(gate)}; {found['how']}")
    return [*notes, *judgement.assumptions]


def percent(rate: float) -> str:
    """A share in percent with enough digits to be told from its neighbours: `5 %`, `2.57 %`, `0.013 %`."""
    percent = 100 * rate
    return f"{percent:.{2 if percent >= 0.1 or percent == 0 else 5}f}".rstrip("0").rstrip(".") + " %"


def _trusted(count: int) -> str:
    return f"{count:,} trusted row{'' if count == 1 else 's'}"
