"""What `labelfix export` does, for the command and for Python: a noisy file with its labels corrected."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelfix.data.formats import ReadOptions, open_table
from labelfix.data.read import Columns
from labelfix.errors import RunError, SettingsError
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.answered import Decided, decisions
from labelfix.outputs.corrected_rows import CorrectedFile
from labelfix.outputs.image_tree import check_tree, export_tree
from labelfix.outputs.labels_beside import export_beside
from labelfix.outputs.later_file import later_labels
from labelfix.outputs.own_file import ExportReport, export_table
from labelfix.outputs.own_inputs import find_input
from labelfix.runs import RunFolder, atomic_path, is_table, refuse_no_table
from labelfix.runs.checked import TRAIN_AGAIN
from labelfix.runs.targets import named, refuse_inputs

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
        correction, notes = later_labels(corrected, columns.label, noisy), ()
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


def export_classifier(folder: RunFolder, out: Path, overwrite: bool = False) -> None:
    """Copy the classifier of a run into a folder of its own; whether it may be written is asked before."""
    with atomic_path(out, replace=overwrite) as beside:
        shutil.copytree(folder.classifier, beside)
