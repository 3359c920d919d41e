"""`labelfix export`: people's own file back, fixed; or the classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelfix.cli import options
from labelfix.cli.commands import requires
from labelfix.cli.targets import check_target
from labelfix.errors import SettingsError

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
Answers = Annotated[
    bool,
    typer.Option(
        "--answers",
        metavar="",
        help="Where people decided about a row (labelfix review, the run's answers.jsonl), their label stands.",
    ),
]
HardLink = Annotated[
    bool, typer.Option("--hard-link", metavar="", help="Link images into the new folder instead of copying them.")
]


@requires("corrected_labels", "classifier", heading="Required, one or both")
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
    answers: Answers = False,
    overwrite: options.Overwrite = False,
    safe_csv: options.SafeCsv = False,
    offline: options.Offline = None,
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

    from labelfix.data.formats.csv.write import formulas_disarmed
    from labelfix.outputs.exporting import (
        check_classifier,
        check_labels,
        export_classifier,
        export_labels,
        is_tree,
    )
    from labelfix.runs import RunFolder

    folder = RunFolder.open_finished(run)
    if classifier is not None:
        check_target(context, classifier, folder, "--classifier", folder=True)
        check_classifier(classifier)
    if corrected_labels is not None:
        check_target(context, corrected_labels, folder, "--corrected-labels", is_tree(folder, corrected_labels))
        check_labels(folder, corrected_labels, hard_link, overwrite)
    if corrected_labels is not None:
        with formulas_disarmed(safe_csv):
            report = export_labels(
                folder,
                corrected_labels,
                noisy=noisy,
                min_confidence=min_confidence,
                drop_issues=drop_issues,
                details=details,
                soft_top_k=soft_top_k,
                hard_link=hard_link,
                overwrite=overwrite,
                answers=answers,
            )
        for line in report.notes:
            voice.note(line)
        voice.note(report.sentence)
        verdict = folder.read_manifest().get("verdict") or {}
        if verdict.get("labels") == "keep":
            voice.warn(f"this goes against the run's own verdict: {verdict['sentence']}")
        voice.data(str(corrected_labels))
    if classifier is not None:
        export_classifier(folder, classifier, overwrite)
        voice.data(str(classifier))
