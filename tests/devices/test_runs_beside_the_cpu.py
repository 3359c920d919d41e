"""Runs on a device whose tensors do not mix with those of the CPU, as on a GPU; see `separate_device`."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from separate_device import SEPARATE, separate_device

import labelfix
from labelfix import start
from labelfix.methods.table import METHODS
from labelfix.models import on_device
from labelfix.settings.run import settings_from

TRUSTED = 18

RUNS = [*((method, {}) for method in METHODS), ("mlc", {"recipe": "paper", "warmup_steps": 5})]
"""All that can be fitted to fixed features: every method, and of mlc the recipe that is not the default as well."""


def test_the_device_refuses_tensors_of_the_cpu_and_is_gone_afterwards():
    """What the other tests here rest on."""
    with separate_device() as device:
        layer = torch.nn.Linear(3, 2).to(device)
        rows = torch.ones(4, 3)
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            layer(rows)
        with pytest.raises(TypeError, match="numpy"):
            np.asarray(rows.to(device))
        said = layer(rows.to(device))
        said.square().sum().backward()
        assert said.device == layer.weight.grad.device == torch.zeros(2, device=device).device == device
        assert torch.equal(said.cpu(), layer.cpu()(rows))
        assert torch.equal((torch.tensor([1.5, 2], device=device) * torch.tensor(2)).cpu(), torch.tensor([3.0, 4]))
    with pytest.raises(NotImplementedError):
        torch.zeros(2, device=device)


@pytest.fixture
def beside_the_cpu(monkeypatch):
    """Every setting of a device means this one."""
    for module in (start, on_device):
        monkeypatch.setattr(module, "pick_device", lambda _: SEPARATE)
    with separate_device():
        yield


def rows(count, seed):
    """Two groups of points with labels of which every fifth is wrong, and the right ones."""
    points = np.random.default_rng(seed).normal(0, 1, (count, 3))
    truth = np.arange(count) % 2
    points[:, 0] += 6 * truth
    given = np.where(np.arange(count) % 5 == 0, 1 - truth, truth)
    ids = [f"row-{number}" for number in range(count)]
    words = np.array(["cat", "dog"])
    columns = {"id": ids} | {f"x{column}": points[:, column] for column in range(3)}
    return pa.table(columns | {"label": words[given]}), pa.table({"id": ids, "label": words[truth]})


def train(folder, name, method, count=60, **options):
    """A run on `noisy.parquet`, which is made where it is not there."""
    noisy, truth = rows(count, seed=0)
    source = folder / "noisy.parquet"
    if not source.exists():
        pq.write_table(noisy, source)
    own = settings_from({"method": method, **options}).method_settings
    if "epochs" in own.counting("network" if options.get("backbone") == "mlp" else "head"):
        options = {"epochs": 2} | options
    cache = str(folder / "cache")
    return labelfix.train(source, truth.slice(0, TRUSTED), folder / name, method=method, cache_dir=cache, **options)


@pytest.mark.parametrize(("method", "options"), RUNS)
def test_every_method_on_fixed_features_runs_there(beside_the_cpu, method, options, tmp_path):
    run = train(tmp_path, "run", method, **options)
    assert np.allclose(np.sum(run.corrected["soft_label"].to_pylist(), axis=1), 1, atol=1e-5)


def test_parts_of_the_noisy_rows_are_left_out_there(beside_the_cpu, tmp_path):
    """By `cross_fit`, and where trusted rows are so few that noisy ones judge as well."""
    run = train(tmp_path, "run", "clean-only", count=520, cross_fit=2)
    evidence = json.loads((run.path / "metrics.json").read_text())["evidence"]
    asked = [entry["agreement"]["rows"] for entry in evidence["ledger"]["entries"]]
    assert len(asked) > 1
    assert set(asked) == {520 - TRUSTED}


def test_a_network_runs_there(beside_the_cpu, tmp_path):
    run = train(tmp_path, "run", "mlc", backbone="mlp", recipe="paper")
    assert np.allclose(np.sum(run.corrected["soft_label"].to_pylist(), axis=1), 1, atol=1e-5)


def everything(run):
    """What a run says when it is opened again: of its own rows, of new ones, beside a truth, and what to look at."""
    new, (_, truth) = rows(12, seed=1)[0], rows(60, seed=0)
    opened = labelfix.load_run(run.path)
    opened.report(run.path / "report.html")
    assert "are not shown" not in (run.path / "report.html").read_text()
    numbers = [
        opened.corrected["soft_label"].to_pylist(),
        opened.predict(new)["probabilities"].to_pylist(),
        opened.correct(new)["soft_label"].to_pylist(),
    ]
    compared = {name: value for name, value in opened.evaluate(truth).items() if name != "doubted"}
    return [np.array(each) for each in numbers], compared, opened.next_rows(5).to_pylist()


def test_what_a_run_says_there_is_what_it_says_on_the_cpu(tmp_path, monkeypatch, request):
    here = everything(train(tmp_path, "here", "mlc", device="cpu"))
    request.getfixturevalue("beside_the_cpu")
    there = everything(train(tmp_path, "there", "mlc"))
    for one, other in zip(here[0], there[0], strict=True):
        assert np.allclose(one, other, atol=1e-5)
    assert here[1:] == there[1:]
    assert len(here[2]) == 5
