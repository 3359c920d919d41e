"""The flags that several commands have, as groups; `commands.with_options` gives a command all of some groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelfix.cli import options
from labelfix.cli.commands import Flags

TRAINING_COLUMNS: Flags = {
    "clean_sampling": options.CleanSampling,
    "label_column": options.LabelColumn,
    "label_columns": options.LabelColumns,
    "sources": options.SourcesFile,
    "main_source": options.MainSource,
    "abstain": options.Abstain,
    "clean_label_column": options.CleanLabelColumn,
    "id_column": options.IdColumn,
    "clean_id_column": options.CleanIdColumn,
    "text_column": options.TextColumn,
    "image_column": options.ImageColumn,
    "feature_columns": options.FeatureColumns,
    "embedding_column": options.EmbeddingColumn,
    "class_map": options.ClassMap,
    "class_descriptions": options.ClassDescriptions,
    "missing": options.Missing,
    "join": options.Join,
}
"""What the columns of the noisy and of the trusted file mean, and how their rows belong together."""

NEW_LABELS: Flags = {
    "label_column": options.LabelColumn,
    "label_columns": options.LabelColumns,
    "sources": options.SourcesFile,
    "abstain": options.Abstain,
    "new_classes": options.NewClasses,
    "class_map": options.ClassMap,
    "missing": options.Missing,
    "unlabelled": options.Unlabelled,
}
"""What the labels of new rows mean to a finished run."""

NEW_ROWS: Flags = {"id_column": options.IdColumn}
"""What else a finished run must know of new rows."""

READING: Flags = {
    "encoding": options.Encoding,
    "split": options.Split,
    "skip_unreadable": options.SkipUnreadable,
    "max_pixels": options.MaxPixels,
}
"""How files are read."""

SETTINGS: Flags = {"config": options.Config, "set_": options.Set}
"""Where any setting may come from."""

SCORING: Flags = {"config": options.Config, "device": options.Device, "cache_dir": options.CacheDir}
"""Where and how a finished run computes."""

TRAINING: Flags = {
    "method": options.Method,
    "backbone": options.Backbone,
    "lexical": options.Lexical,
    "freeze": options.Freeze,
    "min_confidence": options.MinConfidence,
    "soft_top_k": options.SoftTopK,
    "cross_fit": options.CrossFit,
    "ledger": options.Ledger,
    "side_checks": options.SideChecks,
    "seed": options.Seed,
    "device": options.Device,
    "precision": options.Precision,
    "accumulate": options.Accumulate,
    "workers": options.Workers,
    "cache_dir": options.CacheDir,
    "checkpoint_every": options.CheckpointEvery,
}
"""How a run is trained."""

WRITING: Flags = {"overwrite": options.Overwrite, "safe_csv": options.SafeCsv}
"""How a table is written."""


def values_of(given: Mapping[str, Any], *groups: Flags) -> dict[str, Any]:
    """What the parameters of a command's context give of some groups."""
    names = {name for group in groups for name in group}
    return {name: value for name, value in given.items() if name in names and value is not None}
