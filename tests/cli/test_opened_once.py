"""A command opens and checks the run that it is about once, however much of it is used afterwards."""

import shutil
from pathlib import Path

import pytest

from labelfix.cli import main
from labelfix.runs import RunFolder

COMMANDS = (
    ("report", "--out", "page.html"),
    ("flag", "--show", "3"),
    ("next", "--out", "next.csv"),
    ("export", "--corrected-labels", "fixed.csv", "--details"),
    ("export", "--tasks", "csv", "--queue", "next", "--out", "ask.csv"),
    ("correct", "--noisy", "new.parquet", "--out", "new-labels.parquet"),
    ("predict", "--input", "new.parquet", "--out", "said.csv"),
    ("evaluate", "--truth", "truth.csv"),
    ("certify", "--max-noise-rate", "0.2"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_opens_its_run_once(words, workshop, tmp_path, monkeypatch):
    shutil.copytree(workshop, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "here" / "cache"))
    opened = []
    open_finished = RunFolder.open_finished

    def counted(path):
        opened.append(path)
        return open_finished(path)

    monkeypatch.setattr(RunFolder, "open_finished", counted)
    assert main([*words, "--run", "run", "-q"]) in (0, 1)
    assert opened == [Path("run")]
