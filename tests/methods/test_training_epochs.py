"""The epochs of end-to-end training: resume, resident rows, frozen epochs, an early end, the best weights, history."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from killed_checkpoints import Killed, KilledAfter
from sklearn.datasets import load_digits
from torch import nn

from labelfix.compute.checkpoints import Checkpoints
from labelfix.correctors.contract import Problem
from labelfix.errors import TrainingError
from labelfix.methods.mlc import paper
from labelfix.methods.mlc.paper import MlcTraining, make_mlc_plan
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.models.network_inputs import ImageInputs
from labelfix.networks import state
from labelfix.networks.epochs import Epochs
from labelfix.networks.state import TrainingState
from labelfix.networks.training import cut_trusted_rows
from labelfix.progress import Silent
from labelfix.settings.interval import CheckpointInterval
from labelfix.settings.methods import MlcSettings

CLASSES = 10


def images(dropout=0.0, noisy=330, clean=120, **changes):
    """Handwritten digits of 8 × 8 pixels, every third given label wrong, and a network of one convolution."""
    digits = load_digits()
    pixels = np.repeat((digits.images * 15.9).astype(np.uint8)[..., None], 3, axis=3)
    truth = digits.target.astype(np.int64)

    def inputs(rows):
        return ImageInputs(np.ascontiguousarray(pixels[rows]), (0.3, 0.3, 0.3), (0.4, 0.4, 0.4), margin=1)

    def network(generator):
        torch.manual_seed(1)
        layers = [nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(dropout)]
        return Classifier(nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten()), 128, CLASSES, generator)

    rows, trusted = np.arange(noisy), np.arange(noisy, noisy + clean)
    given = np.where(rows % 3 == 0, (truth[rows] + 1) % CLASSES, truth[rows])
    made = Problem(
        noisy=inputs(rows),
        given=given,
        clean=inputs(trusted),
        truth=truth[trusted],
        paired_given=np.full(clean, -1),
        num_classes=CLASSES,
        sampling="random",
        new_classifier=network,
        family="image",
        device=torch.device("cpu"),
        seed=5,
    )
    return replace(made, **changes)


FAST = {"recipe": "paper", "epochs": 3, "batch_size": 30, "clean_batch_size": 10}
FAST |= {"warmup_epochs": 1, "warmup_steps": 20}


def numbers(fitted):
    """Everything that decides about corrected labels."""
    arrays = [torch.from_numpy(value) for value in fitted.corrector.lcn.arrays.values()]
    tensors = [*fitted.classifier.state_dict().values(), *arrays]
    return [t.clone() for t in tensors], fitted.temperature, fitted.corrector.temperature


@pytest.mark.parametrize(
    "settings",
    [
        {"lookahead": 3, "clip_norm": 1.0},
        {"optimizer": "adamw", "learning_rate": 1e-3, "keep_best": True, "skip": True, "meta_interval": 2},
    ],
)
def test_a_killed_training_goes_on_to_the_same_numbers(tmp_path, settings):
    settings = MlcSettings(**(FAST | settings))
    whole = paper.train_network(images(dropout=0.1), settings, Silent())
    saves = 0
    for attempt in range(30):
        try:
            kept = KilledAfter(tmp_path, 1 + attempt % 2)
            fitted = paper.train_network(images(dropout=0.1, checkpoints=kept), settings, Silent())
            break
        except Killed:
            saves += 1
    assert saves >= 3
    found, expected = numbers(fitted), numbers(whole)
    assert all(torch.equal(a, b) for a, b in zip(found[0], expected[0], strict=True))
    assert found[1:] == expected[1:]
    timed = ["rows_per_second"]
    rows = (table.drop_columns(timed).to_pydict() for table in (fitted.history, whole.history))
    assert repr(next(rows)) == repr(next(rows))


def trained(problem, settings, resident):
    """Trainer and history after all epochs, from rows on the device or from batches of the host."""
    plan, split = make_mlc_plan(problem, settings), cut_trusted_rows(problem, settings)
    training = MlcTraining(problem, plan, settings, split, Silent())
    generator = torch.Generator().manual_seed(0)
    classifier = problem.new_classifier(generator)
    lcn = LabelCorrectionNetwork(128, CLASSES, 8, 4, False, generator)
    trainer = paper.make_mlc_trainer(training, classifier, lcn)
    course = TrainingState()
    how = {"redrawn": settings.clean_split == "redrawn", "interval": settings.meta_interval, "resident": resident}
    history = Epochs(training, trainer, **how).run(course)
    return SimpleNamespace(trainer=trainer, history=history, course=course)


@pytest.mark.parametrize("options", [{"lookahead": 3}, {"meta_interval": 2}, {"frozen_epochs": 2}])
def test_blocks_over_resident_rows_take_the_same_steps(options):
    """What a CUDA graph would hold, called on the CPU: same rows, same crops, same windows, rates from a tensor."""
    settings = MlcSettings(**(FAST | {"clean_split": "redrawn"} | options))
    one, other = (trained(images(), settings, resident) for resident in (False, True))
    for name, value in state.network_tensors(one.trainer).items():
        assert torch.allclose(value.float(), state.network_tensors(other.trainer)[name].float(), atol=2e-4), name
    assert one.trainer.steps == other.trainer.steps == 33
    for a, b in zip(one.history, other.history, strict=True):
        assert a["learning_rate"] == pytest.approx(b["learning_rate"], rel=1e-6)
        assert a["meta_loss"] == pytest.approx(b["meta_loss"], abs=1e-3)


def test_only_the_head_is_trained_in_the_first_epochs():
    settings = MlcSettings(**(FAST | {"frozen_epochs": 2, "warmup_epochs": 1}))
    made, after = images(), {}

    class Watch(Silent):
        def advance(self, amount=1, **facts):
            if "epoch" in facts:
                after[facts["epoch"]] = [v.clone() for v in network.backbone.state_dict().values()]

    network = made.new_classifier(torch.Generator().manual_seed(0))
    first = [v.clone() for v in network.backbone.state_dict().values()]
    paper.train_network(replace(made, new_classifier=lambda generator: network), settings, Watch())
    assert all(torch.equal(a, b) for a, b in zip(first, after[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, after[2], strict=True))
    assert all(p.requires_grad for p in network.parameters())


def test_the_head_may_have_a_learning_rate_of_its_own():
    history = trained(images(), MlcSettings(**(FAST | {"head_learning_rate": 0.7})), False).history
    for row in history:
        assert row["head_learning_rate"] == pytest.approx(7 * row["learning_rate"])


def test_history_has_rows_between_epochs_where_they_are_asked_for():
    history = trained(images(), MlcSettings(**(FAST | {"history_steps": 5})), False).history
    assert [row["step"] for row in history] == [5, 10, 11, 16, 21, 22, 27, 32, 33]
    assert [row["epoch"] for row in history] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert all(np.isfinite(row["corrected_loss"]) and row["rows_per_second"] > 0 for row in history)
    assert [np.isnan(row["held_out_accuracy"]) for row in history] == [True, True, False] * 3


def test_training_ends_early_and_with_the_best_weights():
    """At such a rate nothing gets better after the first epochs. The best is that on rows that judge nothing."""
    options = {"epochs": 12, "learning_rate": 3.0, "schedule": "constant", "early_stop": 2, "keep_best": True}
    found = trained(images(), MlcSettings(**(FAST | options)), False)
    assert len(found.history) == found.course.best_epoch + 2 < 12
    best = found.course.best_weights
    assert all(torch.equal(best[name], value) for name, value in state.network_tensors(found.trainer).items())


def test_a_collapsed_network_stops_the_run_and_the_last_good_state_is_kept(tmp_path, monkeypatch):
    class Collapsing(LabelCorrectionNetwork):
        def scores(self, hidden, given):
            one_class = torch.tensor([30.0] + [0.0] * (CLASSES - 1))
            return super().scores(hidden, given) * 0 + one_class * self.first.bias.exp()[0]

    monkeypatch.setattr(paper, "LabelCorrectionNetwork", Collapsing)
    kept = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    with pytest.raises(TrainingError, match="the label correction network has collapsed in epoch 1"):
        paper.train_network(images(checkpoints=kept), MlcSettings(**FAST), Silent())
    assert kept.latest().values["epoch"] == 1
    assert kept.latest().values["step"] == 0
