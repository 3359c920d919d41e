"""The flags that several commands have, as groups: a decorator gives a command all flags of some of them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from labelfix.cli import options

F = TypeVar("F", bound=Callable[..., Any])

Group = Mapping[str, Any]
"""Parameter → its type with its option, as typer reads it."""

TRAINING_COLUMNS: Group = {
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

NEW_LABELS: Group = {
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

NEW_ROWS: Group = {"id_column": options.IdColumn}
"""What else a finished run must know of new rows."""

READING: Group = {
    "encoding": options.Encoding,
    "split": options.Split,
    "skip_unreadable": options.SkipUnreadable,
    "max_pixels": options.MaxPixels,
}
"""How files are read."""

SETTINGS: Group = {"config": options.Config, "set_": options.Set}
"""Where any setting may come from."""

SCORING: Group = {"config": options.Config, "device": options.Device, "cache_dir": options.CacheDir}
"""Where and how a finished run computes."""

TRAINING: Group = {
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

WRITING: Group = {"overwrite": options.Overwrite, "safe_csv": options.SafeCsv}
"""How a table is written."""

SPEAKING: Group = {"offline": options.Offline, "quiet": options.Quiet, "verbose": options.Verbose}
"""What every command has."""


def with_options(*groups: Group) -> Callable[[F], F]:
    """Give a command the flags of some groups, after its own.

    The settings are taken from the context by their names (`options.settings_of`), so a command declares only what it
    reads itself; what it declares and a group has too is the group's.
    """
    shared = {name: annotation for group in groups for name, annotation in group.items()}

    def decorated(function: F) -> F:
        signature = inspect.signature(function)
        own = typing.get_type_hints(function, include_extras=True)
        hints = {name: own[name] for name in signature.parameters if name not in shared} | shared
        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_default(signature.parameters.get(name), hint),
                annotation=hint,
            )
            for name, hint in hints.items()
        ]

        def command(**given: Any) -> None:  # noqa: ANN401 - whatever typer has read
            function(**{name: given[name] for name in signature.parameters})

        command.__name__, command.__doc__, command.__module__ = function.__name__, function.__doc__, function.__module__
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = hints
        return typing.cast(F, command)

    return decorated


def _default(declared: inspect.Parameter | None, hint: Any) -> Any:  # noqa: ANN401 - a type with its option
    """A command's own default; of a group's flag None, or False of a switch that cannot be None."""
    if declared is not None:
        return declared.default
    return False if typing.get_args(hint)[0] is bool else None


def values_of(given: Mapping[str, Any], *groups: Group) -> dict[str, Any]:
    """What was given of some groups.

    Args:
        given: The parameters of a command's context.
    """
    names = {name for group in groups for name in group}
    return {name: value for name, value in given.items() if name in names and value is not None}
