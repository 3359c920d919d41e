"""`labelfix predict`: the classifier alone on new rows."""

from __future__ import annotations

import typer

from labelfix.cli import options
from labelfix.cli.commands import requires
from labelfix.cli.opened_run import open_run
from labelfix.cli.targets import check_table
from labelfix.runs import RunFolder


@requires("input_", "out")
def predict(
    context: typer.Context,
    input_: options.Input = None,
    run: options.Run = None,
    out: options.TableOut = None,
    overwrite: options.Overwrite = False,
    safe_csv: options.SafeCsv = False,
    id_column: options.IdColumn = None,
    skip_unreadable: options.SkipUnreadable = None,
    max_pixels: options.MaxPixels = None,
    encoding: options.Encoding = None,
    split: options.Split = None,
    config: options.Config = None,
    device: options.Device = None,
    cache_dir: options.CacheDir = None,
    offline: options.Offline = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Classify new rows with the classifier of a finished run; labels in the file are not looked at."""
    input_ = options.needed(
        input_, "--input", "name the rows to predict; they need the columns that the run was trained on"
    )
    out = options.needed(out, "--out", "name the file to write, for example --out predictions.parquet")
    check_table(context, out)
    folder = RunFolder.open_finished(run)
    check_table(context, out, folder)
    voice = options.voice(context)

    loaded = open_run(
        context,
        folder.path,
        id_column=id_column,
        skip_unreadable=skip_unreadable,
        max_pixels=max_pixels,
        encoding=encoding,
        split=split,
    )
    from labelfix.data.formats.csv.write import formulas_disarmed

    with formulas_disarmed(safe_csv):
        rows = loaded.predict_to(out, input_, overwrite=overwrite, progress=voice.progress())
    voice.note(f"{rows:,} rows predicted")
    voice.data(str(out))
