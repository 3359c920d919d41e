"""The files of a run are found again from another folder and after a move; what changed since is never shown."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.cli import main
from labelfix.errors import InputError

WORDS = {"cat": "meow purr paw", "dog": "bark wag fetch"}


def write(path, prefix, rows, noise):
    generator = np.random.default_rng(len(prefix) + rows)
    lines = ["id,text,label"]
    for i in range(rows):
        truth = ("cat", "dog")[i % 2]
        given = ("cat", "dog")[(i + 1) % 2] if generator.random() < noise else truth
        lines.append(f"{prefix}{i},{' '.join(generator.choice(WORDS[truth].split(), 6))} {prefix}{i},{given}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with data/noisy.csv, data/gold.csv, data/more.csv, and runs/a, begun in it under relative names."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    write(folder / "data" / "noisy.csv", "n", 120, 0.25)
    write(folder / "data" / "gold.csv", "g", 30, 0)
    write(folder / "data" / "more.csv", "m", 20, 0)
    files = ["--noisy", "data/noisy.csv", "--clean", "data/gold.csv", "--clean", "data/more.csv"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LABELFIX_CACHE_DIR", str(folder / "cache"))
        words = ["train", *files, "--text-column", "text", "--backbone", "hashed-text"]
        assert main([*words, "--out", "runs/a", "-q"]) == 0
    return folder


@pytest.fixture
def moved(project, tmp_path, monkeypatch):
    """The whole project in another place, and a working directory that is neither."""
    shutil.copytree(project / "data", tmp_path / "moved" / "data")
    shutil.copytree(project / "runs", tmp_path / "moved" / "runs")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(project / "cache"))
    return tmp_path / "moved"


def test_a_link_to_a_run_finds_what_the_run_finds(moved, monkeypatch, capsys):
    Path("latest").symlink_to(moved / "runs" / "a")
    assert main(["export", "--run", "latest", "--corrected-labels", "fixed.csv"]) == 0
    assert len(Path("fixed.csv").read_text().splitlines()) == 121


def flagged(run, capsys, *words):
    capsys.readouterr()
    assert main(["flag", "--run", str(run), "--format", "json", *words]) == 0
    said = capsys.readouterr()
    return [(found["line"], found["snippet"]) for found in json.loads(said.out)["findings"]], said.err


def test_run_json_says_where_the_run_was_begun_and_each_trusted_file(project):
    manifest = json.loads((project / "runs" / "a" / "run.json").read_text())
    assert manifest["directory"] == "../.."
    assert [part["name"] for part in manifest["data"]["clean"]["parts"]] == ["data/gold.csv", "data/more.csv"]
    assert "parts" not in manifest["data"]["noisy"]


def test_a_project_that_was_moved_is_found_from_anywhere(moved, capsys):
    run = str(moved / "runs" / "a")
    found, said = flagged(run, capsys)
    assert said == ""
    assert len(found) > 10
    for line, snippet in found:
        assert snippet.split()[-1] == f"n{line - 2}"
    assert main(["next", "--run", run, "--count", "5", "--out", "ask.csv"]) == 0
    assert all(
        row["text"].endswith(" " + row["id"]) for row in csv.DictReader(Path("ask.csv").read_text().splitlines())
    )
    assert main(["export", "--run", run, "--corrected-labels", "fixed.csv"]) == 0
    assert main(["report", "--run", run, "--out", "report.html"]) == 0
    page = Path("report.html").read_text()
    assert "not shown" not in page
    assert "warning" not in capsys.readouterr().err
    assert all(word in page for word in (" n1", " g", " m"))


def test_a_run_that_was_moved_alone_takes_the_names_of_today(moved, tmp_path, capsys):
    shutil.move(moved / "runs" / "a", tmp_path / "far" / "run")
    run, noisy = str(tmp_path / "far" / "run"), str(moved / "data" / "noisy.csv")
    found, said = flagged(run, capsys)
    assert {snippet for _, snippet in found} == {None}
    assert said == (
        "warning: texts, images and lines are not shown: data/noisy.csv: there is no such file here, beside the "
        "run, or where it lay as seen from the run; name it by --noisy\n"
    )
    found, said = flagged(run, capsys, "--noisy", noisy)
    assert said == ""
    assert all(snippet.endswith(f" n{line - 2}") for line, snippet in found)
    for words in (["next", "--out", "ask.csv"], ["export", "--corrected-labels", "fixed.csv"]):
        assert main([*words, "--run", run]) == 2
        assert "data/noisy.csv: there is no such file" in capsys.readouterr().err
        assert main([*words, "--run", run, "--noisy", noisy]) == 0
    assert next(csv.DictReader(Path("ask.csv").read_text().splitlines()))["text"]


def test_the_report_says_what_it_cannot_show_and_takes_the_names_of_today(moved, tmp_path, capsys):
    shutil.move(moved / "runs" / "a", tmp_path / "far" / "run")
    words = ["report", "--run", str(tmp_path / "far" / "run"), "--out", "report.html", "--overwrite"]
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "warning: what rows hold is not shown: data/noisy.csv: there is no such file" in said
    page = Path("report.html").read_text()
    assert "The nearest trusted rows are not shown: data/noisy.csv: there is no such file" in page
    assert "meow" not in page
    words += ["--noisy", str(moved / "data" / "noisy.csv")]
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "trusted rows that do not stand in the noisy file are not shown: data/gold.csv: there is no such" in said
    assert "name it by --clean" in said
    assert "meow" in Path("report.html").read_text()
    one, two = str(moved / "data" / "gold.csv"), str(moved / "data" / "more.csv")
    assert main([*words, "--clean", one]) == 0
    assert "trained on 2 files, and 1 are named now" in capsys.readouterr().err
    assert main([*words, "--clean", one, "--clean", two]) == 0
    assert "not shown" not in capsys.readouterr().err + Path("report.html").read_text()


def test_nothing_of_a_file_that_changed_is_shown(moved, capsys):
    run, noisy = str(moved / "runs" / "a"), moved / "data" / "noisy.csv"
    noisy.write_text(noisy.read_text().replace("meow", "secret"))
    found, said = flagged(run, capsys)
    assert {snippet for _, snippet in found} == {None}
    assert f"{noisy}: is not what the run in {run} was trained on" in said
    assert "by --noisy" in said
    assert main(["report", "--run", run, "--out", "report.html"]) == 0
    assert "its contents changed" in capsys.readouterr().err
    assert "secret" not in Path("report.html").read_text()
    for words in (["next", "--out", "ask.csv"], ["export", "--corrected-labels", "fixed.csv"]):
        assert main([*words, "--run", run]) == 2
        assert "is not what the run in" in capsys.readouterr().err
    assert not Path("ask.csv").exists()


def test_a_trusted_file_that_changed_is_not_shown(moved, capsys):
    more = moved / "data" / "more.csv"
    more.write_text(more.read_text().replace(" m", " secret"))
    assert main(["report", "--run", str(moved / "runs" / "a"), "--out", "report.html"]) == 0
    assert "more.csv: is not what the run in" in capsys.readouterr().err
    page = Path("report.html").read_text()
    assert "secret" not in page
    assert " g" in page


def test_another_file_of_the_same_name_is_passed_over_for_the_right_one(moved, capsys):
    Path("data").mkdir()
    Path("data/noisy.csv").write_text("id,text,label\nn0,secret,cat\n")
    found, said = flagged(moved / "runs" / "a", capsys)
    assert said == ""
    assert all(snippet.endswith(f" n{line - 2}") for line, snippet in found)
    assert found


def test_new_rows_are_found_beside_their_corrected_file_or_by_name(moved, monkeypatch, capsys):
    monkeypatch.chdir(moved)
    write(moved / "new.csv", "x", 20, 0.5)
    assert main(["correct", "--run", "runs/a", "--noisy", "new.csv", "--out", "new.parquet", "-q"]) == 0
    monkeypatch.chdir(moved.parent / "here")
    words = ["flag", "--corrected", str(moved / "new.parquet"), "--format", "json"]
    capsys.readouterr()
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert all(found["snippet"].endswith(found["id"]) for found in json.loads(said.out)["findings"])
    shutil.move(moved / "new.csv", moved / "renamed.csv")
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.err == "warning: texts are not shown: new.csv: there is no such file; name it by --noisy\n"
    assert main([*words, "--noisy", str(moved / "renamed.csv")]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert all(found["snippet"].endswith(found["id"]) for found in json.loads(said.out)["findings"])


def test_python_takes_the_names_of_today_too(moved, tmp_path):
    shutil.move(moved / "runs" / "a", tmp_path / "far" / "run")
    run = labelfix.load_run(tmp_path / "far" / "run")
    with pytest.raises(InputError, match="data/noisy.csv: there is no such file"):
        run.next_rows(3)
    rows = run.next_rows(3, noisy=str(moved / "data" / "noisy.csv")).to_pylist()
    assert all(row["text"].endswith(" " + row["id"]) for row in rows)


def test_a_table_that_was_in_memory_is_named_as_a_file_of_the_same_contents(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    write(tmp_path / "noisy.csv", "n", 60, 0.2)
    write(tmp_path / "gold.csv", "g", 30, 0)
    rows = list(csv.DictReader((tmp_path / "noisy.csv").read_text().splitlines()))
    table = pa.Table.from_pylist(rows)
    labelfix.train(table, "gold.csv", "run", text_column="text", backbone="hashed-text")
    pq.write_table(table, "same.parquet")
    pq.write_table(table.slice(1), "other.parquet")
    found, said = flagged("run", capsys)
    assert {snippet for _, snippet in found} == {None}
    assert "the run was trained on a table in memory, and the labels of its rows are in run/corrected.parquet" in said
    assert "; name a file with the same contents (in Python: give that table) by --noisy" in said
    found, said = flagged("run", capsys, "--noisy", "same.parquet")
    assert said == ""
    assert all(" n" in snippet for _, snippet in found)
    assert found
    words = ["export", "--run", "run", "--corrected-labels", "fixed.parquet", "--noisy"]
    assert main([*words, "other.parquet"]) == 2
    assert "other.parquet: is not what the run in run was trained on" in capsys.readouterr().err
    assert main([*words, "same.parquet"]) == 0
    assert pq.read_table("fixed.parquet")["given_label"].to_pylist() == [row["label"] for row in rows]
