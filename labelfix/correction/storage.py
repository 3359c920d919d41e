"""Reading correctors back from disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from labelfix.correction.base import Corrector
from labelfix.correction.calibrated import INNER, CalibratedCorrector
from labelfix.correction.flagged import FlagCorrector
from labelfix.correction.mixture import MixtureCorrector
from labelfix.correction.network import NetworkCorrector
from labelfix.correction.posterior import PosteriorCorrector
from labelfix.errors import RunError


def _load_calibrated(folder: Path, description: dict[str, Any]) -> Corrector:
    return CalibratedCorrector.load(folder, load_corrector(folder / INNER))


KINDS: dict[str, Callable[[Path, dict[str, Any]], Corrector]] = {
    "label-correction-network": NetworkCorrector.load,
    "posterior": PosteriorCorrector.load,
    "flags": FlagCorrector.load,
    "mixture": MixtureCorrector.load,
    "calibrated": _load_calibrated,
}
"""`kind` in corrector.json → what reads the folder."""


def load_corrector(folder: Path) -> Corrector:
    """The corrector that was saved in a folder.

    Raises:
        RunError: The folder is damaged, or of a newer labelfix.
    """
    try:
        description = json.loads((folder / "corrector.json").read_text(encoding="utf-8"))
        return KINDS[description["kind"]](folder, description)
    except KeyError as error:
        raise RunError(f"{folder}: {error} is not known to this labelfix; use the version that wrote the run") from None
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RuntimeError, SafetensorError) as error:
        raise RunError(f"{folder}: cannot be read ({error}); train again with --overwrite") from None
