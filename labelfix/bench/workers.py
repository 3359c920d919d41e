"""Several runs at once, each in a process of its own that computes on one thread."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any

from labelfix.bench.grid import Job
from labelfix.bench.measure import Made, Runner

PATIENCE = 5.0
"""Seconds that a process gets to end after it was told to."""

ENDED = 143
"""Exit code of a process that was told to end, as shells count."""


@dataclass
class _Worker:
    process: BaseProcess
    line: Any


def in_processes(runner: Runner, jobs: Sequence[Job], count: int) -> Iterator[Made]:
    """Make runs in several processes.

    Each writes its own rows. A process that dies costs the run it was at; another takes its place. However this ends,
    by an interrupt too, no process is left behind.

    Yields:
        What became of every run, as they end.
    """
    waiting = deque(jobs)
    idle: list[_Worker] = []
    busy: dict[int, tuple[_Worker, Job]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < count:
                worker = idle.pop() if idle else _start(runner)
                busy[id(worker)] = (worker, job := waiting.popleft())
                # One that died while it was idle is found by the wait below.
                with contextlib.suppress(OSError):
                    worker.line.send(job)
            ready = connection.wait([worker.line for worker, _ in busy.values()])
            for worker, job in [pair for pair in busy.values() if pair[0].line in ready]:
                made = _received(worker, job)
                del busy[id(worker)]
                if worker.process.is_alive():
                    idle.append(worker)
                yield made
    finally:
        _end([*idle, *(worker for worker, _ in busy.values())])


def _start(runner: Runner) -> _Worker:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, runner), daemon=True)
    with _deaf():
        process.start()
    there.close()  # or the death of the process would go unnoticed
    return _Worker(process, here)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """What is started here never hears a Ctrl-C at the terminal: ending it is for the process that started it."""
    if not hasattr(signal, "pthread_sigmask"):  # not a POSIX system
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _received(worker: _Worker, job: Job) -> Made:
    try:
        made: Made = worker.line.recv()
        return made
    except (EOFError, OSError):
        worker.process.join(PATIENCE)
        return Made(job.name, failure=f"its process ended with exit code {worker.process.exitcode}")


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.line.close()


def _serve(line: Any, runner: Runner) -> None:  # noqa: ANN401 - a Connection, generic in some versions of Python
    """What a process does: one run after the other, until nobody asks for more."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))  # a half-written row is taken away
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    with contextlib.suppress(EOFError):
        while True:
            line.send(runner.run(line.recv()))


def _end_with_parent() -> None:
    """A parent that was killed can end nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(ENDED)
