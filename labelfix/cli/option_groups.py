"""The flags that several commands have, as groups; `commands.with_options` gives a command all of some groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelfix.cli import options
from labelfix.cli.commands import Flags
from labelfix.cli.common_options import COLUMNS, COMPUTE, MODEL, ROWS
from labelfix.cli.options import setting_flags

TRAINING_COLUMNS: Flags = {
    **setting_flags(ROWS, clean_sampling="random|per-class|per-label"),
    **setting_flags(COLUMNS, label_column="NAME", label_columns="NAMES", sources="TABLE", main_source="NAME"),
    **setting_flags(COLUMNS, abstain="WORDS", clean_label_column="NAME", id_column="NAME", clean_id_column="NAME"),
    **setting_flags(COLUMNS, text_column="NAME", image_column="NAME", feature_columns="NAMES", embedding_column="NAME"),
    **setting_flags(COLUMNS, class_map="FILE", class_descriptions="FILE", missing="WORDS"),
    **setting_flags(ROWS, join="id|content|both"),
}
"""What the columns of the noisy and of the trusted file mean, and how their rows belong together."""

NEW_LABELS: Flags = {
    **setting_flags(COLUMNS, label_column="NAME", label_columns="NAMES", sources="TABLE", abstain="WORDS"),
    **setting_flags(ROWS, new_classes="error|as-unlabelled"),
    **setting_flags(COLUMNS, class_map="FILE", missing="WORDS"),
    **setting_flags(ROWS, unlabelled=""),
}
"""What the labels of new rows mean to a finished run."""

NEW_ROWS: Flags = setting_flags(COLUMNS, id_column="NAME")
"""What else a finished run must know of new rows."""

ENCODING: Flags = setting_flags(ROWS, encoding="NAME")

READING: Flags = {**ENCODING, **setting_flags(ROWS, split="NAME", skip_unreadable="", max_pixels="N")}
"""How files are read."""

SETTINGS: Flags = {"config": options.Config, "set_": options.Set}
"""Where any setting may come from."""

FEATURES: Flags = setting_flags(MODEL, backbone="NAME", lexical="")
"""What features are made by."""

DEVICE: Flags = setting_flags(COMPUTE, device="auto|cpu|cuda")
CACHE: Flags = setting_flags(COMPUTE, cache_dir="DIR")

SCORING: Flags = {"config": options.Config, **DEVICE, **CACHE}
"""Where and how a finished run computes."""

METHOD: Flags = setting_flags(MODEL, method="NAME")
SEED: Flags = setting_flags(MODEL, seed="N")

TRAINING: Flags = {
    **METHOD,
    **FEATURES,
    **setting_flags(MODEL, freeze="", min_confidence="SHARE", soft_top_k="K", cross_fit="K", ledger="KIND"),
    **setting_flags(MODEL, side_checks=""),
    **SEED,
    **DEVICE,
    **setting_flags(COMPUTE, precision="fp32|bf16", accumulate="N", workers="N"),
    **CACHE,
    **setting_flags(COMPUTE, checkpoint_every="TIME"),
}
"""How a run is trained."""

WRITING: Flags = {"overwrite": options.Overwrite, "safe_csv": options.SafeCsv}
"""How a table is written."""


def values_of(given: Mapping[str, Any], *groups: Flags) -> dict[str, Any]:
    """What the parameters of a command's context give of some groups."""
    names = {name for group in groups for name in group}
    return {name: value for name, value in given.items() if name in names and value is not None}
