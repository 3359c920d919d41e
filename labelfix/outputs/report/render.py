"""The report as one HTML file. Every value of the data is escaped by the template engine.

The script holds no data: what it sorts, finds and writes as CSV it reads as text from the table's cells and attributes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from labelfix.outputs.plain_text import visible
from labelfix.outputs.report import charts
from labelfix.outputs.report.charts import named_curves
from labelfix.outputs.report.collect import Collected
from labelfix.outputs.report.glossary import Glossary
from labelfix.outputs.report.inputs import RowView, look_at
from labelfix.outputs.report.plain import between, fixed, moment, percent, plain
from labelfix.outputs.summing_up import advice
from labelfix.runs import atomic_path

LARGEST = 5_000_000
"""Bytes that a report has at most; thumbnails, then rows, are left out until it does."""

CLASSES, PAIRS = 25, 40
"""Classes of a full matrix, and pairs of a list where there are more."""

CHECKS = {
    "equal_rows_with_different_labels": "rows that equal another row and are labelled differently",
    "nearly_equal_rows_with_different_labels": "rows that nearly equal another row and are labelled differently",
    "trusted_rows_in_the_noisy_file": "trusted rows that stand in the noisy file",
    "classes_without_trusted_rows": "classes without a trusted row",
    "rows_unlike_any_trusted_row": "rows unlike any trusted row",
}
"""What the side checks of `metrics.json` are called."""

SCALINGS = {"none": "none was needed", "temperature": "one number for all classes", "vector": "two numbers a class"}
"""What the ways to scale soft labels are called."""


@dataclass(frozen=True)
class Neighbour:
    """A trusted row near a doubtful one.

    Attributes:
        similarity: Cosine of the angle between their features.
        file: Where it stands; empty where that is not known.
    """

    id: str
    label: str
    similarity: float
    file: str = ""
    row: int = 0


Reasons = Mapping[int, Sequence[Neighbour]]
"""Position of a row → its nearest trusted rows."""


def write_report(
    out: Path,
    found: Collected,
    reasons: Reasons,
    why_none: str = "",
    places: Mapping[str, str] | None = None,
    again: str = "",
) -> int:
    """Write the report.

    Args:
        why_none: A sentence where there are none.
        places: Source file of a row → where it lies now; see `look_at`.
        again: The command that trains again on `decisions.csv`; empty where there is none.

    Returns:
        Its size in bytes.
    """
    wanted = [(row.file, row.row) for row in found.worst]
    wanted += [(each.file, each.row) for near in reasons.values() for each in near if each.file]
    looks = look_at(wanted, found.metadata, places)
    rows, text = len(found.worst), ""
    for pictures in (True, False):
        rows = len(found.worst)
        text = render(found, looks, reasons, why_none, rows, pictures, again)
        while len(text.encode()) > LARGEST and rows > 10:
            rows //= 2
            text = render(found, looks, reasons, why_none, rows, pictures, again)
        if rows >= len(found.worst) // 2:
            break
    with atomic_path(out) as beside:
        beside.write_text(text, encoding="utf-8")
    return len(text.encode())


def render(
    found: Collected,
    looks: Mapping[tuple[str, int], RowView],
    reasons: Reasons,
    why_none: str,
    rows: int,
    pictures: bool,
    again: str = "",
) -> str:
    """The page."""
    from jinja2 import Environment, PackageLoader, pass_context  # only a report pays for its import

    engine = Environment(loader=PackageLoader("labelfix.outputs.report", "page"), autoescape=True, trim_blocks=True)
    worst = [_row(each, looks, reasons.get(each.position, ()), pictures) for each in found.worst[:rows]]
    glossary = Glossary()
    engine.filters |= {
        "plain": plain,
        "percent": percent,
        "fixed": fixed,
        "between": between,
        "moment": moment,
        "raw": raw,
        "quoted": lambda path: visible(shlex.quote(path)),
        "visible": lambda value: visible(plain(value)),
        # Without a context, constant texts would be filtered before the page begins, and their words count as linked.
        "explain": pass_context(lambda _, text: glossary.explain(visible(text))),
        "sentence": pass_context(lambda _, text: glossary.explain(visible(text[:1].upper() + text[1:]))),
    }
    evidence, verdict = found.evidence, found.evidence.get("verdict")
    entries = (evidence.get("ledger") or {}).get("entries", [])
    calibration = (evidence.get("calibration") or {}).get("soft_labels")
    checks = evidence.get("checks") or {}
    return engine.get_template("report.html.jinja").render(
        run=found,
        evidence=evidence,
        verdict=verdict,
        again=again,
        advice=advice(found.path, found.manifest, found.actions, evidence),
        glossary=glossary,
        noisy_asked=any(each.get("agreement") for each in entries),
        classes=found.metadata.classes,
        balance=_balance(found),
        matrix=_matrix(found),
        pairs=_pairs(found),
        calibration=calibration,
        scaling=SCALINGS.get(calibration["chosen"], calibration["chosen"]) if calibration else "",
        reliability=charts.reliability(calibration["reliability"]) if calibration else "",
        histogram=charts.histogram(found.histogram),
        curves=[(each.name, charts.curve(each)) for each in named_curves(found.history)],
        checks={CHECKS.get(name, name.replace("_", " ")): value for name, value in checks.items()},
        worst=worst,
        p_values=any(row["p_value"] is not None for row in worst),
        neighbours=any(row["near"] for row in worst),
        changes=sorted({f"{row['given']} → {row['suggested']}" for row in worst}),
        why_none=why_none,
    )


def raw(text: Any) -> Markup:  # noqa: ANN401 - a cell
    """A value of the data for an attribute that the script reads: character by character as the data have it.

    HTML makes other characters of line breaks; what cannot be seen is written as its number.
    """
    escaped = str(escape(plain(text)))
    if escaped.isprintable():
        return Markup(escaped)
    # Below U+00A0 a reference may mean another character; those but tabs and line breaks are kept as they are.
    return Markup(
        "".join(c if c.isprintable() or c not in "\t\n\r" and c < "\xa0" else f"&#{ord(c)};" for c in escaped)
    )


def _row(
    each: Any,  # noqa: ANN401
    looks: Mapping[tuple[str, int], RowView],
    near: Sequence[Neighbour],
    pictures: bool,
) -> dict[str, Any]:
    nothing = RowView("")
    look = looks.get((each.file, each.row), nothing)
    return {
        **{name: getattr(each, name) for name in each.__dataclass_fields__},
        "text": look.text,
        "image": look.image if pictures else "",
        "near": [
            {
                "id": one.id,
                "label": one.label,
                "similarity": one.similarity,
                "text": looks.get((one.file, one.row), nothing).text[:100],
                "image": looks.get((one.file, one.row), nothing).image if pictures else "",
            }
            for one in near
        ],
    }


def _balance(found: Collected) -> list[dict[str, Any]]:
    most = max(int(found.before.max(initial=0)), int(found.after.max(initial=0)), 1)
    rows = zip(found.metadata.classes, found.before.tolist(), found.after.tolist(), strict=True)
    return [
        {"name": name, "before": b, "after": a, "before_wide": 100 * b / most, "after_wide": 100 * a / most}
        for name, b, a in rows
    ]


def _matrix(found: Collected) -> list[list[dict[str, Any]]]:
    """Given by corrected label, with how dark each cell is; empty with many classes."""
    if len(found.metadata.classes) > CLASSES:
        return []
    totals = np.maximum(found.matrix.sum(axis=1, keepdims=True), 1)
    shares = found.matrix / totals
    return [
        [
            {"count": int(count), "share": float(share), "dark": round(100 * float(share) ** 0.5)}
            for count, share in cells
        ]
        for cells in (zip(*pair, strict=True) for pair in zip(found.matrix, shares, strict=True))
    ]


def _pairs(found: Collected) -> list[tuple[str, str, int]]:
    off = found.matrix.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:PAIRS]
    names = found.metadata.classes
    places = [np.unravel_index(place, off.shape) for place in order]
    return [(names[int(g)], names[int(c)], int(off[g, c])) for g, c in places if off[g, c]]
