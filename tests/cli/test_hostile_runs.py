"""A run folder that is hostile in any one place ends every command in success or in one error that names the file."""

import sys
from pathlib import Path
from random import Random
from typing import get_args

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "measure"))

import hostile_runs
from hostile_runs import Change

from labelfix.data import tables
from labelfix.errors import RunError
from labelfix.runs import schema
from labelfix.runs.checked import DEEPEST, NotPlainJsonError, check, parse, wrong_with
from labelfix.runs.schema_evidence import Corrected, Metrics

SAMPLED = 25
"""About a third of a second each; `python tests/measure/hostile_runs.py` tries all of them."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    hostile_runs.make(folder)
    return folder


def test_all_commands_do_with_the_sound_run(sound, tmp_path):
    unchanged = Change("run/run.json", ("directory",), "")
    told = hostile_runs.HOSTILE.index("")
    assert hostile_runs.judge(Change(unchanged.file, unchanged.place, told), tmp_path, sound) == []
    assert all((tmp_path / name).exists() for name in ("report.html", "next.csv", "out.csv", "new.parquet", "said.csv"))


def test_whatever_is_hostile_is_named_in_one_error_or_does_no_harm(sound, tmp_path_factory):
    every = hostile_runs.changes(sound)
    files = {change.file for change in every}
    assert {"run/run.json", "run/metrics.json", "run/corrected.parquet", "begun/unfinished"} < files
    assert {"run/corrector/inner/corrector.json", "run/judges/0/model.safetensors"} < files
    random = Random(0)
    chosen = [random.choice([each for each in every if each.file == file]) for file in sorted(files)]
    chosen += random.sample(every, SAMPLED - len(chosen))
    wrong = [hostile_runs.judge(change, tmp_path_factory.mktemp("hostile"), sound) for change in chosen]
    assert [each for found in wrong for each in found] == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": NaN}', "NaN"),
        ('{"a": [-Infinity]}', "-Infinity"),
        ('{"a": 1e999}', "1e999"),
        ('"\\ud800"', "surrogate"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
    ],
    ids=lambda text: text[:20],
)
def test_what_python_reads_and_json_does_not_allow_is_refused(text, what):
    with pytest.raises(NotPlainJsonError, match=what):
        parse(text)


def test_what_json_allows_is_read():
    assert parse('{"\\ud83d\\ude00": [1e-400, -0.0, null]}') == {"\U0001f600": [0.0, 0.0, None]}
    assert parse("[" * DEEPEST + "]" * DEEPEST)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"trusted_rows": ["x"]}, "trusted_rows[0]: expected int, got str"),
        ({"trusted_rows": [1 << 54]}, "trusted_rows[0]: expected int <= 9007199254740992"),
        ({"seed": True}, "seed: expected int, got bool"),
        ({"verdict": {"labels": "use"}}, "verdict.classifier is missing"),
        ({"class_names": {"names": ["a", "a"]}}, "class_names: a class stands there twice"),
        ({"counts": {"noisy": 1, "actions": {"keep": -1}}}, "counts.actions[...]: expected int >= 0"),
    ],
)
def test_the_field_is_named(value, said):
    assert wrong_with({"format_version": 1, **value}, schema.Manifest) == said
    with pytest.raises(RunError, match=r"^run/run\.json: is damaged \(.*\); train it again with --overwrite$"):
        check({"format_version": 1, **value}, schema.Manifest, "run/run.json")


def test_inputs_of_a_kind_stand_in_a_column():
    about = {"classes": ["a", "b"], "value_type": "string", "min_confidence": 0.5, "run_id": "1"}
    assert wrong_with({**about, "input_kind": "text", "input_columns": []}, Corrected).startswith("input_columns")
    assert wrong_with({**about, "input_kind": "text", "input_columns": ["said"]}, Corrected) == ""
    assert wrong_with(about, Corrected) == ""


def test_a_document_that_is_no_object_is_refused():
    assert wrong_with([], Metrics) == "expected object, got array"
    assert wrong_with({}, Metrics) == ""


def test_the_schema_knows_the_same_words_as_the_code():
    assert get_args(schema.Sampling) == get_args(tables.Sampling)
    assert get_args(schema.ValueType) == get_args(tables.ValueType)
    assert get_args(schema.InputKind) == get_args(tables.InputKind)
