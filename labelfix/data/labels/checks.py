"""What can be wrong with given and trusted labels as a whole."""

from __future__ import annotations

import difflib

import numpy as np
import numpy.typing as npt

from labelfix.data.findings import Findings, Places
from labelfix.data.labels.alike import report_alike
from labelfix.data.labels.classes import UNKNOWN, shows_no_choice
from labelfix.data.labels.column import LabelColumn
from labelfix.data.labels.otherwise import counted_apart, unlike
from labelfix.data.labels.unknown import report_unknown
from labelfix.data.rows import IdsAndLabels
from labelfix.data.spelling import number_key
from labelfix.data.tables import UNLABELLED, ClassNames, Codes, TrainingData
from labelfix.errors import listing

LEAST_EMPTY = 0.8
"""Share of the cells that are empty at least where a label stands for those below it."""
ENOUGH_PAIRS = 10
"""Trusted rows with a given label of which not all are wrong by chance."""
IMBALANCE = 20
"""The largest class may have this many times the rows of the smallest before that is warned of."""


def check_given(
    codes: Codes, classes: ClassNames, labels: LabelColumn, name: str, findings: Findings, folder: bool = False
) -> None:
    """Errors and warnings about the labels of the noisy file.

    Args:
        codes: `(N,)` given labels.
        folder: Whether it is a folder of images, whose folders are the classes.
    """
    counts = np.bincount(codes[codes >= 0], minlength=len(classes))
    before = findings.error_count
    if folder and len(classes) < 2:
        what = f'in one folder only ("{classes.names[0]}")' if len(classes) else "in it, not in a folder for each class"
        lay = "lay the images out as FOLDER/class/file.png, or give the table that has their labels as --noisy"
        findings.error(name, f"its images lie {what}, so there are no labels", lay)
    elif not counts.sum():
        findings.error(name, f"column {labels.column!r} holds no label at all", "name another with --label-column")
    elif len(classes) == 1:
        what, remedy = f'column {labels.column!r} holds a single class ("{classes.names[0]}")', "name another with"
        if empty := int((codes < 0).sum()):
            what += f", and no label in {empty:,} rows"
            remedy = "if an empty cell means a class of its own, write the name of that there; else name another with"
        findings.error(name, what, f"at least two classes are needed; {remedy} --label-column")
    refuse_groups(labels, name, findings)
    if findings.error_count > before:
        findings.stop_on_errors()
    report_alike(classes, counts, name, findings)
    for class_ in filter(shows_no_choice, classes.names):
        what = f'class "{class_}" ({counts[classes.codes[class_]]:,} rows) is what a form shows before a choice is made'
        remedy = (
            f'if it is no class, pass --class-map FILE, a CSV file of the line alias,class and below it "{class_}",'
        )
        findings.warning(name, what, f"{remedy} for no label")
    missing = [classes.names[i] for i in np.flatnonzero(counts == 0)]
    if missing:
        where = "is given" if labels.of_sources else "has"
        findings.warning(name, f"no row {where} {_named(missing)}{'' if labels.of_sources else ' of the class map'}")


def check_balance(codes: Codes, classes: ClassNames, name: str, findings: Findings) -> None:
    """A warning where one class of the noisy file has many times the rows of another.

    Args:
        codes: `(N,)` given labels.
        classes: The classes.
        name: The noisy file.
        findings: Takes it.
    """
    counts = np.bincount(codes[codes >= 0], minlength=len(classes))
    used = np.flatnonzero(counts)
    if not len(used):
        return
    most, least = int(used[counts[used].argmax()]), int(used[counts[used].argmin()])
    if counts[most] > IMBALANCE * counts[least]:
        share = counts[least] / counts.sum()
        findings.warning(
            name,
            f'the classes are far from balanced: "{classes.names[most]}" has {counts[most]:,} rows,'
            f' "{classes.names[least]}" has {counts[least]:,} ({share:.2%})',
        )


def refuse_groups(labels: LabelColumn, name: str, findings: Findings) -> None:
    """Stop where each label stands once, beside the first row of a group, for the empty cells below it."""
    empty = int((labels.positions < 0).sum())
    if len(labels.values) < 2 or labels.positions[0] < 0 or sum(labels.counts) > len(labels.values):
        return
    if empty >= LEAST_EMPTY * len(labels.positions):
        what = f"column {labels.column!r} is empty in {empty:,} rows and has each label once, as tables of groups do"
        fill = f"fill each down to the rows below it (in pandas: table[{labels.column!r}].ffill())"
        findings.error(name, what, fill)


def check_files(codes: Codes, classes: ClassNames, column: str, places: Places, findings: Findings) -> None:
    """A warning where one of several files has no label at all, an error where one has numbers for names.

    Args:
        codes: `(N,)` given labels.
        column: Where they stand.
    """
    rows = np.bincount(places.file_index, minlength=len(places.files))
    labelled = np.bincount(places.file_index[codes >= 0], minlength=len(places.files))
    without = np.flatnonzero((rows > 0) & (labelled == 0)).tolist()
    if without and labelled.any():
        more = f", nor any row of {len(without) - 1} more files" if len(without) > 1 else ""
        what = f"none of its {rows[without[0]]:,} rows has a label in column {column!r}{more}: each gets one"
        remedy = f"if the labels stand in another column there, call it {column!r}; else leave the file out"
        findings.warning(places.files[without[0]], what, remedy)
    numbers = np.array([number_key(class_) is not None for class_ in classes.names])
    coded = [set(numbers[codes[(places.file_index == i) & (codes >= 0)]].tolist()) for i in np.flatnonzero(labelled)]
    if {True} in coded and {False} in coded and {True, False} not in coded:
        file = places.files[int(np.flatnonzero(labelled)[coded.index({True})])]
        shown = ", ".join(np.array(classes.names)[numbers][:5])
        remedy = "write the names, or pass --class-map FILE, which gives each number its name"
        findings.error(file, f"its labels are numbers ({shown}), and those of other files are names", remedy)


def check_trusted(
    rows: IdsAndLabels,
    codes: Codes,
    classes: ClassNames,
    findings: Findings,
    chosen: npt.NDArray[np.bool_] | None = None,
) -> None:
    """Errors and warnings about the labels of the trusted file.

    Args:
        codes: `(M,)` trusted labels, -1 where there is none, -2 where none of the classes.
        chosen: `(M,)` True for rows that `labelfix next` asked about, which a person may have found too hard.
    """
    assert rows.labels is not None
    counts = np.bincount(codes[codes >= 0], minlength=len(classes))
    without = [classes.names[i] for i in np.flatnonzero(counts == 0)]
    report_unknown(rows.labels, codes, classes, rows.places, findings, without=without)
    words = (codes == UNLABELLED) & (rows.labels.positions >= 0) & (True if chosen is None else ~chosen)
    for place in np.unique(rows.labels.positions[words]).tolist():
        what = f'"{rows.labels.values[place]}" counts as "no label"'
        count = f"({rows.labels.counts[place]:,} rows, which are left out)"
        remedy = "if it is a class, write it so in the noisy file too, or into a class map"
        findings.warning(rows.name, f"column {rows.labels.column!r}: {what} {count}", remedy)
    labelled = int((codes != UNLABELLED).sum())
    if labelled < 2:
        empty = len(rows) - labelled
        of = f", as column {rows.labels.column!r} is empty in {empty:,} of {len(rows):,}" if empty else ""
        what = f"holds {labelled or 'no'} trusted row{'s' * (labelled != 1)}{of}"
        findings.error(rows.name, what, "give at least two, better 20 of every class")
        return
    if without and not (codes == UNKNOWN).any():
        there = [each for each in classes.names if each not in without]
        findings.warning(rows.name, f"no trusted row has {_named(without)}", f"add a few; {_no_class(without, there)}")


def check_joined(data: TrainingData, findings: Findings) -> None:
    """What only shows once both files are joined."""
    if len(data.clean) < 2:
        findings.error(data.clean.name, f"leaves {len(data.clean)} trusted rows that can be used", "give at least two")
    given = data.paired_given
    pairs = (given >= 0) & data.judges
    what, remedy = unlike(data.clean.codes[pairs], given[pairs], data.classes)
    if apart := counted_apart(data):
        remedy = f"count alike in both files{'; else, ' * bool(remedy)}{remedy}"
        findings.error(data.clean.name, f"{what}; {apart}", remedy)
    elif remedy:
        findings.warning(data.clean.name, what, remedy)
    elif pairs.sum() >= ENOUGH_PAIRS and (given[pairs] != data.clean.codes[pairs]).all():
        what = f"all {int(pairs.sum()):,} given labels of its rows are wrong, as if only corrected rows stood in it"
        remedy = "add the rows whose labels were looked at and found right: they tell how often labels are wrong"
        findings.warning(data.clean.name, what, remedy)
    if len(data.clean) > len(data.noisy):
        findings.warning(
            data.clean.name,
            f"holds more rows ({len(data.clean):,}) than {data.noisy.name} ({len(data.noisy):,})",
            "check that --noisy and --clean are not mixed up",
        )
    if not len(data.noisy_rows):
        findings.error(
            data.noisy.name,
            "has no labelled row that is not trusted as well, so there is nothing to learn about its labels"
            f" ({int(data.noisy.labelled.sum()):,} of {len(data.noisy):,} rows have a label)",
            "give as trusted only the rows whose labels were checked",
        )


def _no_class(names: list[str], there: list[str]) -> str:
    """What to do about classes without trusted rows, which may be words for "no answer" or slips of a program."""
    plain = next((name for name in names if not set(name) & set(',"\r\n')), None)
    hard = "such a class is hard to correct"
    if plain is None:
        return f"{hard}; what is no class of yours can be left out with --class-map"
    meant = next(iter(difflib.get_close_matches(plain, there, 1)), None)
    lines = f'of the line alias,class and below it "{plain}," for no label, or that and the class that is meant'
    if meant is not None and "," not in meant:
        lines = f'of the line alias,class and below it {plain},{meant} if that is meant, "{plain}," for no label'
    return f"{hard}; if it is no class of yours, pass --class-map FILE, a CSV file {lines}"


def _named(names: list[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    return f"class{'es' * (len(names) > 1)} {listing(quoted, 8)}"
