"""`labelfix check`: look at the data, touch nothing."""

from __future__ import annotations

import typer

from labelfix.cli import options
from labelfix.cli.commands import requires
from labelfix.progress import counted


@requires("noisy", "clean", heading="Required, here or in labelfix.toml")
def check(
    context: typer.Context,
    noisy: options.Noisy = None,
    clean: options.Clean = None,
    clean_sampling: options.CleanSampling = None,
    label_column: options.LabelColumn = None,
    label_columns: options.LabelColumns = None,
    sources: options.SourcesFile = None,
    main_source: options.MainSource = None,
    abstain: options.Abstain = None,
    clean_label_column: options.CleanLabelColumn = None,
    id_column: options.IdColumn = None,
    clean_id_column: options.CleanIdColumn = None,
    text_column: options.TextColumn = None,
    image_column: options.ImageColumn = None,
    feature_columns: options.FeatureColumns = None,
    embedding_column: options.EmbeddingColumn = None,
    class_map: options.ClassMap = None,
    missing: options.Missing = None,
    join: options.Join = None,
    encoding: options.Encoding = None,
    split: options.Split = None,
    skip_unreadable: options.SkipUnreadable = None,
    max_pixels: options.MaxPixels = None,
    config: options.Config = None,
    set_: options.Set = None,
    offline: options.Offline = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Look at the data before training: every defect in one list, then a summary. Writes nothing."""
    voice = options.voice(context)
    resolved = options.settings_of(context)
    noisy, clean = options.inputs_needed(noisy, clean, resolved.sources)

    from labelfix.data import check as data

    with counted(voice.progress(brief=True), "read"):
        found = data.check(noisy, clean, settings=resolved.settings)
    for line in found.notes:
        voice.note(line)
    found.refuse_errors()
    for defect in found.findings:
        voice.warn(str(defect))
    assert found.summary is not None
    voice.data(*found.summary.lines())
