"""Packages that the core does without: whatever needs one says in a line how to get it, before any work starts."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from labelfix.errors import MissingPackageError

TRAIN = "train"
"""The extra that trains, and that scores what whole networks read."""

NAMES = {"sklearn": "scikit-learn", "huggingface_hub": "huggingface-hub"}
"""Module → what pip calls it, where the names differ."""

HEAVY = ("torch", "torchvision", "transformers", "timm", "datasets", "huggingface_hub", "sklearn", "scipy")
"""Modules that the extra brings."""


def need(what: str, *modules: str, extra: str = TRAIN) -> None:
    """Refuse what cannot be done with the core alone.

    Args:
        what: What needs them, as the beginning of a sentence.
        modules: By their names in Python; the first that is missing is named.
        extra: What brings them.

    Raises:
        MissingPackageError: One is not installed.
    """
    for module in modules:
        if not is_there(module):
            raise MissingPackageError(_line(what, module, extra))


def need_certify() -> None:
    """Refuse to certify without SciPy, which an extra of its own brings.

    Raises:
        MissingPackageError: It is not installed.
    """
    need("certify", "scipy", extra="certify")


def need_training() -> None:
    """Refuse to train with the core alone.

    Raises:
        MissingPackageError: torch or another package that every training needs is not installed.
    """
    need("training", "torch", "sklearn", "scipy")


def is_there(module: str) -> bool:
    """Whether a package is installed; it is not loaded."""
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def as_missing(error: ImportError) -> MissingPackageError | None:
    """An import that failed as the error that says how to get the package; None where it is none of the extra's."""
    module = (error.name or "").partition(".")[0]
    return MissingPackageError(_line("this", module)) if module in HEAVY else None


def _line(what: str, module: str, extra: str = TRAIN) -> str:
    return f"{what} needs {NAMES.get(module, module)}: pip install 'labelfix[{extra}]'"
