"""Is anything lost, stuck or wrong after a kill -9, at whatever file operation or moment it comes?

    python tests/measure/kills.py --kills 1000 [--seed 0] [--jobs 2] [--kinds train,export] [--encoder FOLDER]

Six kinds of command are killed in turn: half of the times before a file operation, each one once as far as the kills
go, and half of the times at a random moment. With --encoder the rows are texts that a pretrained encoder reads, of
which no feature is cached beforehand, and a seventh kind trains that encoder (`--no-freeze`).
Then the old result or the new one must be there, whole, and the next command must go on to what an undisturbed one
gives, byte for byte. Counted are

    lost    a result that was there is gone or not whole, or what is there is neither the old nor the new one
    stuck   the next command does not go on
    wrong   it ends with other bytes, or leaves behind what the killed one had left

Commands are forked from a process that has loaded everything, so that kills fall into their work. Exits with 1 where
anything was lost, stuck or wrong.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from contextlib import chdir
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", LABELFIX_CACHE_DIR="cache")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.cli import main
from labelfix.models import pieces
from labelfix.models.text import encoder as encoder_module
from labelfix.models.text import tokens
from labelfix.runs import RunFolder, durable
from labelfix.runs.scratch import is_scratch

SAID = (
    ["purrs", "on", "the", "sofa", "and", "hunts", "mice", "at", "night"],
    ["barks", "in", "the", "yard", "and", "fetches", "sticks", "at", "noon"],
)
"""What texts of either class are made of."""

PATIENCE = 300.0
"""Seconds that a command may take before it counts as stuck."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
HEARD = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.link")

QUICK = [
    "--set",
    "recipe=paper",
    "--set",
    "epochs=2",
    "--set",
    "warmup_steps=10",
    "--checkpoint-every",
    "1epochs",
    "-q",
]
ONWARDS = ["train", "--resume", "r", "-q"]


@dataclass(frozen=True)
class Kind:
    """A kind of command.

    Attributes:
        words: What is killed, after `labelfix`.
        again: Commands to go on with; one is drawn.
        results: What they write, below the working directory.
        run: Whether the result is a run, which may also be unfinished.
    """

    words: list[str]
    again: list[list[str]]
    results: tuple[str, ...]
    run: bool = False


KINDS: dict[str, Kind] = {}
EXPORT = ["export", "--run", "done", "--corrected-labels", "fixed.csv", "--classifier", "model", "--overwrite", "-q"]
CORRECT = ["correct", "--run", "done", "--noisy", "new.parquet", "--out", "better.parquet", "--overwrite", "-q"]
NEXT = ["next", "--run", "done", "--out", "ask.csv", "--overwrite", "-q"]


def define(how):
    """Set the kinds of commands, all about runs that are trained in one way."""
    train = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", "r", *how]
    over, learn = [*train, "--seed", "1", "--overwrite"], [*train, "--no-freeze", "--set", "rounds=1"]
    KINDS["train"] = Kind(train, [ONWARDS, [*train, "--overwrite"], train], ("r",), True)
    KINDS["overwrite"] = Kind(over, [ONWARDS, over], ("r",), True)
    KINDS["resume"] = Kind(ONWARDS, [ONWARDS, [*train, "--overwrite"]], ("r",), True)
    KINDS["export"] = Kind(EXPORT, [EXPORT], ("fixed.csv", "model"))
    KINDS["correct"] = Kind(CORRECT, [CORRECT], ("better.parquet",))
    KINDS["next"] = Kind(NEXT, [NEXT], ("ask.csv",))
    if "--backbone" in how:
        KINDS["learn"] = Kind(learn, [ONWARDS, [*learn, "--overwrite"]], ("r",), True)


@dataclass(frozen=True)
class Known:
    """What is known of a kind from undisturbed commands.

    Attributes:
        old, new: Its results before and after.
        steps: File operations of it.
        seconds: That it takes.
    """

    old: dict[str, object]
    new: dict[str, object]
    steps: int
    seconds: float


def fork(words, folder, kill_at=0, kill_after=None):
    """Run a command in a process of its own.

    Args:
        words: After `labelfix`.
        folder: The working directory.
        kill_at: The file operation before which it kills itself; 0 for none.
        kill_after: Seconds after which it is killed.

    Returns:
        Its exit code, negative for a signal; and the file operations that it did, as far as it came to its end.
    """
    pid = os.fork()
    if pid == 0:
        os._exit(_command(words, folder, kill_at))
    end = time.monotonic() + (PATIENCE if kill_after is None else kill_after)
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            break
        time.sleep(0.002)
    told = folder / "steps.txt"
    return os.waitstatus_to_exitcode(status), int(told.read_text()) if told.exists() else 0


def _command(words, folder, kill_at):
    """The forked process."""
    os.chdir(folder)
    with open("said.txt", "a") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    count = 0

    def step():
        nonlocal count
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(act):
        def counted(*arguments):
            step()
            return act(*arguments)

        return counted

    def heard(event, arguments):
        if event in HEARD or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES):
            step()

    os.fsync, durable._exchange = before(os.fsync), before(durable._exchange)
    sys.addaudithook(heard)
    code = main(words)
    done = count
    Path("steps.txt").write_text(str(done))
    return code


def prepare(folder, texts=False):
    """Make the inputs: points, or texts."""
    generator = np.random.default_rng(0)
    truth = np.arange(160) % 2
    points = generator.normal(0, 1, (160, 2)) + np.where(truth[:, None] == 1, 2.0, -2.0)
    given = np.where(generator.random(160) < 0.3, 1 - truth, truth)
    ids, words = [f"item-{row:03d}" for row in range(160)], np.array(["cat", "dog"])
    said = [f"{row} {' '.join(generator.choice(SAID[kind], 4))}" for row, kind in enumerate(truth)]
    columns = {"text": said} if texts else {"x": points[:, 0], "y": points[:, 1]}
    table = pa.table({"id": ids, **columns, "label": words[given]})
    pq.write_table(table.slice(0, 140), folder / "noisy.parquet")
    pq.write_table(table.slice(140), folder / "new.parquet")
    gold = "".join(f"{ids[row]},{words[truth[row]]}\n" for row in range(24))
    (folder / "gold.csv").write_text(f"id,label\n{gold}")


def read_by(encoder):
    """How to train on texts that an encoder reads; whatever it made of some of them is kept at once."""
    pieces.KEPT_EVERY = 0.0
    tokens.WINDOW = encoder_module.FrozenText.rows_at_once = 32
    return ["--backbone", encoder, "--checkpoint-every", "1epochs", "-q"]


def template(kind, folder):
    """Lay out what a kind of command starts from, in a folder with the inputs and the run `done`."""
    shutil.rmtree(folder / "cache", ignore_errors=True)
    if kind == "overwrite":
        shutil.copytree(folder / "done", folder / "r")
    elif kind == "resume":
        step = 1
        while not RunFolder(folder / "r").under_way or not any((folder / "r").glob("checkpoints/*-*")):
            shutil.rmtree(folder / "r", ignore_errors=True)
            step += 20
            fork(KINDS["train"].words, folder, kill_at=step)
    elif kind == "export":
        shutil.copytree(folder / "done" / "classifier", folder / "model")
        (folder / "model" / "README.md").write_text("the old one")
        (folder / "fixed.csv").write_text("the old one")
    elif kind in ("correct", "next"):
        (folder / KINDS[kind].results[0]).write_text("the old one")


def found(kind, folder):
    """The results of a kind as they are: contents, `unfinished` for a run under way, None for what is not there."""
    results: dict[str, object] = {}
    for name in kind.results:
        path = folder / name
        if kind.run:
            results[name] = _run(RunFolder(path))
        elif path.is_dir():
            files = [file for file in sorted(path.rglob("*")) if file.is_file()]
            results[name] = {str(file.relative_to(path)): file.read_bytes() for file in files}
        else:
            results[name] = path.read_bytes() if path.exists() else None
    return results


def _run(folder):
    if not folder.finished:
        return "unfinished" if folder.under_way else None
    names = ["corrected.parquet", "classifier/model.safetensors", "corrector/corrector.json"]
    place = RunFolder.open_finished(folder.path).path
    settings = tomllib.loads((place / "settings.toml").read_text())
    del settings["compute"]  # may be given anew where a run goes on
    return {"settings": settings, **{name: (place / name).read_bytes() for name in names}}


def get_to_know(name, base, work):
    """Run a kind undisturbed."""
    kind, folder = KINDS[name], work / f"known-{name}"
    shutil.copytree(base, folder)
    template(name, folder)
    shutil.copytree(folder, work / f"template-{name}")
    old, started = found(kind, folder), time.monotonic()
    code, steps = fork(kind.words, folder)
    if code:
        sys.exit(f"{name}: ends with {code} without any kill:\n{(folder / 'said.txt').read_text()}")
    return Known(old, found(kind, folder), steps, time.monotonic() - started)


def killed(name, at, number, known, work):
    """Kill one command, and go on.

    Args:
        name: Its kind.
        at: The file operation before which it is killed; 0 for a random moment.
        number: Draws the moment and what to go on with.
        known: Of its kind.
        work: Where the templates are.

    Returns:
        The kind; `lost`, `stuck`, `wrong`, `fine`, or `whole` where it was done before the kill; and what to know.
    """
    kind, dice = KINDS[name], random.Random(number)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=work))
    shutil.copytree(work / f"template-{name}", folder, dirs_exist_ok=True)
    after = None if at else dice.uniform(0, known.seconds)
    code, _ = fork(kind.words, folder, at, after)
    moment = f"operation {at}" if at else f"{after:.3f} s"
    again = dice.choice(kind.again)
    outcome, why = _judged(kind, known, folder, code, again)
    if outcome in ("fine", "whole"):
        shutil.rmtree(folder)
    return name, outcome, f"{name} killed at {moment}, then {' '.join(again[:3])}: {why}, see {folder}"


def _judged(kind, known, folder, code, again):
    if code not in (0, -signal.SIGKILL):
        return "stuck", f"ended with {code} by itself"
    try:
        now = found(kind, folder)
    except Exception as error:  # noqa: BLE001 - whatever a broken result raises
        return "lost", repr(error)
    for result, value in now.items():
        allowed = [known.old[result], known.new[result]]
        if kind.run and RunFolder(folder / result).stands and isinstance(value, dict):
            # Before an encoder learns, the run on its features as they are is written, and stands until then.
            allowed.append({**_run(RunFolder(folder / "done")), "settings": value["settings"]})
        if value not in allowed and not (kind.run and known.old[result] is None and value == "unfinished"):
            return "lost", f"{result} is neither the old nor the new one"
    if code == 0:
        return ("whole", "") if now == known.new else ("wrong", "other bytes without a kill")
    if kind.run:
        again = _fitting(again, kind, folder / "r")
    ended, _ = fork(again, folder)
    if ended:
        return "stuck", f"ended with {ended}"
    if found(kind, folder) != known.new:
        return "wrong", "other bytes"
    left = [path for path in folder.rglob("*") if is_scratch(path)]
    left += (folder / "cache").glob("features/*.pieces")
    left += [folder / "r" / name for name in ("unfinished", "checkpoints", "written") if (folder / "r" / name).exists()]
    return ("wrong", f"left behind: {left}") if left else ("fine", "")


def _fitting(again, kind, run):
    """The command that a person may give: a run of which nothing was begun cannot be resumed, one that is there not
    begun again without a word."""
    folder = RunFolder(run)
    resuming = "--resume" in again
    if resuming and not (folder.under_way or folder.finished):
        # What was on its way into the folder may be rescued; without anything there is nothing to resume.
        written = [path for path in run.glob(".labelfix-*.tmp/unfinished") if path.stat().st_size]
        return again if written else KINDS["train"].words if kind is KINDS["resume"] else kind.words
    if resuming and folder.finished and not folder.under_way:
        return kind.words if kind is KINDS["overwrite"] else again  # the old one: nothing was begun
    if not resuming and "--overwrite" not in again and (folder.finished or folder.under_way):
        return [*again, "--overwrite"]
    return again


def kill_all(kinds, kills, seed, jobs, work, texts):
    """Kill as many commands, of all kinds in turn."""
    base = work / "base"
    base.mkdir()
    prepare(base, texts)
    done = [*KINDS["train"].words]
    done[done.index("r")] = "done"
    with chdir(base):
        # Here and not in a fork: what is loaded late need not be loaded by every process that is to be killed.
        if main(done):
            sys.exit("the first run fails")
    known = {name: get_to_know(name, base, work) for name in kinds}
    for name in kinds:
        print(f"{name}: {known[name].steps} file operations, {known[name].seconds:.1f} s undisturbed", flush=True)
    dice = random.Random(seed)
    orders = [dice.sample(range(1, known[name].steps + 1), known[name].steps) for name in kinds]
    in_turn = zip_longest(*([(name, at) for at in order] for name, order in zip(kinds, orders, strict=True)))
    moments = [moment for turn in in_turn for moment in turn if moment is not None]
    print(f"{min(kills // 2, len(moments))} of {len(moments)} file operations, the rest at random moments", flush=True)
    moments = moments[: kills // 2]
    moments += [(kinds[number % len(kinds)], 0) for number in range(kills - len(moments))]
    asked = [(name, at, dice.randrange(2**32), known[name], work) for name, at in moments]
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(_one, asked)


def _one(job):
    return killed(*job)


def report(kinds, counts):
    """The table at the end."""
    columns = ("fine", "whole", "lost", "stuck", "wrong")
    rows = [(name, *(counts[name, column] for column in columns)) for name in kinds]
    rows.append(("all", *(sum(counts[name, column] for name in kinds) for column in columns)))
    head = f"{'':<10}" + "".join(f"{column:>8}" for column in columns)
    return "\n".join([head, *(f"{name:<10}" + "".join(f"{n:>8}" for n in numbers) for name, *numbers in rows)])


def run():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kinds", default="")
    parser.add_argument("--encoder", default="", metavar="FOLDER")
    asked = parser.parse_args()
    define(read_by(os.path.abspath(asked.encoder)) if asked.encoder else QUICK)
    kinds, counts, started = asked.kinds.split(",") if asked.kinds else list(KINDS), Counter(), time.monotonic()
    work = Path(tempfile.mkdtemp(prefix="labelfix-kills-"))
    for name, outcome, why in kill_all(kinds, asked.kills, asked.seed, asked.jobs, work, bool(asked.encoder)):
        counts[name, outcome] += 1
        if outcome not in ("fine", "whole"):
            print(f"{outcome}: {why}", flush=True)
    print(report(kinds, counts))
    print(f"{asked.kills} kills in {time.monotonic() - started:.0f} s")
    bad = sum(counts[name, outcome] for name in kinds for outcome in ("lost", "stuck", "wrong"))
    if not bad:
        shutil.rmtree(work)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(run())
