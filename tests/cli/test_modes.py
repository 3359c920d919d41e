"""Whoever may read what a user writes may read what labelfix writes: modes follow the umask."""

import os
import sys

import pytest

from labelfix.cli import main

TRAIN = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--set", "recipe=paper", "--set", "epochs=1", "-q"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes")
@pytest.mark.parametrize(("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o027, 0o640, 0o750)])
def test_all_that_commands_write_has_the_modes_of_the_umask(at_work, mask, file, folder):
    run = str(at_work / "r")
    before = os.umask(mask)
    try:
        assert main([*TRAIN, "--out", run, "--set", "warmup_steps=1"]) == 0
        assert main(["export", "--run", run, "--classifier", str(at_work / "model"), "-q"]) == 0
        assert main(["correct", "--run", run, "--noisy", "new.parquet", "--out", str(at_work / "b.csv"), "-q"]) == 0
        assert main(["next", "--run", run, "--out", str(at_work / "ask.csv"), "-q"]) == 0
        assert main(["report", "--run", run, "--out", str(at_work / "r.html"), "-q"]) == 0
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in at_work.rglob("*")}
    assert {path for path, mode in modes.items() if mode != (folder if path.is_dir() else file)} == set()
    assert len(modes) > 15
