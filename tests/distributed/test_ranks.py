"""Processes that work as one: sums, shares and batch statistics over two gloo processes on a CPU."""

import os
import socket

import own_process
import pytest
import torch
import torch.multiprocessing as mp
from torch import nn

from labelfix.compute.ranks import Ranks, joined_ranks, ranks
from labelfix.compute.shared_batch_norm import SharedBatchNorm, share_statistics


def test_every_thing_belongs_to_exactly_one_process():
    for count in (0, 1, 2, 7, 100):
        for world in (1, 2, 3, 8):
            owned = [i for rank in range(world) for i in range(count)[Ranks(rank, world).share(count)]]
            assert owned == list(range(count))


def test_alone_nothing_is_sent_and_nothing_changes():
    value = torch.ones(3)
    with joined_ranks() as here:
        assert here.alone
        assert here.first
        here.add_up([value])
        assert here.from_first("x") == "x"
        here.wait()
    assert value.tolist() == [1, 1, 1]


def test_two_processes_normalise_as_one(tmp_path):
    """Outputs, running statistics and gradients of half batches equal those of the whole batch in one process."""
    rows = torch.randn(12, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alone = _batch_norm_step(rows, rows)
    _run_two(_normalise, tmp_path, rows)
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert torch.allclose(torch.cat([p["out"] for p in parts]), alone["out"], atol=1e-9)
    assert torch.allclose(torch.cat([p["input_gradient"] for p in parts]), alone["input_gradient"], atol=1e-9)
    for part in parts:
        for name in ("weight_gradient", "running_mean", "running_var"):
            assert torch.allclose(part[name], alone[name], atol=1e-9), name


def test_a_network_with_shared_statistics_keeps_its_names_and_weights(tmp_path):
    _run_two(_convert, tmp_path, None)
    assert (tmp_path / "0.pt").exists()


def _normalise(rank, folder, rows):
    mine = rows[ranks().share(len(rows))]
    torch.save(_batch_norm_step(mine, rows), folder / f"{rank}.pt")


def _batch_norm_step(mine, rows):
    net = nn.Sequential(nn.BatchNorm1d(5)).double()
    share_statistics(net)
    mine = mine.clone().requires_grad_()
    out = net(mine)
    (out.pow(3).sum() / len(rows)).backward()
    weight = net[0].weight.grad
    assert weight is not None
    ranks().add_up([weight])
    assert mine.grad is not None
    return {
        "out": out.detach(),
        "input_gradient": mine.grad,
        "weight_gradient": weight,
        "running_mean": net[0].running_mean,
        "running_var": net[0].running_var,
    }


def _convert(rank, folder, _):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    share_statistics(net)
    assert isinstance(net[1][0], SharedBatchNorm)
    after = net.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    torch.save({}, folder / f"{rank}.pt")


def _process(rank, port, work, folder, argument):
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with joined_ranks():
        assert ranks() == Ranks(rank, 2)
        assert ranks().from_first(f"said by {rank}") == "said by 0"
        work(rank, folder, argument)


def _run_two(work, folder, argument):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Forked from a process that has its imports.
    mp.start_processes(_process, (port, work, folder, argument), nprocs=2, start_method=own_process.METHOD)


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def test_a_process_group_of_the_callers_own_is_left_alone(tmp_path):
    """A library user's program may be distributed itself, and call labelfix on one of its processes only."""
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert ranks() == Ranks()
        with joined_ranks() as here:
            assert here == Ranks()
        assert torch.distributed.is_initialized()
    finally:
        torch.distributed.destroy_process_group()
