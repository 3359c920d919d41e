"""The anchored recipe of networks that are trained as a whole, and plain training on the same steps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from toy_problem import soft_labels, whole

from labelfix.methods.mlc import recipes
from labelfix.methods.mlc.online import TRUST_LEARNING_RATE, train_network
from labelfix.methods.table import METHODS
from labelfix.models.structured_correction_network import StructuredCorrectionNetwork
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.settings.methods import MixedSettings, MlcSettings, NoisyOnlySettings

QUICK = {"epochs": 6, "warmup_epochs": 2}
SETTINGS = {"mlc": MlcSettings, "mixed": MixedSettings, "noisy-only": NoisyOnlySettings}


def right(made, truth, fitted):
    logits, _ = network_outputs(fitted.classifier, made.noisy, np.arange(len(truth)), made.device)
    return (soft_labels(made, fitted).argmax(1) == truth).mean(), (logits.argmax(axis=1) == truth).mean()


def structured(transition, generator=None):
    log_transition = torch.tensor(np.log(transition))
    return StructuredCorrectionNetwork(4, log_transition, 5, 3, generator or torch.Generator().manual_seed(0))


def test_a_structured_network_starts_as_the_posterior_worked_by_hand():
    """f̄ = (.5, .25, .25), given 1, T[., 1] = (.1, .8, .1): q ∝ (.05, .2, .025) = (2, 8, 1) / 11."""
    lcn = structured([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25]])) + 3.0
    soft, gate = lcn(torch.randn(1, 4), torch.tensor([1]), logits)
    assert gate is None
    assert torch.allclose(soft, torch.tensor([[2.0, 8.0, 1.0]]) / 11, atol=1e-6)


def test_trust_in_the_label_moves_the_posterior_and_stays_within_its_limits():
    """b = 0 leaves f̄; a = b = 2 gives q ∝ f̄² T², and b = 9 counts as 2.5."""
    lcn = structured([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    logits, given, hidden = torch.log(torch.tensor([[0.5, 0.25, 0.25]])), torch.tensor([1]), torch.randn(1, 4)
    for trust, expected in (((1.0, 0.0), [2, 1, 1]), ((2.0, 2.0), [4, 64, 1]), ((1.0, 9.0), [2, 8**2.5, 1])):
        with torch.no_grad():
            lcn.trust.copy_(torch.tensor(trust))
        weights = torch.tensor([expected], dtype=torch.float32)
        assert torch.allclose(lcn(hidden, given, logits).soft, weights / weights.sum(), atol=1e-5)


def test_every_part_of_a_structured_network_learns():
    lcn = structured(np.full((3, 3), 1 / 3) + 0.2 * np.eye(3))
    optimizer = torch.optim.Adam(lcn.parameters(), lr=0.05)
    generator = torch.Generator().manual_seed(1)
    hidden, logits = torch.randn(30, 4, generator=generator), torch.randn(30, 3, generator=generator)
    given, truth = torch.randint(3, (2, 30), generator=generator)
    before = {name: p.clone() for name, p in lcn.named_parameters()}
    for _ in range(60):
        loss = nn.functional.nll_loss(lcn(hidden, given, logits).soft.log(), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.5
    assert all(not torch.equal(before[name], p) for name, p in lcn.named_parameters())


def test_it_corrects_labels_and_its_classifier_is_the_average():
    made, truth = whole(noise=0.4)
    fitted = recipes.run_recipe(made, MlcSettings(recipe="anchored", **QUICK), Silent())
    corrected, classifier = right(made, truth, fitted)
    assert corrected > 0.95
    assert classifier > 0.95
    assert fitted.metrics["recipe"] == "anchored"
    assert 0.3 <= fitted.metrics["trust"]["classifier"] <= 2.5
    assert fitted.metrics["trust"] != {"classifier": 1.0, "given_label": 1.0}
    assert TRUST_LEARNING_RATE > 3e-4


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


@pytest.mark.parametrize(("noisy", "clean", "warmup"), [(20, 9, 1), (200, 4, 1), (200, 30, 0)])
def test_few_rows_and_no_warm_up_are_enough_to_run(noisy, clean, warmup):
    made, _ = whole(noisy=noisy, clean=clean)
    soft = soft_labels(made, train_network(made, MlcSettings(epochs=1, warmup_epochs=warmup), Silent()))
    assert np.isfinite(soft).all()
