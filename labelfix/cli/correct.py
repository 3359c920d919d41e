"""`labelfix correct`: apply a finished run to rows."""

from __future__ import annotations

import typer

from labelfix.cli import options
from labelfix.cli.commands import requires, with_options
from labelfix.cli.finished_run import finished_run
from labelfix.cli.opened_run import open_run
from labelfix.cli.option_groups import NEW_LABELS, NEW_ROWS, READING, SCORING, WRITING
from labelfix.cli.targets import check_table


@requires("noisy", "out")
@with_options(NEW_ROWS, NEW_LABELS, READING, SCORING, WRITING)
def correct(
    context: typer.Context,
    noisy: options.Noisy = None,
    run: options.Run = None,
    out: options.TableOut = None,
    overwrite: options.Overwrite = False,
    safe_csv: options.SafeCsv = False,
    min_confidence: options.OtherMinConfidence = None,
    soft_top_k: options.OtherSoftTopK = None,
) -> None:
    """Correct the labels of new rows (or the same ones) with a finished run."""
    noisy = options.needed(
        noisy, "--noisy", "name the rows to correct; they need the columns that the run was trained on"
    )
    out = options.needed(out, "--out", "name the file to write, for example --out corrected.parquet")
    check_table(context, out)
    folder = finished_run(run, context)
    check_table(context, out, folder)
    voice = options.voice(context)

    loaded = open_run(context, folder, NEW_ROWS, NEW_LABELS, READING)
    from labelfix.data.formats.csv.write import formulas_disarmed

    with formulas_disarmed(safe_csv):
        actions = loaded.correct_to(
            out,
            noisy,
            min_confidence=min_confidence,
            soft_top_k=soft_top_k,
            overwrite=overwrite,
            progress=voice.progress(),
        )
    changed, filled = actions.get("relabel", 0), actions.get("fill", 0)
    voice.note(f"{sum(actions.values()):,} rows: {changed:,} labels changed, {filled:,} filled in")
    voice.data(str(out))
