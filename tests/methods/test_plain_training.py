"""Plain training of whole networks, on the steps of the paper's recipe."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_problem import soft_labels, whole

from labelfix.methods.table import METHODS
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.settings.methods import MixedSettings, NoisyOnlySettings

QUICK = {"epochs": 6, "warmup_epochs": 2}
SETTINGS = {"mixed": MixedSettings, "noisy-only": NoisyOnlySettings}


def right(made, truth, fitted):
    logits, _ = network_outputs(fitted.classifier, made.noisy, np.arange(len(truth)), made.device)
    return (soft_labels(made, fitted).argmax(1) == truth).mean(), (logits.argmax(axis=1) == truth).mean()


@pytest.mark.parametrize("method", ["mixed", "noisy-only"])
def test_plain_training_takes_the_steps_of_mlc_and_corrects_by_the_posterior(method):
    made, truth = whole(noise=0.4)
    fitted = METHODS[method](made, SETTINGS[method](**QUICK), Silent())
    corrected, classifier = right(made, truth, fitted)
    assert corrected > 0.9
    assert classifier > 0.9
    history = fitted.history.to_pylist()
    assert len(history) == QUICK["epochs"]
    assert (history[-1]["clean_loss"] == 0) == (method == "noisy-only")
    logits, _ = network_outputs(fitted.classifier, made.noisy, np.arange(len(truth)), made.device)
    matrix = np.array(fitted.metrics["transition"])
    scores = np.exp(logits.astype(np.float64) / fitted.temperature)
    joint = scores / scores.sum(axis=1, keepdims=True) * matrix[:, made.given].T
    assert np.allclose(soft_labels(made, fitted), joint / joint.sum(axis=1, keepdims=True), atol=1e-5)


def test_trusted_rows_teach_mixed_what_noisy_only_cannot_know():
    """Every label of class 2 is given as 0: only trusted rows can tell."""
    made, truth = whole(noise=0.0, noisy=600, clean=300)
    made = replace(made, given=np.where(truth == 2, 0, truth))
    mixed, alone = (
        METHODS[name](made, SETTINGS[name](epochs=15, warmup_epochs=1), Silent()) for name in ("mixed", "noisy-only")
    )
    found = []
    for fitted in (mixed, alone):
        logits, _ = network_outputs(fitted.classifier, made.noisy, np.arange(600), made.device)
        found.append(torch.softmax(torch.from_numpy(logits), 1).numpy()[truth == 2, 2].mean())
    assert found[0] > 0.15
    assert found[1] < 0.05
