"""labelfix: correct the labels of a dataset on disk with the help of a few trusted rows."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from labelfix.version import __version__

if TYPE_CHECKING:
    from labelfix.api import BatchCorrector, Run, batch_corrector, load_run, resume, train
    from labelfix.data.check import Check, check
    from labelfix.errors import InputError, LabelfixError, MissingPackageError, RunError, SettingsError, TrainingError

__all__ = [
    "BatchCorrector",
    "Check",
    "InputError",
    "LabelfixError",
    "MissingPackageError",
    "Run",
    "RunError",
    "SettingsError",
    "TrainingError",
    "__version__",
    "batch_corrector",
    "check",
    "load_run",
    "resume",
    "train",
]

_PLACES = {
    **dict.fromkeys(("BatchCorrector", "Run", "batch_corrector", "load_run", "resume", "train"), "labelfix.api"),
    **dict.fromkeys(("Check", "check"), "labelfix.data.check"),
    **dict.fromkeys(
        ("InputError", "LabelfixError", "MissingPackageError", "RunError", "SettingsError", "TrainingError"),
        "labelfix.errors",
    ),
}
"""Public name → the module that has it. They load when they are asked for."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - public names are of any type
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'labelfix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
