"""`flag` in several formats at once, and into files."""

import json
import os
import stat
from pathlib import Path

import jsonschema
import junitparser
import pytest

from labelfix.cli import main
from labelfix.runs.schema_flag import PUBLISHED

FILES = {
    "sarif": "a.sarif",
    "gitlab": "a.json",
    "junit": "a.xml",
    "markdown": "a.md",
    "json": "b.json",
    "text": "a.t",
}


def flag(*words):
    return main(["flag", "--run", "run", *words])


def test_every_format_at_once_one_on_stdout_the_others_in_files(at_work, capsys):
    words = [word for name, file in FILES.items() for word in ("--format", f"{name}={at_work / file}")]
    assert flag(*words, "--format", "github", "--max-issue-rate", "0") == 1
    said = capsys.readouterr()
    assert said.out.startswith("::warning file=noisy.parquet")
    for name, file in FILES.items():
        assert f"{at_work / file}: {name}" in said.err
    assert json.loads((at_work / "a.sarif").read_text())["version"] == "2.1.0"
    assert isinstance(json.loads((at_work / "a.json").read_text()), list)
    assert junitparser.JUnitXml.fromfile(str(at_work / "a.xml")).tests > 1
    assert (at_work / "a.md").read_text().startswith("<!-- labelfix -->\n### labelfix: above the gate\n")
    assert json.loads((at_work / "b.json").read_text())["passed"] is False
    assert (at_work / "a.t").read_text().splitlines()[-1].startswith("run: ")
    for file in FILES.values():
        assert (at_work / file).read_bytes().endswith(b"\n")
        assert not (at_work / file).read_bytes().startswith(b"\xef\xbb\xbf")


def test_where_all_formats_go_into_files_stdout_has_the_verdict(at_work, capsys):
    assert flag("--format", f"json={at_work / 'a.json'}") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("run: ")


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(at_work, capsys):
    place = at_work / "a.sarif"
    place.write_text("mine")
    assert flag("--format", f"sarif={place}", "--max-issue-rate", "0") == 2
    assert "exists already; pass --overwrite" in capsys.readouterr().err
    assert place.read_text() == "mine"
    assert flag("--format", f"sarif={place}", "--overwrite") == 0
    assert json.loads(place.read_text())["runs"]


@pytest.mark.parametrize("target", ["noisy.parquet", "gold.csv", "run/corrected.parquet"])
def test_no_input_and_no_file_of_the_run_is_ever_replaced(at_work, target, capsys):
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert flag("--format", f"json={target}", "--overwrite") == 2
    assert "is the input" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "sarf"], "--format sarf: there is no such format; did you mean sarif?"),
        (["--format", "sarif="], "--format sarif=: names no file after the ="),
        (["--format", "text", "--format", "json"], "--format text and json: one goes to stdout; write the others as"),
        (["--format", "sarif=x", "--format", "json=./x"], "sarif goes into that file already"),
        (["--baseline", "gold.csv", "--format", "json=gold.csv", "--overwrite"], "is the input gold.csv"),
        (["--drift-level", "0.1"], "--drift-level: goes with --against RUN"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(at_work, words, message, capsys):
    before = sorted(Path().rglob("*"))
    assert flag("--max-issue-rate", "0", *words) == 2
    assert message in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


def test_a_folder_that_cannot_be_written_exits_2_and_not_1(at_work, capsys):
    (at_work / "file").write_text("")
    assert flag("--format", f"sarif={at_work / 'file' / 'x'}", "--max-issue-rate", "0") == 2
    assert capsys.readouterr().out == ""


def test_files_have_the_modes_of_any_other_file(at_work):
    assert flag("--format", f"sarif={at_work / 'a.sarif'}") == 0
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((at_work / "a.sarif").stat().st_mode) == 0o666 & ~mask
    assert [path.name for path in at_work.iterdir()] == ["a.sarif"]


def test_show_is_for_readers_and_not_for_services(at_work, capsys):
    words = ["--format", f"sarif={at_work / 'a.sarif'}", "--format", f"json={at_work / 'a.json'}"]
    assert flag(*words, "--show", "2", "--format", "text") == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 5
    issues = json.loads((at_work / "a.json").read_text())["issues"]
    assert len(json.loads((at_work / "a.sarif").read_text())["runs"][0]["results"]) == issues > 2
    assert f"a.json: json, the 2 worst of {issues}" in said.err


def test_github_gets_a_summary_and_outputs_of_the_step(at_work, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(at_work / "summary.md"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(at_work / "output"))
    (at_work / "summary.md").write_text("# before\n")
    assert flag("--format", "github", "--max-issue-rate", "0") == 1
    summary = (at_work / "summary.md").read_text()
    assert summary.startswith("# before\n<!-- labelfix -->\n### labelfix: above the gate\n")
    assert summary.count("| `item-") == 10
    told = dict(line.split("=") for line in (at_work / "output").read_text().splitlines())
    assert told["passed"] == "false"
    assert int(told["issues"]) > 0
    (at_work / "output").unlink()
    assert flag() == 0
    assert not (at_work / "output").exists()


def test_a_summary_that_cannot_be_written_changes_no_verdict(at_work, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(at_work))
    assert flag("--format", "github", "--max-issue-rate", "1") == 0
    assert "GITHUB_STEP_SUMMARY" in capsys.readouterr().err


def test_paths_count_from_the_root_of_the_repository(at_work, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path.cwd().parent))
    assert flag("--format", "sarif") == 0
    (result, *_) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == f"{Path.cwd().name}/noisy.parquet"


@pytest.mark.parametrize("name", PUBLISHED)
def test_schemas_are_published_and_are_schemas(name, capsys):
    assert main(["schema", name]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "\\A" not in json.dumps(schema)


def test_what_a_run_holds_is_what_the_schemas_say(at_work, capsys):
    files = {"run": Path("run/run.json"), "metrics": Path("run/metrics.json")}
    assert main(["correct", "--run", "run", "--noisy", "new.parquet", "--out", str(at_work / "a.jsonl"), "-q"]) == 0
    assert flag("--format", f"json={at_work / 'flag.json'}", "--max-noise-rate", "1") == 0
    documents = {name: [json.loads(path.read_text())] for name, path in files.items()}
    documents["flag"] = [json.loads((at_work / "flag.json").read_text())]
    documents["corrected"] = [json.loads(line) for line in (at_work / "a.jsonl").read_text().splitlines()]
    capsys.readouterr()
    for name, values in documents.items():
        assert main(["schema", name]) == 0
        validator = jsonschema.Draft202012Validator(json.loads(capsys.readouterr().out))
        for value in values:
            validator.validate(value)
        broken = {"run": "run_id", "metrics": "counts", "flag": "issues", "corrected": "confidence"}[name]
        assert not validator.is_valid({**values[0], broken: [[]]})


def test_an_unknown_document_has_no_schema(capsys):
    assert main(["schema", "nothing"]) == 2
    assert "'nothing'" in capsys.readouterr().err
