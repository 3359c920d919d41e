"""Scripts of tests/measure, which no suite runs, name only what is there."""

import ast
import importlib
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "measure").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_imports_names_that_exist(script):
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("labelfix"):
            module = importlib.import_module(node.module)
            for each in node.names:
                there = hasattr(module, each.name) or find_spec(f"{node.module}.{each.name}") is not None
                assert there, f"{node.module} has no {each.name}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_takes_what_other_scripts_have(script):
    others = {other.stem: other for other in SCRIPTS}
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in others:
            words = re.findall(r"\w+", others[node.module].read_text(encoding="utf-8"))
            assert {each.name for each in node.names} <= set(words)
