"""The rows of a finished run that are worth a person's answer, with what they hold.

An answer corrects a label where the corrected label is wrong, so a row is worth P(corrected label is wrong) = 1 − soft
label of the corrected class: not the rows whose given label is surely wrong, which are corrected without anyone's help.
Chosen greedily, each choice lowers what rows near it are worth, because its answer will speak for them, and what rows
of the class that was asked about are worth, so that all classes are covered.

Legend: N rows of the run, n candidates, D features, K classes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.chosen_rows import ASK, CHANCE, DRAWN, WORST_FIRST
from labelfix.data.columns.roles import Columns
from labelfix.data.tables import ClassNames, Codes, Probabilities
from labelfix.models.trained import TrainedClassifier
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, groups
from labelfix.outputs.corrected_schema import SOURCE_SCORES
from labelfix.outputs.report.inputs import cells_of
from labelfix.scoring.blocks import Blocks
from labelfix.scoring.match_truth import columns_of, labels_of
from labelfix.scoring.nearest_trusted import hidden_of
from labelfix.scoring.whom_to_ask import Asker

CANDIDATES = 10
"""Rows considered for each one wanted: those worth most."""

TWIN = 0.97
"""Cosine of features from which an answer speaks for the other row too, which is then not asked about."""

COVERAGE = 0.25
"""How fast a class that is asked about more often than others becomes worth less."""


def worth(soft: Probabilities, corrected: Codes) -> npt.NDArray[np.float64]:
    """`(N,)` P(corrected label is wrong).

    Args:
        soft: `(N, K)` soft labels.
        corrected: `(N,)` corrected labels.
    """
    return 1 - soft[np.arange(len(soft)), corrected].astype(np.float64)


def candidates(value: npt.NDArray[np.float64], usable: npt.NDArray[np.bool_], count: int) -> Codes:
    """The rows worth most, best first; at most `CANDIDATES` times as many as are wanted.

    Args:
        value: `(N,)` of `worth`.
        usable: `(N,)` False for rows that nobody may be asked about: trusted ones.
    """
    order = np.argsort(-value, kind="stable")
    return order[usable[order]][: CANDIDATES * count].astype(np.int64)


def choose(value: npt.NDArray[np.float64], suggested: Codes, features: Probabilities, count: int) -> Codes:
    """Positions among the candidates, in the order to ask.

    Args:
        value: `(n,)` what each is worth.
        suggested: `(n,)` its suggested class.
        features: `(n, D)` of length 1.
    """
    left = np.ones(len(value), dtype=bool)
    asked = np.zeros(int(suggested.max(initial=0)) + 1)
    classes = max(len(np.unique(suggested)), 1)
    chosen: list[int] = []
    while len(chosen) < count and left.any():
        fair = np.maximum(asked[suggested] - len(chosen) / classes, 0) / max(count / classes, 1)
        now = np.where(left, value / (1 + COVERAGE * fair), -np.inf)
        best = int(now.argmax())
        chosen.append(best)
        asked[suggested[best]] += 1
        left &= features @ features[best] < TWIN
        left[best] = False
    return np.array(chosen, dtype=np.int64)


OFFERS = 3
"""Rows that are looked at for each one wanted, where answers have prices."""


def next_rows(
    rows: CorrectedFile,
    blocks: Blocks,
    classifier: TrainedClassifier,
    trusted: Sequence[int],
    names: Columns,
    count: int,
    places: Mapping[str, str] | None = None,
    asker: Asker | None = None,
) -> pa.Table:
    """Choose them.

    Args:
        trusted: Rows that were trusted, from 0.
        places: Source file of a row → where it lies now; None reads them as they are named.
        asker: Says whom to ask; the rows are then those of which an answer gains most for its price, and the columns
            `ask`, `ask_gain` and `ask_price` tell.

    Returns:
        At most `count` rows, most worth asking first. Id, inputs (of an image its path) and label (empty, for the
        answer) stand in columns called as in the run's own files, so that the table comes back beside its trusted
        file as it is; then `given_label`, `likeliest_label` and `second_label` with their probabilities,
        `source_file`, `source_row`, and how the row was drawn with which chance (`labelfix.data.chosen_rows`).
        A name that an own column has begins with `labelfix_`.
    """
    chosen = choose_rows(rows, blocks, classifier, trusted, count if asker is None else OFFERS * count)
    table = described(rows, chosen, names, places, asker=asker)
    if asker is None or not len(table):
        return table
    worth_it = np.array(table["ask_gain"]) / np.maximum(np.array(table["ask_price"]), 1e-9)
    order = [place for place in np.argsort(-worth_it, kind="stable").tolist() if table[ASK][place].as_py()]
    return table.take(pa.array(order[:count], pa.int64()))


def choose_rows(
    rows: CorrectedFile, blocks: Blocks, classifier: TrainedClassifier, trusted: Sequence[int], count: int
) -> Codes:
    """`(n,)` positions of the rows that are most worth asking about, best first; arguments as for `next_rows`."""
    about = corrected_metadata(rows)
    classes = ClassNames(about.classes)
    value, suggested = np.empty(len(rows)), np.empty(len(rows), dtype=np.int64)
    for first, group in groups(rows, columns_of(rows)):
        labels = labels_of(group, classes, about.min_confidence, about.run_id)
        here = slice(first, first + len(group))
        value[here], suggested[here] = worth(labels.soft, labels.corrected), labels.suggested
    usable = np.ones(len(rows), dtype=bool)
    usable[np.asarray(trusted, dtype=np.int64)] = False
    found = candidates(value, usable, count)
    hidden = hidden_of(blocks, classifier, np.sort(found))
    features = np.stack([hidden[row] for row in found.tolist()]) if len(found) else np.zeros((0, 1), np.float32)
    return found[choose(value[found], suggested[found], features, count)]


def described(
    rows: CorrectedFile,
    chosen: Codes,
    names: Columns,
    places: Mapping[str, str] | None,
    drawn: str = WORST_FIRST,
    chance: Sequence[float] = (),
    asker: Asker | None = None,
) -> pa.Table:
    """Rows to ask a person about, as `next_rows` gives them.

    Args:
        chosen: `(n,)` which rows, from 0, in the order to ask.
    """
    about = corrected_metadata(rows)
    classes, columns = ClassNames(about.classes), [*columns_of(rows), *([] if asker is None else [SOURCE_SCORES])]
    parts: dict[int, tuple[object, dict[str, object]]] = {}
    for first, group in groups(rows, columns):
        inside = chosen[(chosen >= first) & (chosen < first + len(group))]
        if not len(inside):
            continue
        part = group.take(pa.array(inside - first))
        labels = labels_of(part, classes, about.min_confidence, about.run_id)
        order = np.argsort(-labels.soft, axis=1, kind="stable")[:, :2]
        for place, row in enumerate(inside.tolist()):
            likeliest, second = order[place].tolist()
            told = {
                "given_label": classes.name(int(labels.given[place])),
                "likeliest_label": classes.names[likeliest],
                "likeliest_probability": round(float(labels.soft[place, likeliest]), 6),
                "second_label": classes.names[second],
                "second_probability": round(float(labels.soft[place, second]), 6),
                "source_file": part["source_file"][place].as_py(),
                "source_row": part["source_row"][place].as_py(),
                **({} if asker is None else _offer(asker, labels.soft[place], part, place)),
            }
            parts[row] = part["id"][place].as_py(), told
    ordered = [parts[row] for row in chosen.tolist()]
    sources = [(str(told["source_file"]), int(str(told["source_row"]))) for _, told in ordered]
    cells = cells_of(sources, about, places)
    inputs = [name for name in about.input_columns if any(name in found for found in cells.values())]
    own, label = names.clean_id or names.id, names.clean_label or names.label or "label"
    taken = {*inputs, label, *(name for name in (own, names.id, names.label) if name is not None)}
    table: list[dict[str, object]] = []
    for (identity, told), source in zip(ordered, sources, strict=True):
        line: dict[str, object] = {} if own is None else {own: identity}
        line |= {name: _whole(name, cells.get(source, {}).get(name), source[0], names, places) for name in inputs}
        line |= {label: "", **{f"labelfix_{name}" if name in taken else name: value for name, value in told.items()}}
        table.append({**line, DRAWN: drawn, CHANCE: chance[len(table)] if len(chance) else 1.0})
    return pa.Table.from_pylist(table)


def _offer(asker: Asker, soft: Probabilities, part: pa.Table, place: int) -> dict[str, object]:
    heard = {each["source"] for each in part[SOURCE_SCORES][place].as_py() or ()}
    name, gain, price = asker.whom(soft, heard)
    return {ASK: name, "ask_gain": round(gain, 6), "ask_price": price}


def _whole(column: str, cell: object, file: str, names: Columns, places: Mapping[str, str] | None) -> object:
    """An input cell as it can be read from anywhere: the path of an image that counts from its file, made absolute."""
    image = names.spec.part("image")
    if image is None or column not in image.columns or not isinstance(cell, str) or names.id in image.columns:
        return cell
    place = Path(os.path.expanduser(file if places is None else places.get(file, file)))
    return str((place if os.path.isdir(place) else place.parent).absolute() / os.path.expanduser(cell))
