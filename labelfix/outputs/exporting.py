"""What `labelfix export` does, for the command and for Python: a noisy file with its labels corrected."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.assemble import memory_name
from labelfix.data.formats import ReadOptions, open_table
from labelfix.data.read import Columns
from labelfix.data.scan import decode
from labelfix.data.spelling import names_meant, spelled
from labelfix.errors import RunError, SettingsError, input_error
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.answered import Decided, decisions
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, groups
from labelfix.outputs.flags import opened_labels
from labelfix.outputs.image_tree import check_tree, export_tree
from labelfix.outputs.labels_beside import export_beside
from labelfix.outputs.own_file import ExportReport, export_table
from labelfix.outputs.own_inputs import find_input, find_rows
from labelfix.runs import RunFolder, atomic_path, is_table, refuse_no_table
from labelfix.runs.checked import TRAIN_AGAIN
from labelfix.runs.targets import named, refuse_inputs

OTHER = "give the file as it was when labelfix correct read it, by --noisy"

CLASSIFIER_MARK = "labelfix.json"
"""The file that makes a folder a classifier."""


def is_tree(folder: RunFolder, out: Path) -> bool:
    """Whether the labels go out as a folder of images by class, and not as a table."""
    return not is_table(out) and Columns.from_json(folder.read_manifest()["columns"]).spec.kind == "image"


def check_labels(folder: RunFolder, out: Path, hard_link: bool, overwrite: bool) -> None:
    """Refuse what corrected labels cannot be written to, before anything is read.

    Raises:
        SettingsError: The name is no table's, or links are asked for where there are no images.
        InputError: There is a folder that holds what no export writes.
    """
    if is_tree(folder, out):
        check_tree(out, folder.read_manifest()["classes"], overwrite)
        return
    refuse_no_table(out, "--corrected-labels")
    if hard_link:
        raise SettingsError("--hard-link: is for folders of images; leave it out")


def check_classifier(path: Path) -> None:
    """Refuse to replace a folder that is not a classifier: all that is in it would go.

    Raises:
        SettingsError: It holds something else.
    """
    if path.is_dir() and any(path.iterdir()) and not (path / CLASSIFIER_MARK).is_file():
        raise SettingsError(f"--classifier {path}: is not a classifier of labelfix; choose another folder")


def export_labels(
    folder: RunFolder,
    out: Path,
    *,
    corrected: Path | pa.Table | None = None,
    noisy: Any = None,  # noqa: ANN401 - a name, a table, a frame
    min_confidence: float | None = None,
    drop_issues: bool = False,
    details: bool = False,
    soft_top_k: int | None = None,
    hard_link: bool = False,
    overwrite: bool = False,
    answers: bool = False,
) -> ExportReport:
    """Write the noisy file of a run, or a later one, again, with corrected labels; whether it may be is asked before.

    Arguments are those of `Run.export`.

    Raises:
        InputError: The noisy file is gone or has changed, or the labels cannot be written that way.
    """
    columns = Columns.from_json(folder.read_manifest(whole=True)["columns"])
    if corrected is None:
        correction, notes = _own(folder, columns, noisy, answers)
    elif answers:
        raise SettingsError("--answers: are about the run's own rows; leave it or --corrected out")
    else:
        correction, notes = _later_labels(corrected, columns.label, noisy), ()
        refuse_inputs(out, named(*correction.source.files), "--corrected-labels")
    correction = replace(correction, min_confidence=min_confidence)
    tree = is_tree(folder, out)
    if not correction.label_column and tree:
        raise SettingsError(f"{out}: labels of several sources go into a table; name a .csv or .parquet file")
    if tree:
        report = export_tree(
            correction,
            columns.spec.columns[0],
            out,
            id_column=columns.id,
            drop_issues=drop_issues,
            details=details,
            hard_link=hard_link,
            overwrite=overwrite,
        )
    else:
        write = export_table if correction.label_column else export_beside
        report = write(correction, out, drop_issues=drop_issues, details=details, soft_top_k=soft_top_k)
    return replace(report, notes=(*report.notes, *notes))


def _own(
    folder: RunFolder, columns: Columns, noisy: str | None, answers: bool
) -> tuple[AlignedLabels, tuple[str, ...]]:
    """Corrected labels beside the run's own noisy file, and what is said of people's answers."""
    told = folder.read_manifest()["data"]["noisy"]
    own = find_input(folder, "noisy", noisy).needed()
    source = open_table(own.names[0], options=ReadOptions(told.get("encoding"), told.get("split")))
    if columns.label is not None and columns.label not in source.schema.names:
        what = f"columns.label: {source.name} has no column {columns.label[:80]!r}"
        raise RunError(f"{folder.manifest}: is damaged ({what}); {TRAIN_AGAIN}")
    rows = CorrectedFile(folder.corrected)
    decided = decisions(folder, rows) if answers else Decided()
    files = tuple(told["files"])
    return AlignedLabels(rows, source, columns.label or "", files, answers=decided.labels), decided.notes


def _later_labels(corrected: Path | pa.Table, label: str | None, noisy: Any = None) -> AlignedLabels:  # noqa: ANN401
    """What `labelfix correct` wrote, beside the file that it read.

    Args:
        label: The label column of the run; the file may spell it otherwise, or have none.
        noisy: Where that file lies, or the table; None where it is a single file that the corrected labels name.

    Raises:
        InputError: It is not to be found, or holds other rows now.
    """
    path, name, rows = opened_labels(corrected)
    about = corrected_metadata(rows)
    named = [
        str(name) for _, group in groups(rows, ["source_file"]) for name in group["source_file"].unique().to_pylist()
    ]
    files = tuple(dict.fromkeys(named))
    place = noisy
    if noisy is None and len(files) == 1:
        place = find_rows(files, None, path, None)[0].get(files[0])
    if place is None:
        what = f"was made of {', '.join(files[:3]) or 'no rows'}: no single file that lies here or beside it"
        raise input_error(name, what, "name it by --noisy")
    source = open_table(place, memory_name(place, "rows"), options=ReadOptions(about.encoding))
    names = source.schema.names
    own = next(iter(names_meant(names, (label,))), label)
    files = source.files if set(files) <= set(source.files) or len(files) != len(source.files) else files
    found = AlignedLabels(rows, source, own if own in names and own is not None else "", files)
    _refuse_others(found, next(iter(names_meant(names, (about.id_column,))), about.id_column))
    return found


def _refuse_others(correction: AlignedLabels, id_column: str | None) -> None:
    """Refuse a file whose rows have other ids, or other labels, than those that were corrected."""
    source, rows = correction.source, 0
    if id_column not in source.schema.names:
        id_column = None
    for chunk, said in correction.beside([id_column] if id_column else [], True, ["id"]):
        rows += int((said.position >= 0).sum())
        if id_column and said.details is not None:
            same = pc.equal(spelled(decode(chunk.batch.column(0))), spelled(said.details["id"].combine_chunks()))
            if not pc.all(same).as_py():
                place = chunk.first_row + pc.index(same, False).as_py()
                raise input_error(source.name, "has another id here than the row that was corrected", OTHER, row=place)
    if rows != len(correction.rows):
        what = f"holds {rows:,} of the {len(correction.rows):,} rows that were corrected"
        raise input_error(source.name, what, OTHER)


def export_classifier(folder: RunFolder, out: Path, overwrite: bool = False) -> None:
    """Copy the classifier of a run into a folder of its own; whether it may be written is asked before."""
    with atomic_path(out, replace=overwrite) as beside:
        shutil.copytree(folder.classifier, beside)
