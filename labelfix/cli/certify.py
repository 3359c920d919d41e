"""`labelfix certify`: how many labels are wrong as they would be exported, proven from rows that a person reads."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelfix.cli import options
from labelfix.cli.commands import AboveTheGate
from labelfix.cli.finished_run import finished_run
from labelfix.cli.targets import check_table
from labelfix.outputs.free_names import free
from labelfix.runs import RunFolder
from labelfix.runs.reading_plan import FOLDER

if TYPE_CHECKING:
    from labelfix.certificates.answers import Taken
    from labelfix.certificates.campaign import State
    from labelfix.cli.terminal import Voice

TASKS = Path("to_check.csv")


MaxNoiseRate = Annotated[
    float | None,
    options.share(
        "--max-noise-rate",
        doc="The share of labels that may be wrong, such as 0.02. Default: that of the plan that is under way.",
    ),
]
Answers = Annotated[
    list[Path] | None,
    options.option(
        "--answers",
        metavar="TABLE",
        doc="A file of rows to check, filled in; ? stands for a row that nobody can tell. May be repeated. The "
        "answers go into answers.jsonl of the run, those of the review page are there already.",
    ),
]
Count = Annotated[
    int | None,
    options.option(
        "--count",
        min=1,
        metavar="N",
        doc="How many rows to hand out next. Default: about as many as are needed, 20 to 200.",
    ),
]
Out = Annotated[
    Path | None,
    options.option(
        "--out",
        callback=options.placed,
        metavar="FILE",
        doc="Where to write the rows to check: .csv, .tsv or .parquet. Default: to_check.csv, to_check-2.csv, …",
    ),
]
Confidence = Annotated[
    float | None,
    options.option(
        "--confidence",
        metavar="SHARE",
        doc="How sure the certificate has to be. Default: 0.95. Fixed once rows are handed out.",
    ),
]
Seed = Annotated[
    int | None, options.option("--seed", min=0, metavar="N", doc="Of the draw of the rows to check. Default: 0.")
]
DropIssues = Annotated[bool, options.switch("--drop-issues", doc="Certify what export --drop-issues writes.")]
WithAnswers = Annotated[
    bool,
    options.switch(
        "--with-answers",
        doc="Certify the labels with the answers written over them, as export --answers does. That takes fewer rows.",
    ),
]
NewPlan = Annotated[
    bool, options.switch("--new-plan", doc="Give the plan of rows to read up and draw others; answers are kept.")
]
Check = Annotated[
    bool, options.switch("--check", doc="Compute the run's certificate again from the files, and compare.")
]
OutputFormat = Annotated[options.Format, typer.Option("--format", help="Lines for people, or the certificate as JSON.")]


def certify(
    context: typer.Context,
    run: options.Run = None,
    max_noise_rate: MaxNoiseRate = None,
    answers: Answers = None,
    with_answers: WithAnswers = False,
    check: Check = False,
    new_plan: NewPlan = False,
    noisy: options.MovedNoisy = None,
    count: Count = None,
    out: Out = None,
    confidence: Confidence = None,
    seed: Seed = None,
    min_confidence: options.OtherMinConfidence = None,
    drop_issues: DropIssues = False,
    output_format: OutputFormat = "text",
    overwrite: options.Overwrite = False,
    safe_csv: options.SafeCsv = False,
) -> None:
    """Prove how many labels are wrong at most, as `labelfix export` would write them, from rows that a person reads.

    The first call writes the rows to check. Fill in their labels and give them back with --answers, as often as you
    like and as few as you like: the verdict holds whenever you stop.

    Exit codes: 0 certified, 1 not yet or beyond reach, 2 for anything that went wrong.
    """
    from labelfix.certificates import campaign as campaigns

    voice = options.voice(context)
    folder = finished_run(run, context)
    wish = campaigns.Wish(max_noise_rate, confidence, seed, min_confidence, drop_issues or None)
    if check:
        _check(folder, noisy, voice, output_format)
        return
    if out is not None:
        check_table(context, out, folder)
    begun = campaigns.open_campaign(folder, wish, new_plan)
    for table in answers or ():
        _say_taken(voice, table, campaigns.take(folder, begun, table))
    state = campaigns.stand(folder, begun, max_noise_rate, with_answers)
    campaigns.keep(folder, state)
    written = None
    if state.verdict.status == "not yet":
        state, written = _hand_out(folder, state, count, out, noisy, safe_csv)
    _show(voice, state, output_format)
    if state.verdict.status == "certified":
        place = folder.path / FOLDER
        voice.note(
            f"the certificate, and a paragraph for a data card: {place}; --check computes it again from the files"
        )
    elif written is not None:
        _say_next(voice, folder, state, written)
    elif state.verdict.status == "not yet":
        voice.note(
            f"they stand in the newest {TASKS.stem} file, or where --out put them; fill it in and give it to --answers"
        )
        voice.note("--out FILE writes the open ones again")
    if state.verdict.status != "certified":
        raise AboveTheGate


def _hand_out(
    folder: RunFolder, state: State, count: int | None, out: Path | None, noisy: str | None, safe_csv: bool
) -> tuple[State, Path | None]:
    """Hand out more rows where all of the plan are answered or more are asked for, and write those that are open."""
    from labelfix.certificates import campaign as campaigns
    from labelfix.data.formats.csv.write import formulas_disarmed

    campaign = state.campaign
    if state.said.open and count is None and out is None:
        return state, None
    if not state.said.open or count is not None:
        campaign = campaigns.hand_out(folder, campaign, count or campaigns.rows_at_once(state))
    target = out if out is not None else free(TASKS)
    table = campaigns.open_rows(folder, campaign, noisy)
    with formulas_disarmed(safe_csv):
        campaigns.write_tasks(table, target, campaign.exported.classes.names)
    state = campaigns.stand(folder, campaign, state.verdict.bound, state.verdict.with_answers)
    campaigns.keep(folder, state)
    return state, target


def _show(voice: Voice, state: State, output_format: options.Format) -> None:
    from labelfix.certificates.wording import lines
    from labelfix.outputs.plain_text import json_text

    if output_format == "json":
        import msgspec

        voice.data(*json_text(msgspec.to_builtins(state.certificate)).splitlines())
        return
    voice.data(*lines(state))


def _say_taken(voice: Voice, table: Path, taken: Taken) -> None:
    from labelfix.certificates.wording import taken_words

    voice.note(f"{table}: {taken_words(taken)}")


def _say_next(voice: Voice, folder: RunFolder, state: State, written: Path) -> None:
    from labelfix.certificates.campaign import answer_column
    from labelfix.data.read import Columns

    column = answer_column(Columns.from_json(folder.read_manifest(whole=True)["columns"]))
    voice.note(
        f"{written}: {state.said.open:,} rows to check; write the right label of each into the column `{column}`,"
    )
    voice.note("? where you cannot tell, from the top, as many as you like; then:")
    voice.note(shlex.join(["labelfix", "certify", "--run", str(folder.path), "--answers", str(written)]))
    voice.note(
        f"or decide in the browser: {shlex.join(['labelfix', 'review', '--run', str(folder.path)])} --queue certify"
    )


def _check(folder: RunFolder, noisy: str | None, voice: Voice, output_format: options.Format) -> None:
    """Compute a certificate again; what does not agree is an error, the verdict of one that does the exit code."""
    from labelfix.certificates.campaign import check as check_again
    from labelfix.certificates.certificate import certificate_path
    from labelfix.errors import RunError

    state, wrong = check_again(folder, noisy)
    if wrong:
        path = certificate_path(folder)
        more = f" (and {len(wrong) - 1} more differences)" if len(wrong) > 1 else ""
        raise RunError(f"{path}: does not follow from the files: {wrong[0]}{more}; run labelfix certify again")
    voice.note("the certificate follows from the files: data, labels, plan and answers are those it names")
    _show(voice, state, output_format)
    if state.verdict.status != "certified":
        raise AboveTheGate
