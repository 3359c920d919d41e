"""How long `labelfix` takes to start, beside the libraries that its command line stands on.

    python tests/measure/start_up.py RUN [RUN ...]

Commands take turns, so that a busy machine is busy for all of them; the processor's time of each process is taken, and
its seconds. Bytecode is compiled once before, as an installation has it.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15
BASE = ["-c", "import typer, rich, pyarrow"]


def one(words, environment):
    """Seconds, and those of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr.decode()
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(runs):
    flags = {f"flag --run {Path(run).name}": ["-m", "labelfix", "flag", "--run", run] for run in runs}
    commands = {"import typer, rich, pyarrow": BASE, "--help": ["-m", "labelfix", "--help"], **flags}
    commands |= {f"{name} --max-issue-rate 0.05": [*words, "--max-issue-rate", "0.05"] for name, words in flags.items()}
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = bytecode
        for words in commands.values():
            one(words, environment)
        taken = [{name: one(words, environment) for name, words in commands.items()} for _ in range(ROUNDS)]
    base = [statistics.median(each[next(iter(commands))][kind] for each in taken) for kind in (0, 1)]
    for name in commands:
        seconds, processor = (statistics.median(each[name][kind] for each in taken) for kind in (0, 1))
        ratios = f"{seconds / base[0]:.2f} and {processor / base[1]:.2f} times"
        print(f"{name}: {seconds:.2f} s, {processor:.2f} s of the processor; {ratios}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
