"""labelfix: correct the labels of a dataset on disk with the help of a few trusted rows."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelfix.api import Run, load_run, resume, train

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "load_run", "resume", "train"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the public names live in labelfix.api, which is heavy
    if name in __all__:
        return getattr(importlib.import_module("labelfix.api"), name)
    raise AttributeError(f"module 'labelfix' has no attribute {name!r}")
