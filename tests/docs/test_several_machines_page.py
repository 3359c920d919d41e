"""The example of the page about several machines runs on the tutorial's files; tests/engines run its engines."""

import re
from pathlib import Path

import console_blocks

from labelfix.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "several-machines.md"


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    console_blocks.make_files(tmp_path)
    assert main(["train", "--noisy", "cells.csv", "--clean", "gold.csv", "--out", "run", "-q"]) == 0
    example = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[0]
    names = {}
    exec(compile(example, "several-machines.md", "exec"), names)
    assert "'given_label'" in capsys.readouterr().out
    assert len(names["scored"]) == 569
