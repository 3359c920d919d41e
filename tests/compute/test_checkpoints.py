import numpy as np
import pytest
import torch

from labelfix.compute import checkpoints as module
from labelfix.compute.checkpoints import Checkpoints, load_optimizer, optimizer_tensors
from labelfix.errors import SettingsError
from labelfix.networks.loop import make_optimizer
from labelfix.progress import Silent
from labelfix.settings.interval import CheckpointInterval

NOW_AND_THEN = CheckpointInterval(seconds=600)


class Heard(Silent):
    def __init__(self):
        self.lines = []

    def say(self, message):
        self.lines.append(message)

    headline = say

    def warn(self, message):
        self.lines.append(f"warning: {message}")


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_saved_comes_back_bit_for_bit(tmp_path):
    tensors = {
        "w": torch.randn(3, 5, 2, 2).to(memory_format=torch.channels_last),
        "half": torch.randn(4).bfloat16(),
        "step": torch.tensor(7.0),
        "none": torch.empty(0, 3),
        "rows": torch.arange(4),
    }
    shared = torch.randn(6)
    tensors |= {"left": shared[:4], "right": shared[2:], "turned": torch.randn(2, 3).T}
    values = {"epoch": 3, "gamma": 0.1 + 0.2, "history": [{"gate": float("nan")}], "nothing": None}
    Checkpoints(tmp_path / "c", NOW_AND_THEN).save(tensors, values)
    found = Checkpoints(tmp_path / "c", NOW_AND_THEN).latest()
    assert set(found.tensors) == set(tensors)
    for name, tensor in tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor), name
    assert np.isnan(found.values["history"][0].pop("gate"))
    assert found.values == {**values, "history": [{}]}


def test_the_last_two_states_are_kept_and_numbers_go_on_after_a_restart(tmp_path):
    for first in (0, 3):
        kept = Checkpoints(tmp_path, NOW_AND_THEN)
        for number in range(3):
            kept.save({"w": torch.tensor([float(first + number)])}, {"step": first + number})
    assert names(tmp_path) == ["state-00000005", "state-00000006"]
    heard = Heard()
    assert Checkpoints(tmp_path, NOW_AND_THEN, heard).latest().values == {"step": 5}
    assert heard.lines == ["going on from checkpoint 6 (step 5)"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: (state / "values.json").unlink(),
        lambda state: (state / "values.json").write_text('{"step": 1'),
        lambda state: (state / "tensors.safetensors").unlink(),
        lambda state: (state / "tensors.safetensors").write_bytes((state / "tensors.safetensors").read_bytes()[:-1]),
        lambda state: (state / "tensors.safetensors").write_bytes(b""),
    ],
)
def test_a_state_that_lost_a_part_is_passed_over_for_the_one_before_it(tmp_path, damage):
    kept = Checkpoints(tmp_path, NOW_AND_THEN)
    kept.save({"w": torch.ones(2)}, {"step": 0})
    kept.save({"w": torch.ones(2)}, {"step": 1})
    damage(tmp_path / "state-00000002")
    assert Checkpoints(tmp_path, NOW_AND_THEN).latest().values == {"step": 0}


def test_what_a_killed_process_left_half_written_is_never_read_and_taken_away(tmp_path):
    Checkpoints(tmp_path, NOW_AND_THEN).save({"w": torch.ones(2)}, {"step": 0})
    (tmp_path / ".labelfix-0a1b2c3d.tmp").mkdir()
    (tmp_path / "state-00000001").rename(tmp_path / ".labelfix-0a1b2c3d.tmp" / "state-00000001")
    kept = Checkpoints(tmp_path, NOW_AND_THEN)
    assert kept.latest() is None
    assert kept.kept() is None
    assert names(tmp_path) == []


def test_a_state_is_due_when_the_time_is_up_and_never_without_an_interval(tmp_path, clock):
    timed, never = (
        Checkpoints(tmp_path, CheckpointInterval.parse("10m")),
        Checkpoints(tmp_path, CheckpointInterval.parse("0")),
    )
    assert not timed.due()
    clock[0] += 600
    assert timed.due()
    assert timed.due(epoch_ended=True)
    assert not never.due()
    timed.save({}, {})
    assert not timed.due()


def test_an_interval_in_epochs_counts_the_ends_of_epochs_only(tmp_path, clock):
    kept = Checkpoints(tmp_path, CheckpointInterval.parse("2 epochs"))
    clock[0] += 1e6
    said = []
    for _ in range(5):
        assert not kept.due()
        said.append(kept.due(epoch_ended=True))
        if said[-1]:
            kept.save({}, {})
    assert said == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("text", "seconds", "epochs"),
    [("0.2s", 0.2, 0), ("10m", 600, 0), ("1.5 H", 5400, 0), ("1epoch", 0, 1), ("3 epochs", 0, 3), ("0", 0, 0)],
)
def test_intervals_are_read_as_people_write_them(text, seconds, epochs):
    assert CheckpointInterval.parse(text) == CheckpointInterval(seconds, epochs)


@pytest.mark.parametrize("text", ["10", "", "m", "-1s", "10d", "0.5epochs", "0 epochs", "nan s", "1 m 2 s"])
def test_what_is_no_interval_is_refused(text):
    with pytest.raises(SettingsError, match="is not an interval; write 30s, 10m, 1h, 2epochs, or 0 for never"):
        CheckpointInterval.parse(text)


def test_a_state_with_a_number_that_is_not_finite_does_not_push_the_good_ones_out(tmp_path):
    kept = Checkpoints(tmp_path, NOW_AND_THEN)
    kept.save({"w": torch.ones(2)}, {"step": 0})
    for _ in range(3):
        kept.save({"w": torch.tensor([1.0, float("nan")]), "n": torch.arange(2)}, {"step": 1})
    assert kept.latest().values == {"step": 0}


def test_a_disk_without_room_is_warned_of_and_does_not_stop_training(tmp_path):
    (tmp_path / "c").write_text("in the way")
    heard = Heard()
    Checkpoints(tmp_path / "c", NOW_AND_THEN, heard).save({"w": torch.ones(1)}, {})
    assert len(heard.lines) == 1
    assert "warning: a checkpoint could not be written, the run goes on without it" in heard.lines[0]


def test_a_stage_is_computed_once_and_read_back_after_a_restart(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"a": np.arange(6.0).reshape(2, 3).T, "b": np.float64(0.1), "c": np.array([], np.float32)}

    first = Checkpoints(tmp_path, NOW_AND_THEN).stage("members", compute)
    heard = Heard()
    again = Checkpoints(tmp_path, NOW_AND_THEN, heard).stage("members", compute)
    assert calls == [1]
    assert heard.lines == ["members: taken from before the interruption"]
    for name, array in first.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)


def test_without_an_interval_no_stage_is_kept(tmp_path):
    Checkpoints(tmp_path, CheckpointInterval()).stage("members", lambda: {"a": np.ones(1)})
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["sgd", "plain sgd", "adam", "adamw", "amsgrad"])
def test_an_optimiser_goes_on_exactly_where_it_stopped(tmp_path, kind):
    def network():
        torch.manual_seed(0)
        made = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(16, 2))
        return made.to(memory_format=torch.channels_last)

    def optimiser(net):
        if kind == "amsgrad":
            return torch.optim.Adam(net.parameters(), lr=0.01, amsgrad=True, fused=True)
        momentum = 0.9 if kind == "sgd" else 0.0
        return make_optimizer(kind.split()[-1], net.parameters(), 0.1, momentum, kind == "sgd", 0.01)

    def step(net, optimizer, number):
        generator = torch.Generator().manual_seed(number)
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + number)
        optimizer.zero_grad()
        net(torch.randn(5, 3, 4, 4, generator=generator)).square().sum().backward()
        optimizer.step()

    net = network()
    optimizer = optimiser(net)
    for number in range(4):
        if number == 2:
            tensors, values = optimizer_tensors("f", optimizer)
            other, more = optimizer_tensors("f2", optimizer)
            weights = {f"w.{name}": tensor for name, tensor in net.state_dict().items()}
            Checkpoints(tmp_path, NOW_AND_THEN).save({**weights, **tensors, **other}, {**values, **more})
        step(net, optimizer, number)

    snapshot = Checkpoints(tmp_path, NOW_AND_THEN).latest()
    again = network()
    again.load_state_dict({n.removeprefix("w."): t for n, t in snapshot.tensors.items() if n.startswith("w.")})
    resumed = optimiser(again)
    load_optimizer("f", resumed, snapshot)
    assert resumed.param_groups[0]["lr"] == 0.05
    for number in (2, 3):
        step(again, resumed, number)
    for ours, theirs in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)
        assert ours.stride() == theirs.stride()
    for parameter, other in zip(net.parameters(), again.parameters(), strict=True):
        for name, value in optimizer.state[parameter].items():
            if isinstance(value, torch.Tensor):
                assert value.stride() == resumed.state[other][name].stride(), name
