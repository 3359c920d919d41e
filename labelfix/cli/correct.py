"""`labelfix correct`: apply a finished run to rows."""

from __future__ import annotations

import typer

from labelfix.cli import options
from labelfix.cli.commands import requires
from labelfix.cli.opened_run import open_run
from labelfix.cli.targets import check_table
from labelfix.runs import RunFolder


@requires("noisy", "out")
def correct(
    context: typer.Context,
    noisy: options.Noisy = None,
    run: options.Run = None,
    out: options.TableOut = None,
    overwrite: options.Overwrite = False,
    safe_csv: options.SafeCsv = False,
    label_column: options.LabelColumn = None,
    label_columns: options.LabelColumns = None,
    sources: options.SourcesFile = None,
    abstain: options.Abstain = None,
    id_column: options.IdColumn = None,
    skip_unreadable: options.SkipUnreadable = None,
    max_pixels: options.MaxPixels = None,
    new_classes: options.NewClasses = None,
    class_map: options.ClassMap = None,
    missing: options.Missing = None,
    unlabelled: options.Unlabelled = None,
    encoding: options.Encoding = None,
    split: options.Split = None,
    min_confidence: options.OtherMinConfidence = None,
    soft_top_k: options.OtherSoftTopK = None,
    config: options.Config = None,
    device: options.Device = None,
    cache_dir: options.CacheDir = None,
    offline: options.Offline = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Correct the labels of new rows (or the same ones) with a finished run."""
    noisy = options.needed(
        noisy, "--noisy", "name the rows to correct; they need the columns that the run was trained on"
    )
    out = options.needed(out, "--out", "name the file to write, for example --out corrected.parquet")
    check_table(context, out)
    folder = RunFolder.open_finished(run)
    check_table(context, out, folder)
    voice = options.voice(context)

    loaded = open_run(
        context,
        folder.path,
        label_column=label_column,
        label_columns=options.split_names(label_columns),
        sources=sources,
        abstain=abstain,
        id_column=id_column,
        skip_unreadable=skip_unreadable,
        max_pixels=max_pixels,
        new_classes=new_classes,
        class_map=class_map,
        missing=missing,
        unlabelled=unlabelled,
        encoding=encoding,
        split=split,
    )
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
