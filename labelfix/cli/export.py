"""`labelfix export`: people's own file back, fixed; or the classifier."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelfix.cli import options
from labelfix.cli.targets import check_table, check_target, is_table
from labelfix.errors import SettingsError

if TYPE_CHECKING:
    from labelfix.outputs.own_file import ExportReport
    from labelfix.runs import RunFolder

CLASSIFIER_MARK = "labelfix.json"
"""The file that makes a folder a classifier."""

CorrectedLabels = Annotated[
    Path | None,
    typer.Option(
        "--corrected-labels",
        metavar="OUT",
        show_default=False,
        help="Write the noisy file again with corrected labels: a .parquet, .csv, .tsv, .jsonl or .json file (text "
        "also .gz) or, for images, a folder DIR/class/file. The old labels go into the column given_label.",
    ),
]
ClassifierOut = Annotated[
    Path | None,
    typer.Option("--classifier", metavar="DIR", show_default=False, help="Copy the classifier into a new folder."),
]
DropIssues = Annotated[
    bool, typer.Option("--drop-issues", metavar="", help="Leave out the rows whose labels look wrong.")
]
Details = Annotated[
    bool,
    typer.Option(
        "--details", metavar="", help="Add the scores: suggested label, confidence, action, soft label and others."
    ),
]
HardLink = Annotated[
    bool, typer.Option("--hard-link", metavar="", help="Link images into the new folder instead of copying them.")
]


def export(
    context: typer.Context,
    corrected_labels: CorrectedLabels = None,
    classifier: ClassifierOut = None,
    run: options.Run = None,
    noisy: options.MovedNoisy = None,
    min_confidence: options.OtherMinConfidence = None,
    drop_issues: DropIssues = False,
    details: Details = False,
    soft_top_k: options.DetailsSoftTopK = None,
    hard_link: HardLink = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Give the noisy file back with its labels corrected: the same columns, order and types. Or copy the classifier."""
    if corrected_labels is None and classifier is None:
        remedy = (
            "--corrected-labels OUT writes the noisy file with corrected labels, --classifier DIR copies the classifier"
        )
        raise SettingsError(f"there is nothing to export: {remedy}")
    voice = options.voice(context)

    from labelfix.runs import RunFolder

    folder = RunFolder.open_finished(run)
    if classifier is not None:
        check_target(context, classifier, folder, "--classifier", folder=True)
        _check_classifier(classifier)
    if corrected_labels is not None:
        _check_labels(context, folder, corrected_labels, hard_link)
    if corrected_labels is not None:
        report = _export_labels(
            folder, corrected_labels, noisy, min_confidence, drop_issues, details, soft_top_k, hard_link, overwrite
        )
        for line in report.notes:
            voice.note(line)
        voice.note(_told(report))
        verdict = folder.read_manifest().get("verdict") or {}
        if verdict.get("labels") == "keep":
            voice.warn(f"this goes against the run's own verdict: {verdict['sentence']}")
        voice.data(str(corrected_labels))
    if classifier is not None:
        from labelfix.runs import atomic_path

        with atomic_path(classifier, replace=overwrite) as beside:
            shutil.copytree(folder.classifier, beside)
        voice.data(str(classifier))


def _export_labels(
    folder: RunFolder,
    out: Path,
    noisy: str | None,
    min_confidence: float | None,
    drop_issues: bool,
    details: bool,
    soft_top_k: int | None,
    hard_link: bool,
    overwrite: bool,
) -> ExportReport:
    from labelfix.data.formats import ReadOptions, open_table
    from labelfix.data.read import Columns
    from labelfix.outputs.alignment import Correction
    from labelfix.outputs.corrected_rows import CorrectedFile
    from labelfix.outputs.own_file import export_table
    from labelfix.outputs.own_inputs import find_input

    manifest = folder.read_manifest(whole=True)
    columns = Columns.from_json(manifest["columns"])
    told = manifest["data"]["noisy"]
    own = find_input(folder, "noisy", noisy).needed()
    source = open_table(own.names[0], options=ReadOptions(told.get("encoding"), told.get("split")))
    assert columns.label is not None, "a run is trained on labelled rows"
    files = tuple(told["files"])
    correction = Correction(CorrectedFile(folder.corrected), source, columns.label, files, min_confidence)
    if is_table(out):
        return export_table(correction, out, drop_issues=drop_issues, details=details, soft_top_k=soft_top_k)

    from labelfix.outputs.image_tree import export_tree

    return export_tree(
        correction,
        columns.spec.columns[0],
        out,
        id_column=columns.id,
        drop_issues=drop_issues,
        details=details,
        hard_link=hard_link,
        overwrite=overwrite,
    )


def _check_labels(context: typer.Context, folder: RunFolder, out: Path, hard_link: bool) -> None:
    """Refuse what `--corrected-labels` names before anything is read."""
    from labelfix.data.read import Columns

    what, manifest = "--corrected-labels", folder.read_manifest()
    if is_table(out) or Columns.from_json(manifest["columns"]).spec.kind != "image":
        check_table(context, out, folder, what)
        if hard_link:
            raise SettingsError("--hard-link: is for folders of images; leave it out")
        return

    from labelfix.outputs.image_tree import check_tree

    check_target(context, out, folder, what, folder=True)
    check_tree(out, manifest["classes"], bool(context.params.get("overwrite")))


def _check_classifier(path: Path) -> None:
    """Refuse to replace a folder that is no classifier: all that is in it would go.

    Raises:
        SettingsError: It holds something else.
    """
    if path.is_dir() and any(path.iterdir()) and not (path / CLASSIFIER_MARK).is_file():
        raise SettingsError(f"--classifier {path}: is not a classifier of labelfix; choose another folder")


def _told(report: ExportReport) -> str:
    parts = [f"{report.changed:,} labels changed"]
    parts += [f"{report.filled:,} filled in"] if report.filled else []
    parts += [f"{report.dropped:,} rows left out"] if report.dropped else []
    old = f"; the old labels are in {report.given_column!r}" if report.given_column else ""
    return f"{report.rows:,} rows: {', '.join(parts)}{old}"
