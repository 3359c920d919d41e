"""`labelfix correct`: apply a finished run to rows."""

from __future__ import annotations

from dataclasses import replace

import typer

from labelfix.cli import options
from labelfix.cli.opened_run import open_run
from labelfix.cli.targets import check_table


def correct(
    context: typer.Context,
    noisy: options.Noisy = None,
    run: options.Run = None,
    out: options.TableOut = None,
    label_column: options.LabelColumn = None,
    id_column: options.IdColumn = None,
    skip_unreadable: options.SkipUnreadable = None,
    min_confidence: options.OtherMinConfidence = None,
    config: options.Config = None,
    device: options.Device = None,
    offline: options.Offline = None,
    cache_dir: options.CacheDir = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Correct the labels of new rows (or the same ones) with a finished run."""
    noisy = options.needed(
        noisy, "--noisy", "name the rows to correct; they need the columns that the run was trained on"
    )
    out = options.needed(out, "--out", "name the file to write, for example --out corrected.parquet")
    check_table(out, "--out", [noisy])
    voice = options.voice(context)

    from labelfix.data.read import Columns
    from labelfix.outputs.exports import write_corrected

    loaded = open_run(context, run, label_column=label_column, id_column=id_column, skip_unreadable=skip_unreadable)
    labels = loaded.correct(noisy, progress=voice.progress())
    if min_confidence is not None:
        labels = replace(labels, min_confidence=min_confidence)
    columns = Columns.from_json(loaded.manifest["columns"])
    write_corrected(out, labels, columns.spec, id_column or columns.id)
    changed = int(labels.is_label_issue.sum())
    filled = int((labels.given < 0).sum())
    voice.note(f"{len(labels):,} rows: {changed:,} labels changed, {filled:,} filled in")
    voice.data(str(out))
