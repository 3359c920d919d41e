"""Does a run folder that was made hostile in any one place end in anything but success or one clear error?

    OMP_NUM_THREADS=1 python tests/measure/hostile_runs.py [--sample 500] [--minutes 60] [--seed 0] [--jobs 2]

A small finished run with a scaled corrector, and an unfinished one beside it, are taken; every value of every JSON
file, every list and object, and every tensor is replaced in turn by what it is not, or taken away, and all commands
that read a run are run on it, but for those that do not open the file. Allowed are exit code 0 (or 1 of `flag`), and 2
with a message that names the file.
Prints what is wrong and a table; the exit code is 1 where anything was wrong.
"""

import argparse
import contextlib
import io
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_pool import run_all

from labelfix.cli import main
from labelfix.cli.app import application, get_command
from labelfix.correctors.calibrated import CalibratedCorrector, Scale
from labelfix.correctors.storage import load_corrector
from labelfix.errors import RunError
from labelfix.runs import RunOrigin
from labelfix.settings.run import TrainSettings

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("report", "--run", "run", "--out", "report.html"),
    ("flag", "--run", "run", "--max-issue-rate", "0.2"),
    ("flag", "--run", "run", "--format", "json", "--max-false-flags", "0.5", "--max-noise-rate", "0.1"),
    ("next", "--run", "run", "--out", "next.csv"),
    ("export", "--run", "run", "--corrected-labels", "out.csv", "--details"),
    ("correct", "--run", "run", "--noisy", "noisy.csv", "--out", "new.parquet"),
    ("flag", "--corrected", "new.parquet", "--max-false-flags", "0.5"),
    ("predict", "--run", "run", "--input", "noisy.csv", "--out", "said.csv"),
    ("evaluate", "--run", "run", "--truth", "truth.csv"),
    ("info",),
)
COMMAND_LINE = cache(lambda: get_command(application()))
RESUME = ("train", "--resume", "begun")

GONE = object()
HOSTILE: tuple[Any, ...] = (
    *(GONE, None, True, -1, 0, 0.5, 1 << 60, 10**400, 1e308, float("nan"), float("inf"), "", "x", "\x00", "\ud800"),
    *("../../etc/passwd", "~nobody/x", "x" * 70_000, [], {}, [[]], [None], {"": {}}, [[[[[[[[[[1]]]]]]]]]]),
)
"""What a value is replaced by."""

METADATA = "run/corrected.parquet"
"""The file whose JSON lies in its schema's metadata."""


@dataclass(frozen=True)
class Change:
    """One thing that is made hostile.

    Attributes:
        file: The file, from the folder that the run lies in.
        place: Keys and positions that lead to a value; of a file of tensors the name of one.
        what: Number in `HOSTILE`, or a word: `short` takes the last item away, `deep` nests, `shape`, `type` and
            `nan` are of tensors.
    """

    file: str
    place: tuple[str | int, ...]
    what: int | str


def make(folder):
    """A finished run of 60 rows with its inputs, two views, its corrector scaled, and an unfinished one."""
    points = np.random.default_rng(0).normal(size=(60, 2)) + np.where(np.arange(60) % 2, 3, -3)[:, None]
    words = ("in the sun", "by the sea"), ("on a hill", "under snow")
    texts = [f"a day {words[i % 2][i // 2 % 2]}" for i in range(60)]
    rows = [f"k{i},{texts[i]},{a:.3f},{b:.3f},{'xy'[(i // 7 + i) % 2]}" for i, (a, b) in enumerate(points)]
    (folder / "noisy.csv").write_text("\n".join(["id,text,a,b,label", *rows]) + "\n")
    for name, count in (("gold.csv", 20), ("truth.csv", 60)):
        (folder / name).write_text("\n".join(["id,label", *(f"k{i},{'xy'[i % 2]}" for i in range(count))]) + "\n")
    with within(folder):
        files = ["--noisy", "noisy.csv", "--clean", "gold.csv", "--id-column", "id", "--out", "run", "-q"]
        assert main(["train", *files, "--text-column", "text", "--feature-columns", "a,b"]) == 0
        scaled = CalibratedCorrector(load_corrector(Path("run/corrector"), 2, 2), Scale.none(2))
        shutil.rmtree("run/corrector")
        Path("run/corrector").mkdir()
        scaled.save(Path("run/corrector"))
        Path("begun").mkdir()
        begun = RunOrigin.by("noisy.csv", "gold.csv", TrainSettings(), {"noisy": "0"}, "cpu")
        Path("begun/unfinished").write_text(json.dumps({**begun.to_json(), "replaces": False}))


def changes(folder):
    """Everything that can be made hostile of what `make` made, in order."""
    found: list[Change] = []
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("run/**/*")) if path.is_file()]
    for name in [*names, "begun/unfinished"]:
        if name.endswith(".safetensors"):
            kinds = ("short", "shape", "type", "nan", "gone", "empty", "more")
            found += (Change(name, (tensor,), kind) for tensor in load_file(folder / name) for kind in kinds)
        elif name.endswith(".json") or name in (METADATA, "begun/unfinished"):
            for place, value in _places(_read(folder / name)):
                found += (Change(name, place, what) for what in range(len(HOSTILE)) if place or what)
                found.append(Change(name, place, "deep"))
                found += [Change(name, place, "short")] if isinstance(value, list) and value else []
    return found


def apply(change, folder):
    """Make a folder hostile."""
    path = folder / change.file
    if path.suffix == ".safetensors":
        save_file(_changed_arrays(load_file(path), str(change.place[0]), change.what), path)
        return
    document = [_read(path)]
    holder, key = document, 0
    for step in change.place:
        holder, key = holder[key], step
    if change.what == "short":
        del holder[key][-1]
    elif change.what == "deep":
        for _ in range(200):
            holder[key] = [holder[key]]
    elif HOSTILE[int(change.what)] is GONE:
        del holder[key]
    else:
        holder[key] = HOSTILE[int(change.what)]
    _write(path, json.dumps(document[0] if document else None))


def readers(folder, sound):
    """Which files below the folder of `make` each command opens where nothing is hostile.

    What is opened outside of Python is not seen: this holds for JSON alone.
    """
    shutil.copytree(sound, folder, dirs_exist_ok=True)
    opened: set[str] = set()
    sys.addaudithook(lambda event, asked: opened.add(str(asked[0])) if event == "open" else None)
    found = {}
    with within(folder):
        for words in COMMANDS:
            opened.clear()
            assert _run(words)[0] in (0, 1), words
            paths = {Path(name).resolve() for name in opened}
            found[words] = {path.relative_to(folder).as_posix() for path in paths if path.is_relative_to(folder)}
    return found


def judge(change, folder, sound, opens=None):
    """What is wrong with how the commands end; the folder is hostile after it.

    Args:
        change: What to make hostile.
        folder: An empty folder to work in.
        sound: What `make` made.
        opens: Of `readers`: commands that do not open a JSON file are left out, as nothing changes for them.
    """
    shutil.copytree(sound, folder, dirs_exist_ok=True)
    apply(change, folder)
    commands = [RESUME] if change.file.startswith("begun") else list(COMMANDS)
    if opens is not None and change.file.startswith("run") and change.file.endswith(".json"):
        commands = [words for words in commands if change.file in opens[words]]
    wrong = []
    with within(folder):
        for words in commands:
            code, said = _run(words)
            allowed = (0, 1, 2) if words[0] == "flag" else (0, 2)
            last = said.strip().splitlines()[-1] if said.strip() else ""
            if code not in allowed or "unexpected error" in said or "Traceback" in said:
                wrong.append(f"{change} {' '.join(words)}: {code}\n{said[-3000:]}")
            elif code == 2 and not _names_a_file(said, change):
                wrong.append(f"{change} {' '.join(words)}: names no file: {last}")
    return wrong


def _names_a_file(said, change):
    """Whether an error names what was changed; what is sound but for what it leads to may be named by that."""
    names = (change.file, Path(change.file).parent.as_posix() + ":", "new.parquet", "that begun was begun with")
    names += ("begun with tables in memory", "name too long")
    return any(
        name in said for name in (*names, "noisy.csv", "gold.csv", "truth.csv", "--noisy", "run/", "--max-false-flags")
    )


def _run(words):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    stop = patch("labelfix.pipeline.carry_out", side_effect=RunError("begun/unfinished: goes on"))
    # The command line is made anew for every command, which takes longer than most of them.
    once = patch("labelfix.cli.app.get_command", lambda _: COMMAND_LINE())
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), stop, once:
        code = main([*words, *(["--verbose"] if words[0] != "info" else [])])
    said = err.buffer.getvalue().decode()
    # `--verbose` shows where every error was raised: only of unexpected ones is that wrong.
    return code, said if "unexpected error" in said else "\n".join(_messages(said))


def _messages(said):
    lines = iter(said.splitlines())
    for line in lines:
        if line.startswith("Traceback"):
            return
        yield line


def _places(value, place=()):
    yield place, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        yield from _places(inside, (*place, key))


def _read(path):
    if path.suffix == ".parquet":
        return json.loads(pq.read_schema(path).metadata[b"labelfix"])
    return json.loads(path.read_text())


def _write(path, text):
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        pq.write_table(table.replace_schema_metadata({b"labelfix": text.encode()}), path)
    else:
        path.write_text(text)


def _changed_arrays(arrays, name, what):
    old = arrays[name]
    if what == "gone":
        return {key: value for key, value in arrays.items() if key != name}
    if what == "more":
        return {**arrays, f"{name}.more": old}
    if what == "nan" and old.dtype.kind == "f":
        return {**arrays, name: np.full_like(old, np.nan)}
    other = np.int32 if old.dtype.kind == "f" else np.float32
    new = {"short": old[:-1], "shape": old[None], "type": old.astype(other), "empty": old[:0], "nan": old - 99}
    return {**arrays, name: np.ascontiguousarray(new[str(what)])}


@contextlib.contextmanager
def within(folder):
    """Work in a folder, with its own cache, state and place for tracebacks."""
    own = {"LABELFIX_CACHE_DIR": "cache", "XDG_STATE_HOME": "state"}
    environment = patch.dict(os.environ, {name: str(folder / at) for name, at in own.items()})
    with contextlib.chdir(folder), environment, patch.object(tempfile, "tempdir", str(folder)):
        yield


_SOUND: Path = Path()
_OPENS: dict[tuple[str, ...], set[str]] = {}


def _task(change):
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        wrong = judge(change, Path(folder), _SOUND, _OPENS)
    return ("wrong", "\n".join(wrong)) if wrong else ("read", "")


def run():
    """The whole, or a sample of it; see the module's docstring."""
    global _SOUND, _OPENS
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int)
    parser.add_argument("--minutes", type=float, default=math.inf, help="end then; what was tried is a sample")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    started, counts = time.monotonic(), Counter[tuple[str, bool]]()
    with tempfile.TemporaryDirectory(prefix="hostile-sound-") as folder:
        _SOUND = Path(folder)
        make(_SOUND)
        with tempfile.TemporaryDirectory(prefix="hostile-read-") as other:
            _OPENS = readers(Path(other), _SOUND)
        every = changes(_SOUND)
        chosen = Random(asked.seed).sample(every, asked.sample or len(every))
        for change, (outcome, said) in run_all(chosen, _task, asked.jobs):
            counts[change.file, outcome == "wrong"] += 1
            if outcome == "wrong":
                print(f"WRONG {said or change}\n", flush=True)
            if time.monotonic() - started > 60 * asked.minutes:
                break
    for file in sorted({file for file, _ in counts}):
        print(f"{file:40}{counts[file, False] + counts[file, True]:>8} tried{counts[file, True]:>6} wrong")
    print(f"{sum(counts.values())} of {len(every)} changes in {time.monotonic() - started:.0f} s")
    return int(any(wrong for _, wrong in counts))


if __name__ == "__main__":
    sys.exit(run())
