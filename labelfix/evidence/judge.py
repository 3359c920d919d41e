"""All that trusted rows say of a fit, gathered once, for `metrics.json` and the columns beside the labels.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labelfix.correction.base import FittedModel, Problem
from labelfix.data.tables import Probabilities
from labelfix.evidence.asked import ASKED_OF_NOISY, ASSUMED
from labelfix.evidence.calibrate import Calibrated, calibrate
from labelfix.progress import Progress
from labelfix.settings.run import TrainSettings


@dataclass(frozen=True)
class Evidence:
    """What is known of a fit.

    Attributes:
        fitted: The model, calibrated.
        p_values: `(N,)` of "the given label is right"; None where no model could judge.
        figures: Plain values, `evidence` of `metrics.json`; empty where nothing could be judged.
    """

    fitted: FittedModel
    p_values: Probabilities | None = None
    figures: dict[str, Any] = field(default_factory=dict)


def judge(problem: Problem, fitted: FittedModel, settings: TrainSettings, progress: Progress) -> Evidence:
    """Calibrate a fit and gather the evidence.

    Args:
        problem: What it was fitted to.
        fitted: The fit.
        settings: The run's.
        progress: Told what happens.
    """
    found = calibrate(problem, fitted)
    if found is None or found.fitted.held is None:
        progress.say("nothing judges this run: no trusted row was kept from the method")
        return Evidence(fitted)
    return Evidence(found.fitted, None, {**_basis(problem, found, settings), "calibration": found.figures()})


def _basis(problem: Problem, found: Calibrated, settings: TrainSettings) -> dict[str, Any]:
    """What the figures rest on."""
    asked, held = found.asked, found.fitted.held
    assert held is not None
    parts = settings.cross_fit
    return {
        "judged_on": {
            "rows": len(asked.truth),
            "paired": int((asked.given >= 0).sum()),
            "sampling": problem.sampling,
            "how": held.how,
        },
        "assumption": None if asked.paired else ASSUMED,
        "noisy_rows": ASKED_OF_NOISY[parts > 0].format(parts=parts),
    }
