"""Python does what the commands do, with the same options."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.cli import main
from labelfix.data.formats import open_table
from labelfix.errors import Defect, InputError, LabelfixError, SettingsError
from labelfix.outputs.formats.json import write as as_json

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(at_work):
    return labelfix.load_run("run")


@pytest.mark.parametrize("options", [{}, {"min_confidence": 0.99}, {"soft_top_k": 1}, {"label_column": "x"}])
def test_correct_gives_the_table_that_the_command_writes(run, at_work, capsys, options):
    if "label_column" in options:
        table = pq.read_table("new.parquet")
        options = {"label_column": "votes"}
        pq.write_table(table.rename_columns(["id", "x", "y", "votes"]), at_work / "new.parquet")
        rows = str(at_work / "new.parquet")
    else:
        rows = "new.parquet"
    out = at_work / "scored.parquet"
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    assert main(["correct", "--run", "run", "--noisy", rows, "--out", str(out), "-q", *words]) == 0
    written, given = pq.read_table(out), run.correct(rows, **options)
    assert given.schema.names == written.schema.names
    footer = dict(pq.read_metadata(out).metadata)
    footer.pop(b"ARROW:schema")
    assert given.schema.metadata == footer
    assert given.to_pylist() == written.to_pylist()
    assert len(given) == 20


def test_frames_are_corrected_as_files_are(run):
    from_file = run.correct("new.parquet").drop_columns(["source_file"])
    for frame in (pd.read_parquet("new.parquet"), pl.read_parquet("new.parquet"), pq.read_table("new.parquet")):
        assert run.correct(frame).drop_columns(["source_file"]).equals(from_file)


WRONG = {
    "a frame of corrected labels": (
        lambda run: run.flag(run.correct("new.parquet").to_pandas()),
        "corrected: is of type DataFrame, .* give the Arrow table of `correct` as it came",
    ),
    "one column": (lambda run: run.correct(pd.read_parquet("new.parquet")["label"]), r"pandas.Series, .* give a frame"),
    "features by themselves": (
        lambda run: labelfix.check(pd.read_parquet("new.parquet")[["x", "y"]].to_numpy(), "gold.csv").findings[0],
        r'numpy.ndarray, which is no table; give a dict of columns, such as {"features": ARRAY',
    ),
    "an option misspelled": (lambda run: run.correct("new.parquet", label_colum="x"), "label_column"),
    "a setting misspelled": (
        lambda run: labelfix.train("new.parquet", "gold.csv", label_colum="x"),
        "'label_colum' is not a setting; did you mean 'label_column'?",
    ),
    "a frame for a file": (
        lambda run: run.export("out.csv", noisy=pd.read_parquet("new.parquet")),
        "noisy: is not the table that the run in run was trained on",
    ),
    "a frame for a batch": (
        lambda run: labelfix.batch_corrector("run")(pd.read_parquet("new.parquet")),
        "rows: are of type DataFrame, and no Arrow batch",
    ),
    "columns for a batch": (lambda run: labelfix.batch_corrector("run")({"x": [1]}), "rows: are of type dict"),
}


@pytest.mark.parametrize("how", WRONG)
def test_what_cannot_be_done_is_said_with_what_can(run, how):
    call, message = WRONG[how]
    with pytest.raises(LabelfixError, match=message):
        raise InputError([found]) if isinstance(found := call(run), Defect) else AssertionError(found)


def test_an_index_without_a_name_is_told(run):
    frame = pd.read_parquet("new.parquet")
    for rows, told in ((frame, False), (frame[frame.index % 2 == 0], True)):
        assert any("rename_axis" in note for note in open_table(rows, "rows").remarks) == told


def test_rows_without_labels_are_filled_in(run):
    found = run.correct(pq.read_table("new.parquet").drop_columns(["label"]), unlabelled=True)
    assert set(found["action"].to_pylist()) == {"fill"}
    assert found["given_label"].null_count == 20


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {}),
        (["--min-confidence", "0.9", "--show", "3"], {"min_confidence": 0.9, "show": 3}),
        (["--budget", "5"], {"budget": 5}),
        (["--include-trusted", "--max-issue-rate", "0.1"], {"include_trusted": True, "max_issue_rate": 0.1}),
        (["--baseline", "gold.csv"], {"baseline": "gold.csv"}),
    ],
)
def test_flag_judges_as_the_command_does(run, at_work, capsys, words, options):
    code = main(["flag", "--run", "run", "--format", "json", *words])
    judged = run.flag(**options)
    said = json.loads(capsys.readouterr().out)
    for found in said["findings"]:
        assert found["content_hash"]
        found["content_hash"] = None  # a baseline is the command's to write
    assert json.loads(as_json(judged)) == said
    assert (judged.passed is False) == (code == 1)
    assert f"{judged.issues} of {judged.labelled} labels look wrong" in repr(judged)


def test_a_table_that_correct_gave_can_be_flagged(run, at_work):
    table = run.correct("new.parquet")
    judged = run.flag(table, max_issue_rate=0)
    assert judged.passed is False
    assert [found.id for found in judged.findings] == [
        found.id for found in run.flag(_written(table, at_work / "scored.parquet")).findings
    ]
    assert {found.file for found in judged.findings} == {"new.parquet"}


def _written(table, path):
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"budget": 3, "min_confidence": 0.5}, "give one of them"),
        ({"max_issue_rate": 1.5}, "--max-issue-rate 1.5: is not a share from 0 to 1"),
        ({"budget": 0}, "--budget 0: give 1 or more"),
        ({"max_false_flags": 0}, "nothing could be flagged"),
    ],
)
def test_flag_refuses_what_does_not_fit(run, options, complaint):
    with pytest.raises(SettingsError, match=complaint):
        run.flag(**options)


def test_a_table_of_something_else_cannot_be_flagged(run):
    with pytest.raises(InputError, match="are no table of corrected labels"):
        run.flag(pa.table({"id": ["a"]}))


def test_export_writes_what_the_command_writes(run, at_work):
    told = run.export(at_work / "python.csv", details=True, classifier=at_work / "classifier")
    words = ["export", "--run", "run", "--corrected-labels", str(at_work / "command.csv"), "--details", "-q"]
    assert main(words) == 0
    assert (at_work / "python.csv").read_bytes() == (at_work / "command.csv").read_bytes()
    assert (told.rows, told.given_column) == (160, "given_label")
    assert (at_work / "classifier" / "labelfix.json").is_file()


def test_a_run_of_a_frame_gives_the_frame_back_and_asks_about_it(at_work):
    frame = pd.read_parquet("noisy.parquet").astype({"label": "category"})
    made = labelfix.train(frame, "gold.csv", at_work / "of-frame")
    opened = labelfix.load_run(made.path)
    with pytest.raises(InputError, match="give that table"):
        opened.export(at_work / "fixed.csv")
    for run, given in ((made, None), (opened, frame)):
        run.export(at_work / "fixed.csv", noisy=given, overwrite=True)
        assert pd.read_csv(at_work / "fixed.csv")["given_label"].tolist() == frame["label"].tolist()
        assert run.next_rows(3, noisy=given)["id"].to_pylist()[0] in set(frame["id"])
        assert run.certify(0.2, noisy=given).to_check.num_rows
    with pytest.raises(InputError, match="noisy: is not the table that the run"):
        opened.export(at_work / "fixed.csv", noisy=frame.head(9), overwrite=True)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "nothing to export"),
        ({"corrected_labels": "noisy.parquet"}, "is the input"),
        ({"corrected_labels": "gold.csv", "overwrite": True}, "is the input"),
        ({"corrected_labels": "fixed.docx"}, "ends in none of"),
        ({"corrected_labels": "fixed.csv", "hard_link": True}, "--hard-link"),
        ({"classifier": "run"}, "holds the input"),
        ({"classifier": "run/classifier", "overwrite": True}, "is the input"),
    ],
)
def test_export_refuses_what_the_command_refuses(run, options, complaint):
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    with pytest.raises(SettingsError, match=complaint):
        run.export(**options)
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_the_column_of_the_truth_can_be_named(run, at_work):
    table = pd.read_csv("truth.csv").rename(columns={"label": "human"}).assign(label="cat")
    found = run.evaluate(table, label_column="human")
    assert found == run.evaluate("truth.csv")
    assert found != run.evaluate(table, label_column="label")
    with pytest.raises(InputError, match="columns 'label' and 'human' could both be the trusted labels"):
        run.evaluate(table)
    assert found["matched"] == 160


def test_check_gives_what_the_command_says(at_work, capsys):
    found = labelfix.check("noisy.parquet", "gold.csv")
    assert main(["check", "--noisy", "noisy.parquet", "--clean", "gold.csv"]) == 0
    printed = capsys.readouterr()
    (warning,) = map(str, found.findings)
    assert repr(found) == f"warning: {warning}\n{printed.out.strip()}"
    assert printed.err.splitlines() == [*found.notes, f"warning: {warning}"]
    assert found.sound
    assert found.summary.rows == 160


def test_check_gives_what_is_wrong_instead_of_raising_it(at_work, capsys):
    spoilt = pd.read_csv("gold.csv").replace({"label": {"dog": "dgo"}})
    found = labelfix.check(pd.read_parquet("noisy.parquet"), spoilt)
    assert not found.sound
    assert found.findings[0].severity == "error"
    assert repr(found).startswith("error: clean, row ")
    assert 'label "dgo" (12 rows) is not one of the 2 classes (cat, dog)' in repr(found)
    with pytest.raises(InputError, match="dgo"):
        found.refuse_errors()


def test_check_takes_settings_by_name_and_refuses_others(at_work):
    assert labelfix.check("noisy.parquet", "gold.csv", clean_sampling="per-class").summary.sampling == "per-class"
    with pytest.raises(SettingsError, match="'clean_sampled' is not a setting"):
        labelfix.check("noisy.parquet", "gold.csv", clean_sampled="random")


def test_a_run_says_what_it_is(run):
    changed = run.corrected["action"].to_pylist().count("relabel")
    right = run.metrics["classifier_right"]
    assert repr(run) == (
        f"<Run 'run': 160 rows, 2 classes, method mlc, {changed} labels changed, "
        f"classifier right on {right['value']:.0%} of {right['rows']} trusted rows>"
    )


def test_the_public_names_are_listed_and_come_without_torch_where_they_can():
    assert dir(labelfix) == sorted(labelfix.__all__)
    program = (
        "import sys, labelfix; dir(labelfix); labelfix.check, labelfix.InputError;"
        "print([name for name in ('torch', 'transformers', 'timm', 'labelfix.api') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
    for name in labelfix.__all__:
        assert getattr(labelfix, name)
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        getattr(labelfix, "tarin")  # noqa: B009 - the name is wrong on purpose
