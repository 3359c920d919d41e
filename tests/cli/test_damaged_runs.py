"""Files of a finished run that were changed or damaged end in one error that names the file."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.cli import main
from labelfix.errors import RunError, SettingsError
from labelfix.runs import RunFolder, read_json
from labelfix.settings.run import read_toml

RUN, DESCRIPTION = "run/run.json", "run/classifier/labelfix.json"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A folder with noisy.csv, gold.csv and a finished run; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("workshop")
    points = np.random.default_rng(0).normal(size=(60, 2)) + np.where(np.arange(60) % 2, 3, -3)[:, None]
    rows = [f"k{i},{a:.3f},{b:.3f},{'xy'[(i // 7 + i) % 2]}" for i, (a, b) in enumerate(points)]
    (folder / "noisy.csv").write_text("\n".join(["id,a,b,label", *rows]) + "\n")
    (folder / "gold.csv").write_text("\n".join(["id,label", *(f"k{i},{'xy'[i % 2]}" for i in range(20))]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LABELFIX_CACHE_DIR", str(folder / "cache"))
        words = ["--noisy", "noisy.csv", "--clean", "gold.csv", "--id-column", "id", "--out", "run", "-q"]
        assert main(["train", *words]) == 0
    return folder


@pytest.fixture
def at_work(workshop, tmp_path, monkeypatch):
    shutil.copytree(workshop, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "copy" / "cache"))
    return tmp_path / "copy"


def put(*keys, value):
    """Sets a value inside a JSON document; `...` takes the key away."""

    def change(text):
        document = json.loads(text)
        inside = document
        for key in keys[:-1]:
            inside = inside[key]
        if value is ...:
            del inside[keys[-1]]
        else:
            inside[keys[-1]] = value
        return json.dumps(document)

    return change


def put_of_table(key, value):
    """Sets a value of how columns become features: of the last view, where a row is read in several ways."""

    def change(text):
        document = json.loads(text)
        views = document["encoding"].get("views", [document])
        views[-1]["encoding"][key] = value
        return json.dumps(document)

    return change


def empty_bin(text):
    """No row in the first point of the reliability curve."""
    document = json.loads(text)
    document["evidence"]["calibration"]["soft_labels"]["reliability"][0]["rows"] = 0
    return json.dumps(document)


def deep(_):
    return "[" * 100_000


EXPORT = ("export", "--run", "run", "--corrected-labels", "out.csv")
CORRECT = ("correct", "--run", "run", "--noisy", "noisy.csv", "--out", "new.csv")
REPORT = ("report", "--run", "run", "--out", "report.html")

CHANGES = [
    (RUN, put("columns", value=...), EXPORT, "run.json: is damaged (columns is missing)"),
    (
        RUN,
        put("columns", "label", value=3),
        EXPORT,
        "run.json: is damaged (columns.label: expected str | null, got int)",
    ),
    (
        RUN,
        put("columns", "inputs", "columns", value=["a", 1]),
        CORRECT,
        "(columns.inputs.columns[1]: expected str, got int)",
    ),
    (RUN, put("data", "noisy", value=[]), EXPORT, "run.json: is damaged (data.noisy: expected object, got array)"),
    (RUN, put("data", "noisy", "name", value=...), REPORT, "run.json: is damaged (data.noisy.name is missing)"),
    (RUN, put("data", "noisy", "rows", value=-1), EXPORT, "run.json: is damaged (data.noisy.rows: expected int >= 0)"),
    (RUN, put("class_names", "names", value="xy"), CORRECT, "(class_names.names: expected array, got str)"),
    (RUN, put("trusted_rows", value=[0, 1.5]), REPORT, "(trusted_rows[1]: expected int, got float)"),
    (RUN, put("trusted_rows", value=[0, 60]), REPORT, "trusted_rows names row 61, but there are 60"),
    (RUN, put("chosen_rows", value=[60]), REPORT, "chosen_rows names a row that is not trusted"),
    (RUN, put("min_confidence", value=True), CORRECT, "(min_confidence: expected float, got bool)"),
    (RUN, deep, EXPORT, "run.json: cannot be read (nested too deeply)"),
    ("run/history.parquet", lambda _: "PAR1", REPORT, "history.parquet: cannot be read as Parquet"),
    (
        "run/metrics.json",
        empty_bin,
        REPORT,
        "is damaged (evidence.calibration.soft_labels.reliability[0].rows: expected float > 0.0); train it again",
    ),
    (
        "run/metrics.json",
        put("evidence", "noise", "rate", value={}),
        REPORT,
        "metrics.json: is damaged (evidence.noise.rate.value is missing)",
    ),
    ("run/settings.toml", lambda text: text + "seed = 1" + "0" * 5000, CORRECT, "settings.toml: is not a TOML file"),
    (
        "run/corrector/corrector.json",
        lambda text: re.sub(r": [\d.]+", ": {}", text),
        CORRECT,
        "corrector.json: is damaged (beta: expected float, got object)",
    ),
    (DESCRIPTION, put("temperature", value=10**400), CORRECT, "labelfix.json: is damaged"),
    (DESCRIPTION, put("input", "columns", value=["a", 7]), CORRECT, "labelfix.json: is damaged"),
    (
        DESCRIPTION,
        put_of_table("mean", [1.0]),
        CORRECT,
        "the statistics are not those of its columns",
    ),
    (
        DESCRIPTION,
        put_of_table("hidden_units", "many"),
        CORRECT,
        "labelfix.json: is damaged",
    ),
    (DESCRIPTION, deep, CORRECT, "labelfix.json: cannot be read"),
]


@pytest.mark.parametrize(("file", "change", "words", "said"), CHANGES, ids=[f"{c[0]}-{c[3][-35:]}" for c in CHANGES])
def test_a_changed_file_of_a_run_is_named_in_one_error(file, change, words, said, at_work, capsys):
    path = at_work / file
    path.write_text(change(path.read_text(errors="replace")))
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "unexpected error" not in lines[-1]
    assert said in lines[-1]


@pytest.mark.parametrize("words", [EXPORT, CORRECT, REPORT], ids=lambda words: words[0])
def test_the_run_itself_is_sound(words, at_work):
    assert main(words) == 0


def ids_of(table, text):
    """The same id for all rows, which is stored once."""
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(table), np.int32)), pa.array([text]))
    return table.set_column(table.column_names.index("id"), "id", ids)


def shorter_lists(table):
    cut = pa.array(
        [row[: 1 + place % 2] for place, row in enumerate(table["soft_label"].to_pylist())], pa.list_(pa.float32())
    )
    return table.set_column(table.column_names.index("soft_label"), "soft_label", cut)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.slice(1), "is damaged (it has 59 rows, and the run was made from 60)"),
        (lambda table: ids_of(table, "i" * (1 << 24)), "come out of it, as of files that are made to fill"),
        (shorter_lists, "column 'soft_label' does not hold 2 numbers in each row"),
    ],
    ids=["rows", "ids", "lists"],
)
def test_corrected_labels_that_do_not_fit_the_run_are_named(change, said, at_work, capsys):
    path = Path("run/corrected.parquet")
    pq.write_table(change(pq.read_table(path)), path)
    assert main(["next", "--run", "run", "--out", "next.csv"]) == 2
    told = capsys.readouterr().err
    assert "run/corrected.parquet" in told
    assert said in told


@pytest.mark.parametrize("name", ["run.json", "metrics.json", "corrected.parquet", "classifier/labelfix.json"])
@pytest.mark.parametrize("kind", ["pipe", "endless", "large"])
def test_what_is_no_file_is_not_waited_for(name, kind, at_work, capsys):
    """A pipe was waited for without end, `/dev/zero` and a file of holes filled the memory."""
    place = Path("run", name)
    place.unlink()
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "endless":
        place.symlink_to("/dev/zero")
    else:
        with place.open("wb") as file:
            file.truncate(1 << 40)
    for words in (REPORT, ("flag", "--run", "run")):
        assert main(words) == 2
        assert "run" in (told := capsys.readouterr().err)
        assert "unexpected" not in told


def test_a_history_of_anything_but_numbers_is_not_drawn(at_work):
    twice = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"])
    pq.write_table(pa.table({"loss": [0.5], "odd": twice}), Path("run/history.parquet"))
    assert main(REPORT) == 0


def test_a_manifest_of_few_keys_is_read_where_no_more_is_needed(tmp_path):
    (tmp_path / "run.json").write_text('{"format_version": 1, "run_id": "x"}')
    assert RunFolder(tmp_path).read_manifest() == {"format_version": 1, "run_id": "x"}
    with pytest.raises(RunError, match="min_confidence is missing"):
        RunFolder(tmp_path).read_manifest(whole=True)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100_000, "a = 1" + "0" * 5000, "a = \xff"], ids=["deep", "long", "latin"]
)
def test_a_configuration_that_cannot_be_read_is_no_toml(text, tmp_path):
    (tmp_path / "labelfix.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"labelfix\.toml: is not a TOML file"):
        read_toml(tmp_path / "labelfix.toml")


def test_json_that_is_nested_too_deeply_is_no_json(tmp_path):
    (tmp_path / "x.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json(tmp_path / "x.json")


def test_more_rows_at_once_than_arrow_can_count_are_refused(at_work, capsys):
    words = ["check", "--noisy", "noisy.csv", "--clean", "gold.csv", "--set", f"compute.read_rows={1 << 63}"]
    assert main(words) == 2
    assert f"read_rows = {1 << 63} must be less than 2,147,483,648" in capsys.readouterr().err
