"""`labelfix export`: people's own file back, fixed; or the classifier."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelfix.cli import options
from labelfix.cli.commands import requires
from labelfix.cli.finished_run import finished_run
from labelfix.cli.opened_run import open_run
from labelfix.cli.targets import check_target
from labelfix.errors import SettingsError
from labelfix.runs import RunFolder

if TYPE_CHECKING:
    from labelfix.data.tables import Codes

CorrectedLabels = Annotated[
    Path | None,
    options.option(
        "--corrected-labels",
        callback=options.placed,
        metavar="OUT",
        doc="Write the noisy file again with corrected labels: a .parquet, .csv, .tsv, .jsonl or .json file (text "
        "also .gz) or, for images, a folder DIR/class/file. The old labels go into the column given_label.",
    ),
]
ClassifierOut = Annotated[
    Path | None, options.option("--classifier", metavar="DIR", doc="Copy the classifier into a new folder.")
]
Tasks = Annotated[
    str | None,
    options.option(
        "--tasks",
        metavar="TOOL",
        autocompletion=lambda: ["label-studio", "argilla", "csv", "xlsx"],
        doc="Write rows for people to label: label-studio, argilla, csv or xlsx. What comes back is given to --clean "
        "of train as it is.",
    ),
]
TasksOut = Annotated[
    Path | None,
    options.option(
        "--out",
        metavar="PATH",
        doc="With --tasks: the folder (label-studio, argilla) or file. Default: TOOL-tasks or tasks.TOOL, "
        "here, with a number where that is there.",
    ),
]
TasksQueue = Annotated[
    str,
    typer.Option(
        "--queue",
        metavar="QUEUE",
        help='With --tasks: which rows, as for labelfix review: worst, next, doubtful, "class A->B", "source NAME" or '
        "random.",
    ),
]
TasksCount = Annotated[int, typer.Option("--count", min=1, metavar="N", help="With --tasks: how many rows.")]
People = Annotated[
    int,
    typer.Option(
        "--people", min=1, metavar="N", help="With --tasks argilla: how many people label each row; the vote counts."
    ),
]
DropIssues = Annotated[bool, options.switch("--drop-issues", doc="Leave out the rows whose labels look wrong.")]
Details = Annotated[
    bool, options.switch("--details", doc="Add the scores: suggested label, confidence, action, soft label and others.")
]
Answers = Annotated[
    bool,
    options.switch(
        "--answers",
        doc="Where people decided about a row (labelfix review, the run's answers.jsonl), their label stands.",
    ),
]
HardLink = Annotated[
    bool, options.switch("--hard-link", doc="Link images into the new folder instead of copying them.")
]


@requires("corrected_labels", "classifier", "tasks", heading="Required, one or several")
def export(
    context: typer.Context,
    corrected_labels: CorrectedLabels = None,
    classifier: ClassifierOut = None,
    tasks: Tasks = None,
    out: TasksOut = None,
    queue: TasksQueue = "worst",
    count: TasksCount = 200,
    people: People = 1,
    run: options.Run = None,
    corrected: options.Corrected = None,
    noisy: options.MovedNoisy = None,
    min_confidence: options.OtherMinConfidence = None,
    drop_issues: DropIssues = False,
    details: Details = False,
    soft_top_k: options.DetailsSoftTopK = None,
    hard_link: HardLink = False,
    answers: Answers = False,
    overwrite: options.Overwrite = False,
    safe_csv: options.SafeCsv = False,
) -> None:
    """Give the noisy file back with its labels corrected: the same columns, order and types.

    With --corrected that of the later rows which `labelfix correct` has scored.

    Or copy the classifier, or write rows for people to label in the tool that they have.
    """
    if corrected_labels is None and classifier is None and tasks is None:
        remedy = (
            "--corrected-labels OUT writes the noisy file with corrected labels, --classifier DIR copies the "
            "classifier, --tasks TOOL writes rows for people to label"
        )
        raise SettingsError(f"there is nothing to export: {remedy}")
    voice = options.voice(context)

    from labelfix.data.formats.csv.write import formulas_disarmed
    from labelfix.outputs.exporting import check_classifier, check_labels, export_classifier, export_labels, is_tree
    from labelfix.outputs.tasks.writing import FOLDERS, place_of

    folder = finished_run(run, context)
    place = None if tasks is None else place_of(tasks, out, overwrite)
    if place is not None:
        check_target(context, place, folder, "--out", tasks in FOLDERS)
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
                corrected=corrected,
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
        verdict = (folder.read_manifest().get("verdict") or {}) if corrected is None else {}
        if verdict.get("labels") == "keep":
            voice.warn(f"this goes against the run's own verdict: {verdict['sentence']}")
        voice.data(str(corrected_labels))
    if classifier is not None:
        export_classifier(folder, classifier, overwrite)
        voice.data(str(classifier))
    if tasks is not None and place is not None:
        with formulas_disarmed(safe_csv):
            _write_tasks(context, folder, tasks, place, queue, (count, people), noisy, overwrite)
        voice.data(str(place))


def _write_tasks(
    context: typer.Context,
    folder: RunFolder,
    tool: str,
    place: Path,
    queue: str,
    amount: tuple[int, int],
    noisy: str | None,
    overwrite: bool,
) -> None:
    """Write rows for people to label, how many and for how many people each, and say how they come back."""
    from labelfix.outputs.own_inputs import find_input
    from labelfix.outputs.queues import CERTIFY, RunRows, make_queue
    from labelfix.outputs.tasks.rows import TaskRows
    from labelfix.outputs.tasks.writing import FOLDERS, HOW, write_tasks
    from labelfix.outputs.train_again import train_again
    from labelfix.runs.answers import labels_of, read_answers

    def choose_next(number: int) -> Codes:
        return open_run(context, folder).next_positions(number, noisy=noisy)

    count, people = amount
    if people > 1 and tool != "argilla":
        where = "in the settings of its project" if tool == "label-studio" else "by giving each person the file"
        raise SettingsError(f"--people is for --tasks argilla; with {tool} several people label {where}")
    voice = options.voice(context)
    every = RunRows(folder)
    decided = every.positions(list(labels_of(read_answers(folder.path).standing())))
    rows = make_queue(queue, every, count, choose_next).without(decided)
    if not len(rows.order):
        raise SettingsError(f"--queue {rows.name}: every row of it is decided, and there is nothing to write")
    own = find_input(folder, "noisy", noisy, images_by_name=True).needed()
    written = write_tasks(tool, TaskRows(folder, own, rows, count, people), place, overwrite)
    voice.note(f"{written.tasks:,} rows of the queue {rows.name}; {HOW[tool]}")
    answers = Path("ANSWERS") if tool in FOLDERS else place
    certify = ["labelfix", "certify", "--run", str(folder.path), "--answers", str(answers)]
    again = certify if rows.name == CERTIFY else train_again(folder, noisy, answers)
    if again:
        voice.note(f"then: {shlex.join(again)}")
    if again and again != certify and tool in FOLDERS:
        voice.note("of several people --clean takes the vote; --sources ANSWERS makes each of them a source")
