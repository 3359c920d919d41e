"""`labelfix train`: learn from noisy and trusted rows, and write a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from labelfix import runs
from labelfix.cli import options
from labelfix.cli.evaluate import share


def train(
    context: typer.Context,
    noisy: options.Noisy = None,
    clean: options.Clean = None,
    clean_sampling: options.CleanSampling = None,
    label_column: options.LabelColumn = None,
    clean_label_column: options.CleanLabelColumn = None,
    id_column: options.IdColumn = None,
    text_column: options.TextColumn = None,
    image_column: options.ImageColumn = None,
    feature_columns: options.FeatureColumns = None,
    embedding_column: options.EmbeddingColumn = None,
    class_map: options.ClassMap = None,
    skip_unreadable: options.SkipUnreadable = None,
    method: options.Method = None,
    backbone: options.Backbone = None,
    freeze: options.Freeze = None,
    min_confidence: options.MinConfidence = None,
    seed: options.Seed = None,
    config: options.Config = None,
    set_: options.Set = None,
    device: options.Device = None,
    offline: options.Offline = None,
    cache_dir: options.CacheDir = None,
    out: options.RunOut = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Learn from noisy and trusted rows; write corrected labels and a classifier into a run folder."""
    noisy = options.needed(noisy, "--noisy", "name the file of rows whose labels may be wrong")
    clean = options.needed(clean, "--clean", "name a small file of trusted rows, for example of two columns id,label")
    voice = options.voice(context)
    settings = options.settings_of(context).settings
    path = runs.default_path() if out is None else out
    runs.refuse_taken(path, overwrite)
    voice.when_interrupted = lambda: _interrupted(path)

    from labelfix import api

    run = api.train(noisy, clean, path, settings=settings, overwrite=overwrite, progress=voice.progress())
    for line in _told(run.manifest["counts"], runs.read_json(run.folder.metrics).get("classifier_right")):
        voice.note(line)
    voice.note(f"corrected labels: {run.folder.corrected}")
    voice.note(f"next: labelfix flag --run {path} · labelfix export --run {path} --corrected-labels fixed.parquet")
    voice.data(str(path))


def _told(counts: Mapping[str, Any], right: Mapping[str, Any] | None) -> list[str]:
    """What came out, for people."""
    actions = counts["actions"]
    changes = [f"{actions['relabel']:,} labels changed"]
    changes += [f"{actions['review']:,} doubtful but kept"] if actions["review"] else []
    changes += [f"{actions['fill']:,} filled in"] if actions["fill"] else []
    lines = [f"{counts['noisy']:,} rows: {', '.join(changes)}"]
    if right and right["rows"]:
        lines.append(f"classifier right on {right['judged_on']}: {share(right).strip()}")
    return lines


def _interrupted(path: Path) -> str:
    if runs.RunFolder(path).unfinished:
        return f"interrupted; {path} is unfinished: {runs.how_to_go_on(path)}"
    return "interrupted; nothing was written"
