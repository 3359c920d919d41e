"""What a user may not read or write is one clear error, whatever it is; root is taken its power over modes for it."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from own_process import run_script
from PIL import Image

COMMANDS = """
import contextlib, ctypes, io, json, os, sys
from labelfix.cli import main

if os.geteuid() == 0:
    # Root without the powers to read and write whatever the modes say: capset(2), version 3, of 1 and 2.
    libc, head, powers = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, powers) == 0
    for place in (0, 1):
        powers[place] &= ~0b110
    assert libc.capset(head, powers) == 0
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
        code = main(words)
    print(json.dumps([code, said.getvalue()]))
"""


def as_a_user(commands, folder):
    """Exit code and stderr of each command, in one process that modes hold for."""
    found = run_script(COMMANDS, json.dumps(commands), folder=folder)
    assert found.returncode == 0, found.stderr
    return [json.loads(line) for line in found.stdout.splitlines()]


@pytest.fixture
def shut(at_work):
    """Files and folders that nobody may read, or write into."""
    if sys.platform == "win32" or (os.geteuid() == 0 and sys.platform != "linux"):
        pytest.skip("there are no modes, or root cannot be held to them")
    for name in ("noisy.parquet", "new.parquet"):
        shutil.copy(name, at_work / f"secret-{name}")
        (at_work / f"secret-{name}").chmod(0)
    for name in ("in", "out"):
        (at_work / name).mkdir()
    shutil.copy("noisy.parquet", at_work / "in")
    shutil.copytree("run", at_work / "half")
    shutil.copytree("run", at_work / "kept")
    images = at_work / "images"
    for row in range(12):
        folder = images / ("cat", "dog")[row % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 20 * row, np.uint8)).save(folder / f"{row}.png")
    labels = [f"{word}/{row}.png,{word}\n" for row, word in ((0, "cat"), (1, "dog"), (2, "cat"), (3, "dog"))]
    (at_work / "gold.csv").write_text("id,label\n" + "".join(labels))
    closed = {
        at_work / "in": 0,
        at_work / "out": 0o555,
        at_work / "half" / "classifier": 0,
        at_work / "kept": 0o555,
        images / "cat" / "4.png": 0,
    }
    for path, mode in closed.items():
        path.chmod(mode)
    yield at_work
    for path in closed:
        path.chmod(0o700)


def test_what_may_not_be_read_or_written_is_one_error(shut):
    secret, new, out, run = str(shut / "secret-noisy.parquet"), "new.parquet", str(shut / "out"), "run"
    commands = [
        ["check", "--noisy", secret, "--clean", "gold.csv"],
        ["check", "--noisy", str(shut / "in"), "--clean", "gold.csv"],
        ["check", "--noisy", str(shut / "in" / "noisy.parquet"), "--clean", "gold.csv"],
        ["check", "--noisy", str(shut / "images"), "--clean", str(shut / "gold.csv")],
        ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", f"{out}/run"],
        ["export", "--run", run, "--noisy", "noisy.parquet", "--corrected-labels", f"{out}/fixed.csv"],
        ["export", "--run", run, "--classifier", f"{out}/classifier"],
        ["report", "--run", run, "--noisy", "noisy.parquet", "--out", f"{out}/report.html"],
        ["next", "--run", run, "--noisy", "noisy.parquet", "--out", f"{out}/ask.csv"],
        ["correct", "--run", run, "--noisy", new, "--out", f"{out}/corrected.parquet"],
        ["predict", "--run", run, "--input", new, "--out", f"{out}/predicted.csv"],
        ["predict", "--run", run, "--input", str(shut / "secret-new.parquet"), "--out", str(shut / "predicted.csv")],
        ["predict", "--run", str(shut / "half"), "--input", new, "--out", str(shut / "predicted.csv")],
        ["evaluate", "--run", run, "--truth", secret],
        ["flag", "--run", run, "--baseline", secret],
        ["certify", "--run", str(shut / "kept"), "--max-noise-rate", "0.2"],
        ["review", "--run", str(shut / "kept"), "--noisy", "noisy.parquet", "--no-browser"],
    ]
    for words, (code, said) in zip(commands, as_a_user(commands, Path.cwd()), strict=True):
        assert code == 2, words
        assert "unexpected" not in said, said
        errors = [line for line in said.splitlines() if line.startswith("labelfix: ")]
        assert len(errors) == 1, said
        whole = ("ermission denied", "is not readable", "it cannot be written")
        assert any(what in errors[0] for what in whole), said
    assert not list((shut / "out").iterdir())
    assert not (shut / "predicted.csv").exists()
