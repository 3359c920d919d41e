"""What is chosen for a head without a fold is chosen by the rows of the other folds."""

import numpy as np
import pytest
import torch

from labelfix.heads.folds import CrossFitted, Folds, calibrated, likeliest, out_of_fold
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.temperature import fit_temperature

FOLDS = Folds(np.arange(80) % 4, 4, np.ones(80))
TRUTH = np.arange(80) // 4 % 2


def sure_in(fold):
    """Out-of-fold log-probabilities that are right and sure in a fold, and as good as drawn by lot in the others."""
    p = np.where(FOLDS.of == fold, 0.95 - 0.01 * fold, 0.5)
    held = np.empty((80, 2))
    held[np.arange(80), TRUTH], held[np.arange(80), 1 - TRUTH] = np.log(p), np.log(1 - p)
    head = LinearHead(torch.full((2, 1), float(fold)), torch.zeros(2))
    return CrossFitted(head, (head,) * 4, held, FOLDS.of, np.full(5, 1.0 + fold))


def test_the_temperature_of_a_head_without_a_fold_is_that_of_the_other_rows():
    """In fold 0 every label is wrong: only the head that judges it does not know."""
    features = torch.from_numpy(np.where(TRUTH, 1.0, -1.0)[:, None]).float()
    truth = np.where(FOLDS.of == 0, 1 - TRUTH, TRUTH)
    head = LinearHead(torch.tensor([[-2.0], [2.0]]), torch.zeros(2))
    found = calibrated(head, [head] * 4, FOLDS, features, truth)
    raw = out_of_fold([head] * 4, FOLDS, features)
    assert found.temperatures[0] == pytest.approx(fit_temperature(raw, truth))
    assert found.temperatures[1] < 1 < found.temperatures[0] < min(found.temperatures[2:])
    said, temperature = found.without_temperature(0)
    assert temperature == found.temperatures[1]
    assert torch.allclose(said.weight, head.weight)


def test_the_candidate_that_judges_a_fold_is_the_one_that_other_folds_like():
    """Each candidate is good in one fold alone: the one of the fold itself is never taken there."""
    candidates = [sure_in(fold) for fold in (0, 1)]
    best, found = likeliest(candidates, TRUTH)
    assert best == 0
    assert [float(head.weight[0]) for head in found.without] == [1, 0, 0, 0]
    assert found.temperatures.tolist() == [1, 2, 1, 1, 1]
    assert found.nll(TRUTH) == pytest.approx(np.log(2))
