"""What `labelfix bench step` measures: the reference steps, the turns they take, and the command."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from labelfix.bench.backbones import SHAPES, make_backbone
from labelfix.bench.reference_steps import Workbench, double_backward_step, plain_step, published_step
from labelfix.bench.step import as_text, measure
from labelfix.bench.step_ways import UNFUSED, WAYS, StepPlan, build, make_step
from labelfix.cli import main
from labelfix.errors import SettingsError
from labelfix.methods.mlc.step import MlcTrainer
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.passes import Labelled
from labelfix.progress import Silent

CLASSES = 3
TINY = StepPlan(backbone="resnet32", batch=4, clean=2, meta=2, size=8, rounds=2, device="cpu", memory=False)


class Keeps(torch.optim.SGD):
    """Stands in the LCN optimiser's place: keeps the gradients, moves nothing."""

    def __init__(self, lcn):
        super().__init__(lcn.parameters(), lr=0.0)
        self.seen = []

    def step(self, closure=None):
        self.seen.append([p.grad.clone() for p in self.param_groups[0]["params"]])


def workbench(rate=0.1):
    draw = torch.Generator().manual_seed(5)
    torch.manual_seed(5)
    body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh())
    classifier = Classifier(body, 8, CLASSES, draw).double().train()
    lcn = LabelCorrectionNetwork(8, CLASSES, 7, 5, False, draw).double()

    def rows(count):
        inputs = torch.randn(count, 6, generator=draw, dtype=torch.float64)
        return Labelled(inputs, torch.randint(CLASSES, (count,), generator=draw))

    optimizer = torch.optim.SGD(classifier.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4)
    return Workbench(classifier, lcn, optimizer, Keeps(lcn), rows(12), rows(6), rows(6))


def trained(bench):
    return MlcTrainer(
        classifier=bench.classifier,
        lcn=bench.lcn,
        optimizer=bench.optimizer,
        lcn_optimizer=bench.lcn_optimizer,
        derivative="jvp",
    )


def flat(tensors):
    return torch.cat([t.reshape(-1) for t in tensors])


def test_the_double_backward_step_and_mlcs_own_agree_over_several_steps():
    reference, own = workbench(), workbench()
    trainer = trained(own)
    for _ in range(3):
        expected = double_backward_step(reference)
        trainer.step(own.noisy, own.clean, own.meta)
        found = flat(own.lcn_optimizer.seen[-1])
        assert torch.allclose(found, flat(expected), rtol=1e-8, atol=1e-12)
        assert torch.allclose(flat(own.weights), flat(reference.weights), rtol=1e-9, atol=1e-12)


def test_the_published_step_moves_the_classifier_alike_and_its_gradient_nears_the_exact_one_for_small_steps():
    """It differentiates its proxy while the parameters hold w': wrong by O(learning rate)."""
    errors = []
    for rate in (1e-2, 1e-4):
        reference, published = workbench(rate), workbench(rate)
        # Its passes over the meta rows move the running statistics, which training passes do not read.
        exact, found = flat(double_backward_step(reference)), flat(published_step(published))
        assert torch.allclose(flat(published.weights), flat(reference.weights), rtol=1e-9, atol=1e-12)
        errors.append(float((found - exact).norm() / exact.norm()))
    assert errors[1] < 1e-3
    assert errors[0] > 10 * errors[1]


def test_the_plain_step_is_cross_entropy_on_all_rows():
    bench, expected = workbench(), workbench()
    plain_step(bench)
    noisy, clean = expected.noisy, expected.clean
    both = [expected.classifier(part.inputs).logits for part in (noisy, clean)]
    labels = torch.cat([noisy.labels, clean.labels])
    nn.functional.cross_entropy(torch.cat(both), labels).backward()
    expected.optimizer.step()
    assert torch.allclose(flat(bench.weights), flat(expected.weights), rtol=1e-9, atol=1e-12)


def test_every_way_is_timed_in_every_round_and_compared_with_the_plain_step():
    report = measure(TINY, Silent())
    assert tuple(cost.way for cost in report.costs) == WAYS
    assert report.rounds == 2
    assert report.parameters == 464_154
    plain = report.costs[0]
    assert plain.ratio == 1
    for cost in report.costs:
        assert 0 < cost.low <= cost.seconds <= cost.high
        assert cost.megabytes is None
    published = {cost.way: cost.ratio for cost in report.costs}["published"]
    assert published > 1.5
    assert report.gain is not None
    assert "double backward takes" in as_text(report)


def test_no_round_begins_after_the_limit():
    report = measure(replace(TINY, rounds=1000, limit=0.0, ways=("plain",)), Silent())
    assert report.rounds == 1
    assert report.gain is None


@pytest.mark.slow
def test_peak_memory_is_taken_in_a_process_for_each_way():
    report = measure(replace(TINY, batch=64, size=32, rounds=1, ways=("double-backward",), memory=True), Silent())
    plain, twice = report.costs
    assert plain.memory_ratio == 1
    assert twice.megabytes > 1.3 * plain.megabytes > 10


@pytest.mark.parametrize("way", WAYS)
def test_every_way_goes_through_a_text_encoder_with_its_fused_attention_where_it_can(way, monkeypatch):
    seen = []
    fused = torch.nn.functional.scaled_dot_product_attention
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    monkeypatch.setitem(SHAPES, "bert-small", small)

    def watched(*args, **kwargs):
        seen.append(torch.backends.cuda.flash_sdp_enabled())
        return fused(*args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    plan = StepPlan(backbone="bert-small", batch=3, clean=2, meta=2, size=8, device="cpu")
    make_step(build(plan, torch.device("cpu")), way)()
    assert seen
    assert all(seen) == (way not in UNFUSED)


def test_a_timm_architecture_is_made_without_its_weights():
    backbone = make_backbone("timm:resnet10t", classes=5, size=32)
    assert backbone.classifier.num_classes == 5
    assert backbone.batch(2, torch.Generator()).shape == (2, 3, 32, 32)


@pytest.mark.parametrize("name", ["resnet23", "timm:no-such-model", "hf:no/such-model", "."])
def test_an_unknown_backbone_is_named(name):
    with pytest.raises(SettingsError, match="backbone = "):
        make_backbone(name, None, None)


def test_the_command_prints_json(capsys):
    words = ["--batch", "4", "--clean", "2", "--meta", "2", "--size", "8", "--rounds", "1", "--way", "fd1"]
    assert main(["bench", "step", *words, "--no-memory", "--device", "cpu", "--format", "json", "--quiet"]) == 0
    costs = json.loads(capsys.readouterr().out)["costs"]
    assert [cost["way"] for cost in costs] == ["plain", "fd1"]


def test_an_unknown_way_is_refused(capsys):
    assert main(["bench", "step", "--way", "fd3"]) == 2
    assert "--way fd3: is not one of plain, fd1" in capsys.readouterr().err
