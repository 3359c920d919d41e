"""What a filled table says of rows, or a file of Label Studio, Argilla or another run's `answers.jsonl`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from labelfix.data.annotations.opening import open_trusted
from labelfix.data.annotations.source import AnnotatedSource
from labelfix.data.assemble import read_options
from labelfix.data.chosen_rows import CANNOT_TELL, TOO_HARD
from labelfix.data.columns.ids import id_keys_of
from labelfix.data.new_rows import WRITE_ONE
from labelfix.data.read import read_truth
from labelfix.data.tables import UNLABELLED, ClassNames
from labelfix.errors import Defect, InputError
from labelfix.settings.data import DataSettings

IN_MEMORY = "a table"
"""What a table in memory is called, and who answers in it."""


def said_in(table: Path | pa.Table, classes: ClassNames, data: DataSettings, id_column: str | None) -> dict[str, int]:
    """Key of a row's id (`id_keys_of`) → the class that was said; -1 for none, and K where nobody could tell.

    Args:
        table: The file, or a table of ids and labels.
        classes: The run's classes (K), as its own files write them.
    """
    known = _with_too_hard(classes)
    table = table if isinstance(table, pa.Table) else str(table)
    (source,) = open_trusted([table], None, read_options(data))
    if isinstance(source, AnnotatedSource):
        return _of_tool(source, known)
    try:
        read = read_truth(table, known, data, id_column)
    except InputError as error:
        raise InputError([_of_answers(defect) for defect in error.defects]) from None
    return dict(zip(id_keys_of(read.ids).to_pylist(), read.codes.tolist(), strict=True))


def _of_answers(defect: Defect) -> Defect:
    """A defect of a table of true labels, as one of a table that a person fills in."""
    remedy = defect.remedy
    if remedy == WRITE_ONE:
        remedy = f"write one of them, {CANNOT_TELL} where you cannot tell, or leave it blank"
    what = re.sub(r"one of the \d+ classes", "one of the classes", defect.what)
    return replace(defect, what=what, file=IN_MEMORY if defect.file == "truth" else defect.file, remedy=remedy)


def _of_tool(source: AnnotatedSource, classes: ClassNames) -> dict[str, int]:
    """The same of a file whose form is a tool's: rows that were skipped there are open."""
    names = _codes(classes)
    odd = [mark for mark in source.marks if mark.label is not None and mark.label not in names]
    if odd:
        what = f'row {odd[0].id}: label "{str(odd[0].label)[:60]}" is not one of the {len(classes)} classes'
        raise InputError([Defect("error", source.name, None, what, f"choose among {', '.join(list(names)[:8])}")])
    keys = id_keys_of(pa.array([mark.id for mark in source.marks], pa.string())).to_pylist()
    said = (UNLABELLED if mark.label is None else names[mark.label] for mark in source.marks)
    return dict(zip(keys, said, strict=True))


def _codes(classes: ClassNames) -> Mapping[str, int]:
    aliases = {alias: classes.codes.get(name, UNLABELLED) for alias, name in classes.aliases}
    return {**aliases, **classes.codes}


def _with_too_hard(classes: ClassNames) -> ClassNames:
    """The classes, and behind them one for what a person cannot tell; a word that is a class stays one."""
    free = [word for word in TOO_HARD if word not in classes.codes and word not in dict(classes.aliases)]
    if not free:
        return classes
    named = tuple((word, free[0]) for word in free[1:])
    return replace(classes, names=(*classes.names, free[0]), aliases=(*classes.aliases, *named))
