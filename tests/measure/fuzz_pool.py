"""Forked workers that may die: every task has an outcome, also one that ended its process or would not end."""

import contextlib
import faulthandler
import multiprocessing
import os
import resource
import signal
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

CPU_SECONDS, WALL_SECONDS = 10, 90
"""A task that computes for longer than the first, or takes longer than the second, hangs."""

MEMORY, ADDRESSES = 2 << 30, 6 << 30
"""Bytes that a worker may hold, and beyond its first ones may ask for."""

TASKS = 400
"""A worker is replaced after so many tasks."""

Outcome = tuple[str, str]
"""`read`, `refused` or `wrong`, and what there is to say."""

_FORK = multiprocessing.get_context("fork")


@dataclass
class Worker:
    """One process and what it is at."""

    process: Any
    pipe: Connection
    said: Path
    task: Any = None
    started: float = 0.0
    computed: float = 0.0
    done: int = 0
    idle: bool = field(default=True)


def run_all(tasks, work, jobs):
    """Run tasks in forked processes, in any order.

    Args:
        tasks: What to run.
        work: Runs one; called in a child.
        jobs: How many processes.

    Yields:
        Each task with its outcome; one that ended or stopped its process is `wrong`, and a new process goes on.
    """
    waiting = iter(tasks)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        workers = [_start(work, Path(folder) / f"said-{place}") for place in range(jobs)]
        try:
            while workers:
                for worker in [each for each in workers if each.idle]:
                    task = next(waiting, None)
                    if task is None:
                        _end(worker)
                        workers.remove(worker)
                        continue
                    _give(worker, task)
                wait([each.pipe for each in workers], timeout=0.05)
                for place, worker in enumerate(workers):
                    outcome = _outcome(worker)
                    if outcome is None:
                        continue
                    yield worker.task, outcome
                    worker.idle, worker.done = True, worker.done + 1
                    if not worker.process.is_alive() or worker.done >= TASKS or _memory(worker) > MEMORY // 2:
                        _end(worker)
                        workers[place] = _start(work, worker.said)
        finally:
            for worker in workers:
                _end(worker)


def _start(work, said):
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=_serve, args=(theirs, work, said), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours, said)


def _end(worker):
    with contextlib.suppress(OSError):
        worker.pipe.send(None)
    worker.process.join(2)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.pipe.close()


def _give(worker, task):
    worker.task, worker.idle = task, False
    worker.started, worker.computed = time.monotonic(), _computed(worker)
    with contextlib.suppress(OSError):
        worker.pipe.send(task)


def _outcome(worker):
    """What came of the task; None while it runs."""
    try:
        if worker.pipe.poll():
            return worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        code = worker.process.exitcode
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return "wrong", f"the process died by {name}\n{worker.said.read_text(errors='replace')[-3000:]}"
    if _memory(worker) > MEMORY:
        return _stop(worker, f"took more than {MEMORY >> 20} MB of memory")
    if _computed(worker) - worker.computed > CPU_SECONDS or time.monotonic() - worker.started > WALL_SECONDS:
        return _stop(worker, f"did not end within {CPU_SECONDS} s")
    return None


def _stop(worker, why):
    """End a process that goes too far; where it was, faulthandler writes down."""
    os.kill(worker.process.pid, signal.SIGUSR1)
    time.sleep(0.3)
    worker.process.kill()
    worker.process.join()
    return "wrong", f"{why}\n{worker.said.read_text(errors='replace')[-3000:]}"


def _computed(worker):
    """Seconds that the process has computed."""
    try:
        fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(worker):
    try:
        pages = Path(f"/proc/{worker.process.pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _serve(pipe, work, said):
    stream = open(said, "w+", buffering=1)  # noqa: SIM115 - as long as the process
    os.dup2(stream.fileno(), 2)
    os.dup2(stream.fileno(), 1)
    faulthandler.enable(stream)
    faulthandler.register(signal.SIGUSR1, stream)
    asked = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (asked + ADDRESSES, asked + ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (task := pipe.recv()) is not None:
        stream.seek(0)
        stream.truncate()
        pipe.send(work(task))
