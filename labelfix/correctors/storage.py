"""Reading correctors back from disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from labelfix.correctors.calibrated import INNER, CalibratedCorrector
from labelfix.correctors.contract import Corrector
from labelfix.correctors.keep_unless_flagged import FlagCorrector
from labelfix.correctors.mixture import MixtureCorrector
from labelfix.correctors.network import NetworkCorrector
from labelfix.correctors.posterior import PosteriorCorrector
from labelfix.correctors.sources import SourcesCorrector
from labelfix.errors import RunError
from labelfix.runs.checked import TRAIN_AGAIN, read_checked
from labelfix.runs.schema_models import Corrector as Description

ABOUT = "corrector.json"


def _load_calibrated(folder: Path, description: dict[str, Any], classes: int, width: int) -> Corrector:
    if (folder / INNER / INNER).exists():  # or a link to itself would have no end
        raise RunError(f"{folder / INNER / ABOUT}: is damaged (kind: is scaled twice); {TRAIN_AGAIN}")
    return CalibratedCorrector.load(folder, load_corrector(folder / INNER, classes, width), classes)


KINDS: dict[str, Callable[[Path, dict[str, Any], int, int], Corrector]] = {
    "label-correction-network": NetworkCorrector.load,
    "posterior": PosteriorCorrector.load,
    "sources": SourcesCorrector.load,
    "flags": FlagCorrector.load,
    "mixture": MixtureCorrector.load,
    "calibrated": _load_calibrated,
}
"""`kind` in corrector.json → what reads the folder."""


def load_corrector(folder: Path, classes: int, width: int) -> Corrector:
    """The corrector that was saved in a folder, for a classifier of so many classes that reads so many features."""
    description = read_checked(folder / ABOUT, Description)
    return KINDS[description["kind"]](folder, description, classes, width)
