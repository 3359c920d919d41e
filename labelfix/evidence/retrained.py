"""Rivals of a network trained end to end, as `--ledger full` asks: each with its method's own settings.

They are judged on the run's held-out rows, and left out where their method holds out others.

Legend: R judged rows, K classes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import log_softmax

from labelfix.correctors.contract import Held, Method, Problem
from labelfix.evidence.rivals import ABOUT, CLEAN_ONLY, CONFIDENT_LEARNING, GLC, NOISY_AND_CLEAN, Rival, kept_rival
from labelfix.extras import is_there
from labelfix.methods.table import METHODS
from labelfix.progress import Progress
from labelfix.settings.methods import METHOD_SETTINGS

METHOD = {CLEAN_ONLY: "clean-only", NOISY_AND_CLEAN: "mixed", GLC: "glc", CONFIDENT_LEARNING: "confident-learning"}
"""Rival → its method."""


def retrained(problem: Problem, held: Held, progress: Progress) -> tuple[Rival, ...]:
    """Train them."""
    found = []
    for name in METHOD:
        if name == CONFIDENT_LEARNING and not is_there("cleanlab"):
            continue
        found.append(kept_rival(problem, name, partial(_trained, problem, held, name, progress)))
    return tuple(rival for rival in found if rival is not None)


def _trained(problem: Problem, held: Held, name: str, progress: Progress) -> Rival | None:
    """One of them; None where it holds out other trusted rows."""
    progress.say(f"ledger: training {name} end to end")
    fit: Method = METHODS[METHOD[name]]
    judges = fit(replace(problem, checkpoints=None, observe=None), METHOD_SETTINGS[METHOD[name]](), progress).held
    if judges is None or not np.isin(held.rows, judges.rows).all():
        progress.warn(f"ledger: {name} holds out other trusted rows than this run, and is left out")
        return None
    log_p = np.empty((len(held.rows), problem.num_classes))
    by = judges.by[np.searchsorted(judges.rows, held.rows)]
    for number, model in enumerate(judges.models):
        logits, _ = model.outputs(problem.clean, held.rows[by == number])
        log_p[by == number] = log_softmax(logits.astype(np.float64) / model.temperature, axis=1)
    return Rival(name, f"{ABOUT[name]}; trained end to end", log_p)
