"""The example of the page about several machines runs on the tutorial's files; tests/engines run its engines."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

from labelfix.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "several-machines.md"


def _console_blocks():
    spec = importlib.util.spec_from_file_location(
        "console_blocks_of_machines", Path(__file__).with_name("console_blocks.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    _console_blocks().make_files(tmp_path)
    assert main(["train", "--noisy", "cells.csv", "--clean", "gold.csv", "--out", "run", "-q"]) == 0
    example = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[0]
    names: dict = {}
    exec(compile(example, "several-machines.md", "exec"), names)
    assert "'given_label'" in capsys.readouterr().out
    assert len(names["scored"]) == 569
