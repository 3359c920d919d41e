"""How much work a method on fixed features is, so that its progress can say what time is left.

Legend: N noisy rows, M trusted rows.
"""

from __future__ import annotations

from labelfix.correctors.contract import Problem
from labelfix.heads import learners, near_another_head
from labelfix.heads.folds import FOLDS, MORE_FOLDS
from labelfix.heads.rows import NOISY_SAMPLE
from labelfix.methods import confident_learning, forward, mixed
from labelfix.settings.methods import ConfidentLearningSettings, ForwardSettings
from labelfix.settings.run import TrainSettings


def passes(problem: Problem, settings: TrainSettings) -> int | None:
    """About how many rows the fits of a method pass over; see `labelfix.progress.counted`.

    Args:
        problem: The data; its inputs are fixed features.

    Returns:
        None for methods that train in batches there too: these show epochs.
    """
    noisy, trusted = len(problem.noisy), len(problem.truth)
    every, heads, more = noisy + trusted, FOLDS + 1, MORE_FOLDS + 1
    of_given = 7 * min(noisy, NOISY_SAMPLE)
    moved = len(near_another_head.RIDGES) * heads * trusted
    own = settings.method_settings
    then = moved if isinstance(own, ForwardSettings) and own.then_finetune else 0
    folds = own.folds if isinstance(own, ConfidentLearningSettings) else 0
    found = {
        "glc": 4 * heads * trusted + of_given + len(learners.ridges(problem.num_classes)) * heads * every,
        "bayes": 4 * more * trusted + of_given,
        "clean-only": 4 * more * trusted,
        "noisy-only": of_given + len(mixed.RIDGES) * noisy,
        "mixed": of_given + len(mixed.RIDGES) * more * every,
        "finetune": of_given + moved,
        "distillation": 4 * more * trusted + more * every,
        "forward": of_given + (len(forward.RIDGES) + 1) * every + then,
        "confident-learning": (len(confident_learning.RIDGES) * folds + 1) * every,
    }.get(settings.method)
    return None if found is None else found * max(settings.cross_fit, 1)
