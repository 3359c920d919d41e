"""`labelfix predict`: the classifier alone on new rows."""

from __future__ import annotations

import typer

from labelfix.cli import options
from labelfix.cli.commands import requires, with_options
from labelfix.cli.finished_run import finished_run
from labelfix.cli.opened_run import open_run
from labelfix.cli.option_groups import NEW_ROWS, READING, SCORING, WRITING
from labelfix.cli.targets import check_table


@requires("input_", "out")
@with_options(NEW_ROWS, READING, SCORING, WRITING)
def predict(
    context: typer.Context,
    input_: options.Input = None,
    run: options.Run = None,
    out: options.TableOut = None,
    overwrite: options.Overwrite = False,
    safe_csv: options.SafeCsv = False,
) -> None:
    """Classify new rows with the classifier of a finished run; labels in the file are not looked at."""
    input_ = options.needed(
        input_, "--input", "name the rows to predict; they need the columns that the run was trained on"
    )
    out = options.needed(out, "--out", "name the file to write, for example --out predictions.parquet")
    check_table(context, out)
    folder = finished_run(run, context)
    check_table(context, out, folder)
    voice = options.voice(context)

    loaded = open_run(context, folder, NEW_ROWS, READING)
    from labelfix.data.formats.csv.write import formulas_disarmed

    with formulas_disarmed(safe_csv):
        rows = loaded.predict_to(out, input_, overwrite=overwrite, progress=voice.progress())
    voice.note(f"{rows:,} rows predicted")
    voice.data(str(out))
