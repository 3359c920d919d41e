"""Several runs at once: all are made, one that dies costs only itself, and no process is left behind."""

import multiprocessing
import os
import signal
import subprocess
import time
from types import SimpleNamespace

import own_process
import pytest
from bench_data import write_root

from labelfix.bench.measure import Made
from labelfix.bench.plan_files import plan_from
from labelfix.bench.results import read_rows
from labelfix.bench.run import run_plan, runs_at_once
from labelfix.bench.workers import in_processes
from labelfix.errors import RunError
from labelfix.models.images.pixels import cores
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings


class Names:
    """Stands in for what makes runs: a job called "die" ends its process, "sleep" takes a minute."""

    def run(self, job):
        if job.name == "die":
            os._exit(7)
        if job.name == "sleep":
            time.sleep(60)
        return Made(job.name, told=str(os.getpid()))


def jobs(*names):
    return [SimpleNamespace(name=name) for name in names]


@pytest.fixture
def imported(monkeypatch):
    """Processes begin with their imports done."""
    monkeypatch.setattr("labelfix.bench.workers.multiprocessing.get_context", lambda _: own_process.FORKS)


def test_a_process_that_dies_costs_the_run_it_was_at_and_no_other(imported):
    made = {each.name: each for each in in_processes(Names(), jobs("a", "die", "b", "c"), 2)}
    assert made.keys() == {"a", "die", "b", "c"}
    assert made["die"].failure == "its process ended with exit code 7"
    assert not any(made[name].failure for name in "abc")
    assert str(os.getpid()) not in {made[name].told for name in "abc"}
    assert not multiprocessing.active_children()


def test_whoever_stops_listening_leaves_no_process_behind(imported):
    coming = in_processes(Names(), jobs("a", "sleep"), 2)
    assert next(coming).name == "a"
    assert multiprocessing.active_children()
    coming.close()
    assert not multiprocessing.active_children()


def test_on_a_cpu_auto_takes_one_run_a_core():
    assert runs_at_once(ComputeSettings(device="cpu")) == cores()


PEOPLE = {"files": ["people.parquet"], "embedding_column": "e", "given": "given", "truth": "truth"}


def test_several_processes_make_the_same_rows_as_one_and_a_failing_run_is_named_at_the_end(imported, tmp_path):
    write_root(tmp_path)
    data = [{"name": "few", "sample": 8, **PEOPLE}, {"name": "people", **PEOPLE}]
    plan = plan_from({"data": data, "methods": ["bayes", "clean-only"], "seeds": [0]}, "plan")
    compute = ComputeSettings(device="cpu", cache_dir=str(tmp_path / "cache"))
    said = []
    listener = Silent()
    listener.warn = said.append
    message = "2 of 4 runs failed: few bayes seed 0, few clean-only seed 0; the others are there"
    for out, at_once in (("one", 1), ("two", 2)):
        with pytest.raises(RunError, match=message):
            run_plan(plan, tmp_path, tmp_path / out, ModelSettings(), compute, listener, at_once=at_once)
    assert sorted(said) == sorted(
        f"few {method} seed 0 failed: SettingsError: 6 labelled rows of 3 classes are too few to measure on"
        for method in ("bayes", "clean-only")
        for _ in range(2)
    )
    cost = ("seconds", "cpu_seconds", "peak_mb")
    one, two = ([{**row, **dict.fromkeys(cost)} for row in read_rows(tmp_path / out)] for out in ("one", "two"))
    assert len(one) == 2
    assert one == two


def alive(group):
    """Whether a process of the group still runs."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return any(int(found) == group and not state.startswith("Z") for found, state in rows)


ENDLESS = """
methods = [{ name = "mlc", settings = { recipe = "paper", epochs = 1000000 } }, "bayes"]
seeds = [0]
[[data]]
name = "people"
files = ["people.parquet"]
embedding_column = "e"
given = "given"
truth = "truth"
"""


def test_an_interrupt_ends_all_processes_and_keeps_finished_rows(tmp_path):
    write_root(tmp_path)
    (tmp_path / "plan.toml").write_text(ENDLESS)
    words = ["bench", "run", "--plan", "plan.toml", "--data-root", ".", "--out", "results", "--device", "cpu"]
    running = own_process.OwnProcess(*words, "--jobs", "2", "--cache-dir", "cache", folder=tmp_path)
    finished = tmp_path / "results" / "people.bayes.0.parquet"
    end = time.monotonic() + 60
    while not finished.exists() and time.monotonic() < end:
        time.sleep(0.1)
    os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, said = running.ended()
    assert running.returncode == 130, said
    assert "labelfix: interrupted; the same command goes on where it stopped" in said
    assert "Traceback" not in said
    # A worker may be ended while it writes; what that leaves begins with a dot and is no result.
    kept = [path.name for path in (tmp_path / "results").iterdir() if not path.name.startswith(".")]
    assert kept == [finished.name]
    end = time.monotonic() + 10  # Python's own helper process ends a moment after the others
    while alive(running.process.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not alive(running.process.pid)
