import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.tables import InputSpec
from labelfix.errors import InputError
from labelfix.outputs import gate
from labelfix.outputs.baseline import read_baseline
from labelfix.outputs.corrected_rows import HeldRows, corrected_metadata
from labelfix.outputs.exports import corrected_table, write_corrected
from labelfix.outputs.formats.github import write as as_github
from labelfix.outputs.formats.json import write as as_json
from labelfix.outputs.plain_text import snippet, visible
from labelfix.outputs.snippets import look_up

TEXT = InputSpec("text", ("text",))


@pytest.fixture
def findings(make_labels):
    """Findings of rows of a file, looked up in it."""

    def find(file, ids, rows, spec=TEXT, id_column="id"):
        labels = make_labels(["cat"] * len(ids), [[0.1, 0.9]] * len(ids), ids=ids, rows=rows, file=str(file))
        table = corrected_table(labels, spec, id_column)
        return look_up(gate.apply_gates(HeldRows(table), "run").findings, corrected_metadata(table))

    return find


def test_the_line_of_a_csv_row_counts_line_breaks_within_cells_and_blank_lines(findings, tmp_path):
    path = tmp_path / "noisy.csv"
    path.write_bytes(b'id,text,label\r\na,one,cat\r\n\r\nb,"two\r\nlines",cat\r\nc,three,cat\r\n')
    found = findings(path, ["a", "b", "c"], [1, 2, 3])
    assert [(f.line, f.snippet) for f in found] == [(2, "one"), (4, "two lines"), (6, "three")]


@pytest.mark.parametrize("name", ["noisy.jsonl", "noisy.json"])
def test_a_record_of_json_lines_is_found_by_its_line_and_its_text_by_its_path(findings, tmp_path, name):
    path = tmp_path / name
    path.write_text('{"id": "a", "m": {"text": "one"}}\n\n{"id": "b", "m": {"text": "two\\nlines"}}\n')
    found = findings(path, ["a", "b"], [1, 2], InputSpec("text", ("m.text",)))
    assert [(f.place, f.snippet) for f in found] == [(f"{path}:1", "one"), (f"{path}:3", "two lines")]


def test_a_record_of_an_array_has_a_line_where_the_array_has_several(findings, tmp_path):
    records = [{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]
    for indent, places in ((2, [":2", ":6"]), (None, [", row 1", ", row 2"])):
        (tmp_path / "noisy.json").write_text(json.dumps(records, indent=indent))
        found = findings(tmp_path / "noisy.json", ["a", "b"], [1, 2])
        assert [f.place for f in found] == [f"{tmp_path / 'noisy.json'}{place}" for place in places]


def test_the_line_counts_what_stands_before_the_header_in_any_encoding(findings, tmp_path):
    path = tmp_path / "noisy.txt"
    path.write_bytes("# two\n# lines\nid;text;label\na;déjà;cat\nb;vu;cat\n".encode("utf-16"))
    found = findings(path, ["a", "b"], [1, 2])
    assert [(f.place, f.snippet) for f in found] == [(f"{path}:4", "déjà"), (f"{path}:5", "vu")]


def test_a_github_annotation_points_at_the_line(findings, make_labels, tmp_path):
    path = tmp_path / "noisy.csv"
    path.write_text('id,text,label\na,"x\ny",cat\nb,two,cat\n')
    table = corrected_table(
        make_labels(["cat", "cat"], [[0.9, 0.1], [0.1, 0.9]], ids=["a", "b"], file=str(path)), TEXT, "id"
    )
    judgement = gate.apply_gates(HeldRows(table), "run")
    told = gate.with_details(judgement, lambda f: look_up(f, corrected_metadata(table)))
    line = as_github(told).splitlines()[0]
    assert ",line=4,title=" in line
    assert line.endswith("id b, row 2: cat -> dog (confidence 0.900): two")


def test_a_parquet_row_is_found_in_whatever_row_group_it_lies(findings, tmp_path):
    path = tmp_path / "noisy.parquet"
    pq.write_table(pa.table({"id": range(10), "text": [f"text {i}" for i in range(10)]}), path, row_group_size=3)
    found = findings(path, [0, 5, 9], [1, 6, 10])
    assert [(f.line, f.snippet) for f in found] == [(None, "text 0"), (None, "text 5"), (None, "text 9")]


def test_a_dataset_folder_is_looked_up_too(findings, tmp_path):
    import datasets

    datasets.Dataset.from_dict({"id": ["a", "b"], "text": ["one", "two"]}).save_to_disk(tmp_path / "noisy")
    assert [f.snippet for f in findings(tmp_path / "noisy", ["b"], [2])] == ["two"]


def test_of_images_the_file_name_is_shown_and_their_bytes_stay_unread(findings, tmp_path):
    path = tmp_path / "noisy.parquet"
    pq.write_table(pa.table({"id": ["a"], "image": [{"bytes": b"x", "path": "deep/cat 1.png"}]}), path)
    assert findings(path, ["a"], [1], InputSpec("image", ("image",)))[0].snippet == "cat 1.png"


def test_an_image_of_a_folder_is_named_by_its_own_path(findings, tmp_path):
    (tmp_path / "root" / "cat").mkdir(parents=True)
    (tmp_path / "root" / "cat" / "1.png").write_bytes(b"\x89PNG")
    found = findings(tmp_path / "root", ["cat/1.png"], [1], InputSpec("image", ("image",)))[0]
    assert found.place == str(tmp_path / "root" / "cat" / "1.png")


def test_an_image_of_a_folder_is_named_as_the_user_named_the_folder(findings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root" / "cat").mkdir(parents=True)
    (tmp_path / "root" / "cat" / "1.png").write_bytes(b"\x89PNG")
    assert findings("root", ["cat/1.png"], [1], InputSpec("image", ("image",)))[0].place == "root/cat/1.png"


@pytest.mark.parametrize("name", ["gone.csv", "gone.parquet", "gone"])
def test_without_the_source_the_finding_stands_alone(findings, tmp_path, name):
    found = findings(tmp_path / name, ["a"], [1])
    assert (found[0].id, found[0].snippet, found[0].line) == ("a", None, None)


def test_a_source_whose_row_is_now_another_item_is_not_quoted(findings, tmp_path):
    (tmp_path / "noisy.csv").write_text("id,text,label\nb,changed since,cat\n")
    assert findings(tmp_path / "noisy.csv", ["a"], [1])[0].snippet is None


def test_a_damaged_source_is_no_error(findings, tmp_path):
    (tmp_path / "noisy.parquet").write_bytes(b"PAR1 not really")
    assert findings(tmp_path / "noisy.parquet", ["a"], [1])[0].snippet is None


def test_tables_of_numbers_have_no_snippet_but_their_csv_rows_have_a_line(findings, tmp_path):
    (tmp_path / "noisy.csv").write_text("id,x,label\na,1,cat\n")
    found = findings(tmp_path / "noisy.csv", ["a"], [1], InputSpec("table", ("x",)))[0]
    assert (found.snippet, found.line) == (None, 2)


def test_a_snippet_is_one_short_printable_line():
    assert snippet("a\tb\n\n c") == "a b c"
    assert snippet("x" * 100) == "x" * 59 + "…"
    assert snippet("\x1b]0;owned\x07") == "\\x1b]0;owned\\x07"
    assert visible("naïve 猫 🐈") == "naïve 猫 🐈"
    assert visible("a\u202eb\u200b") == "a\\u202eb\\u200b"


def test_a_csv_baseline_gives_its_ids_as_text(tmp_path):
    (tmp_path / "ok.csv").write_text("note,id\nfine,7\nfine,x y\n")
    assert set(read_baseline(tmp_path / "ok.csv").rows) == {"7", "x y"}


def test_a_parquet_baseline_gives_all_its_ids(tmp_path):
    pq.write_table(pa.table({"id": [7, None]}), tmp_path / "ok.parquet")
    assert set(read_baseline(tmp_path / "ok.parquet").rows) == {"7"}


def test_a_corrected_file_as_a_baseline_gives_its_issues_only(make_labels, tmp_path):
    write_corrected(tmp_path / "c.parquet", make_labels(["cat", "cat"], [[0.1, 0.9], [0.9, 0.1]]))
    assert set(read_baseline(tmp_path / "c.parquet").rows) == {"r1"}


def test_what_the_gate_wrote_as_json_is_a_baseline(make_labels, tmp_path):
    table = corrected_table(make_labels(["cat", "cat"], [[0.1, 0.9], [0.9, 0.1]], ids=[5, 6]))
    (tmp_path / "ok.json").write_text(as_json(gate.apply_gates(HeldRows(table), "run")))
    assert set(read_baseline(tmp_path / "ok.json").rows) == {"5"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("b.csv", "label\ncat\n", "has no column 'id' (its columns: label)"),
        ("b.json", json.dumps([1, 2]), "is not what `flag --format json` writes"),
        ("b.json", "{", "is not what `flag --format json` writes"),
        ("b.parquet", "nonsense", "cannot be read as Parquet"),
        ("missing.csv", None, "there is no such file"),
    ],
)
def test_a_baseline_without_ids_is_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        read_baseline(tmp_path / name)
    assert message in str(caught.value)
    assert name in str(caught.value)
