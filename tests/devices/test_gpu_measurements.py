"""The measurements for a GPU are rehearsed on a CPU, so that the first minutes on a card are not lost to a slip."""

import importlib
import json
from pathlib import Path

import pytest

MEASURE = Path(__file__).parents[1] / "measure"


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(MEASURE))
    return importlib.import_module("gpu")


def item(*words):
    return importlib.import_module("gpu_parts").Item(*words)


def test_parts_run_and_goes_on_where_it_stopped(gpu, tmp_path, capsys):
    words = [str(tmp_path), "--device", "cpu", "--quick"]
    assert gpu.main([*words, "--parts", "b", "e"]) == 0
    first = capsys.readouterr().out
    assert "FAILED" not in first
    measured = (tmp_path / "figures.jsonl").read_text()
    assert {json.loads(line)["part"] for line in measured.splitlines()} == set("be")
    assert gpu.main([*words, "--parts", "b", "e"]) == 0
    assert (tmp_path / "figures.jsonl").read_text() == measured
    assert capsys.readouterr().out.count("\n| ") == len(measured.splitlines()) + 1


@pytest.mark.slow
def test_the_other_parts_run(gpu, tmp_path, capsys):
    assert gpu.main([str(tmp_path), "--device", "cpu", "--quick", "--parts", "a", "c", "d"]) == 0
    said = capsys.readouterr().out
    assert "FAILED" not in said
    assert "mean of 1 of 20 levels; paper 86.81" in said


def test_a_figure_that_is_not_reached_is_told_and_makes_the_exit_code_one(gpu, tmp_path, capsys, monkeypatch):
    figures = iter([("fd1: × plain", 2.0, "<= 1.9"), ("published ÷ fd1", 12.0, ">= 10"), ("plain: ms", 5.0, "")])
    monkeypatch.setattr(gpu, "items", lambda place: [item("c", "a step", 9.0, lambda: figures)])
    assert gpu.main([str(tmp_path), "--device", "cpu"]) == 1
    said = capsys.readouterr().out
    assert "| c | a step | fd1: × plain | 2 | <= 1.9 | **no** |" in said
    assert "| c | a step | published ÷ fd1 | 12 | >= 10 | yes |" in said
    assert "| c | a step | plain: ms | 5 |  |  |" in said


def test_what_fails_or_may_not_end_in_time_is_left_for_the_next_call(gpu, tmp_path, capsys, monkeypatch):
    def broken():
        raise RuntimeError("no such kernel")
        yield

    made = [item("a", "long", 60.0, lambda: pytest.fail("begun")), item("a", "broken", 5.0, broken)]
    monkeypatch.setattr(gpu, "items", lambda place: made)
    assert gpu.main([str(tmp_path), "--device", "cpu", "--seconds", "30"]) == 0
    said = capsys.readouterr().out
    assert "(a) long: left for the next call, it may take 60 s" in said
    assert "(a) broken: FAILED, RuntimeError: no such kernel" in said
    assert not (tmp_path / "figures.jsonl").exists()
