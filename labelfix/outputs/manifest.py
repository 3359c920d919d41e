"""`run.json` and the counts of `metrics.json`: what a run was made of and what came out, as plain values."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from labelfix.data.formats import TableSource
from labelfix.data.labels.noise_rate import HOW, rate_in
from labelfix.data.read import Reading
from labelfix.data.tables import TrainingData
from labelfix.settings.data import DataSettings
from labelfix.settings.run import TrainSettings

VERSIONS = ("torch", "numpy", "scikit-learn", "pyarrow", "transformers", "timm")
"""Packages whose versions go into `run.json`: the ones that can move a result."""

ACTIONS = ("keep", "relabel", "review", "fill")


def manifest(
    reading: Reading, identity: str, min_confidence: float, contents: Sequence[str], settings: TrainSettings
) -> dict[str, Any]:
    """What `run.json` says of the inputs, whose hashes are `contents`, the settings and the versions."""
    data = reading.data
    return {
        "run_id": identity,
        "labelfix": _version("labelfix"),
        "versions": {name: _version(name) for name in VERSIONS} | {"python": platform.python_version()},
        "method": settings.method,
        "seed": settings.seed,
        "min_confidence": min_confidence,
        "classes": list(data.classes.names),
        "class_names": data.classes.to_json(),
        "columns": reading.columns.to_json(),
        "data": {
            "noisy": _source(reading.noisy_source, contents[0], len(data.noisy), settings.data),
            "clean": _source(reading.clean_source, contents[1], len(data.clean), settings.data),
        },
        "joined_by": data.joined_by,
        "trusted_rows": [int(row) for row in data.clean_in_noisy if row >= 0],
        "chosen_rows": [int(row) for row in data.clean_in_noisy[~data.judges] if row >= 0],
        "sampling": data.sampling,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def row_counts(data: TrainingData, actions: Mapping[str, int]) -> dict[str, Any]:
    """How many rows there are of each kind."""
    noise = rate_in(data)
    return {
        "noisy": len(data.noisy),
        "labelled": int(data.noisy.labelled.sum()),
        "noisy_training": len(data.noisy_rows),
        "clean": len(data.clean),
        "paired": noise.rows,
        "paired_given_wrong": None if noise.value is None else {**noise.to_json(), "how": HOW[data.sampling]},
        "actions": {name: actions.get(name, 0) for name in ACTIONS},
        "classes": len(data.classes),
    }


def _source(source: TableSource, content_hash: str, rows: int, settings: DataSettings) -> dict[str, Any]:
    """What `run.json` says of an input; of several that are read as one, also of each."""
    several = source.parts
    parts = [
        {"name": one.name, "format": one.format, "files": list(one.files), "content_hash": one.content_hash()}
        for one in several
    ]
    return {
        "name": source.name,
        "format": source.format,
        "files": list(source.files),
        "content_hash": content_hash,
        "rows": rows,
        "encoding": settings.encoding,
        "split": settings.split,
        **({"parts": parts} if several != (source,) else {}),
    }


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
