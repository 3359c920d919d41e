"""labelfix in processes of their own that have done their imports already.

Training imports for seconds. A process that is forked from one which has imported everything, and has done nothing
else, is as much a process of its own: it can be killed, it ends with an exit code, and several can work as one. What
is asked of the very start (`python -m labelfix`, torchrun, what a command imports) is asked of real ones.
"""

import gc
import multiprocessing
import os
import runpy
import socket
import sys
from pathlib import Path
from subprocess import CompletedProcess

IMPORTED = ("labelfix.pipeline", "labelfix.api", "labelfix.cli.train", "labelfix.cli.correct", "torch.distributed")
SERVED = ("labelfix.review.serve", "uvicorn.protocols.http.h11_impl")
ROOT = Path(__file__).parents[1]

WITHOUT = """
import sys
for name in [name for name in sys.modules if name.partition(".")[0] == "labelfix"]:
    del sys.modules[name]
sys.modules["labelfix"] = None
"""
"""Begins a program that has to work where labelfix is not installed."""

METHOD = "forkserver"
FORKS = multiprocessing.get_context(METHOD)
FORKS.set_forkserver_preload([*IMPORTED, *SERVED, "torch._dynamo", "sklearn.preprocessing"])


class OwnProcess:
    """`labelfix` with some words, begun.

    Args:
        words: The words after `labelfix`.
        folder: Its working directory; what it says is kept there in files whose names begin with a dot.
        variables: Of its environment, besides this process's own.
        merged: Whether what it says on stderr stands among what it says on stdout.
        script: A Python file that is run with the words instead.
    """

    begun = 0

    def __init__(self, *words, folder, variables=None, merged=False, script=None):
        OwnProcess.begun += 1
        names = ("out", "out") if merged else ("out", "err")
        self._says = [folder / f".process-{os.getpid()}-{OwnProcess.begun}.{name}" for name in names]
        environment = {**os.environ, **(variables or {})}
        self.process = FORKS.Process(target=_run, args=(words, folder, environment, self._says, script))
        # What is forked takes its modules from here, not from where an installation may have them.
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = str(ROOT)
        try:
            self.process.start()
        finally:
            del os.environ["PYTHONPATH"]
            if before is not None:
                os.environ["PYTHONPATH"] = before

    @property
    def returncode(self):
        """As of `subprocess.Popen`; None while it runs."""
        return self.process.exitcode

    @property
    def pid(self):
        """Its number."""
        return self.process.pid

    def said(self):
        """What it has said on stdout so far."""
        return self._says[0].read_text(encoding="utf-8") if self._says[0].exists() else ""

    def kill(self):
        """End it as a machine that runs out of memory does."""
        self.process.kill()

    def ended(self):
        """Wait for its end; gives what it said on stdout and on stderr."""
        self.process.join()
        out, err = (path.read_text(encoding="utf-8") if path.exists() else "" for path in self._says)
        for path in self._says:
            path.unlink(missing_ok=True)
        return out, err


def run_script(program, *words, folder):
    """Run a Python program, a file or its text, to its end; what came of it, as of `subprocess.run`."""
    script = program
    if isinstance(program, str):
        script = folder / ".program.py"
        script.write_text(program, encoding="utf-8")
    process = OwnProcess(*words, folder=folder, script=script)
    out, err = process.ended()
    if script != program:
        script.unlink()
    return CompletedProcess([script, *words], process.returncode, out, err)


def together(count, *words, folder):
    """Several that work as one, with the variables that torchrun would give them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": str(count)}
    ranks = ({**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count))
    return [OwnProcess(*words, folder=folder, variables=variables) for variables in ranks]


def _run(words, folder, environment, says, script):
    gc.freeze()  # what is there stays, and the memory it takes is shared as long as no collector goes through it
    os.setsid()  # as a terminal's job: it and whatever it starts can be told apart
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in zip((1, 2), says, strict=True):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, descriptor)
        os.close(handle)
    sys.argv = [str(script or "labelfix"), *words]
    if script:
        runpy.run_path(str(script), run_name="__main__")
        return
    from labelfix.cli import run_process

    run_process()
