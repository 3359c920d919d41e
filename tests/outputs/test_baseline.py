"""What was accepted comes back when it is edited: by its label, and by what the row holds."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.tables import InputSpec
from labelfix.outputs import gate
from labelfix.outputs.baseline import Accepted, Baseline, read_baseline
from labelfix.outputs.corrected_rows import HeldRows, corrected_metadata
from labelfix.outputs.exports import corrected_table
from labelfix.outputs.formats.json import write as as_json
from labelfix.outputs.formats.text import as_text
from labelfix.outputs.snippets import content_hash, look_up

SPEC = InputSpec("table", ("x", "text"))


@pytest.fixture
def judge(make_labels, tmp_path):
    """Three issues of a CSV file, which may be edited, held against a baseline; worst first."""

    def by(baseline, rows=("1,one", "2,two", "3,three"), given=("cat",) * 3, **rest):
        path = tmp_path / "noisy.csv"
        path.write_text("id,x,text,label\n" + "".join(f"r{i + 1},{row},cat\n" for i, row in enumerate(rows)))
        labels = make_labels(list(given), [[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]], file=str(path), classes=("cat", "dog"))
        table = corrected_table(labels, SPEC, "id")
        about = corrected_metadata(table)
        details = lambda found: look_up(found, about, with_content=True)  # noqa: E731
        return gate.with_details(
            gate.apply_gates(HeldRows(table), "run", accepted=baseline, details=details, **rest), details
        )

    return by


@pytest.fixture
def seen(judge, tmp_path):
    """A baseline of what there was, as the command writes it."""
    (tmp_path / "seen.json").write_text(as_json(judge(Baseline())))
    return read_baseline(tmp_path / "seen.json")


def ids(judgement):
    return [found.id for found in judgement.findings]


def test_what_was_accepted_stays_accepted(judge, seen):
    judgement = judge(seen, max_issue_rate=0.0)
    assert (ids(judgement), judgement.accepted, judgement.edited, judgement.passed) == ([], 3, 0, True)


def test_an_edited_row_comes_back(judge, seen):
    judgement = judge(seen, rows=("1,one", "2,two!", "3.5,three"), max_issue_rate=0.0)
    assert (ids(judgement), judgement.accepted, judgement.edited, judgement.passed) == (["r2", "r3"], 1, 2, False)
    assert "2 accepted rows were edited since, and are accepted no longer" in as_text(judgement)


def test_edited_rows_stand_among_the_others_worst_first(judge, seen):
    some = Baseline({name: entries for name, entries in seen.rows.items() if name != "r2"})
    assert ids(judge(some, rows=("9,one", "2,two", "9,three"))) == ["r1", "r2", "r3"]
    assert ids(judge(some, rows=("9,one", "2,two", "9,three"), show=2)) == ["r1", "r2"]


def test_a_row_that_is_written_another_way_is_the_same(judge, seen):
    assert ids(judge(seen, rows=("1.0,one", "2, two ", "3e0,three"))) == []


def test_another_given_label_comes_back(make_labels):
    accepted = Baseline({"r1": (Accepted(given="dog"),), "r2": (Accepted(given="cat"),)})
    table = corrected_table(make_labels(["cat", "cat"], [[0.1, 0.9]] * 2))
    judgement = gate.apply_gates(HeldRows(table), "run", accepted=accepted)
    assert (ids(judgement), judgement.accepted) == (["r1"], 1)


def test_where_the_source_is_gone_the_id_and_the_label_decide(make_labels, seen):
    table = corrected_table(make_labels(["cat"] * 3, [[0.1, 0.9]] * 3, file="gone.csv"), SPEC, "id")
    about = corrected_metadata(table)
    details = lambda found: look_up(found, about, with_content=True)  # noqa: E731
    assert gate.apply_gates(HeldRows(table), "run", accepted=seen, details=details).accepted == 3


def test_several_baselines_accept_what_any_of_them_does(judge, seen, tmp_path):
    (tmp_path / "now.json").write_text(as_json(judge(Baseline(), rows=("1,one", "2,two!", "3,three"))))
    both = read_baseline(tmp_path / "seen.json", tmp_path / "now.json")
    for rows in (("1,one", "2,two", "3,three"), ("1,one", "2,two!", "3,three")):
        assert ids(judge(both, rows=rows)) == []
    assert ids(judge(both, rows=("1,one", "2,zwei", "3,three"))) == ["r2"]


def test_tables_may_say_label_and_contents_too(tmp_path):
    table = pa.table({"id": ["a", "b"], "given_label": ["cat", None], "content_hash": ["12", None]})
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("id,given_label,content_hash\na,cat,12\nb,,\n")
    for name in ("a.parquet", "a.csv"):
        assert read_baseline(tmp_path / name).rows == {"a": (Accepted("cat", "12"),), "b": (Accepted(),)}


def test_a_column_that_happens_to_be_called_content_is_not_looked_at(tmp_path):
    (tmp_path / "a.csv").write_text("id,content\na,some text\n")
    assert read_baseline(tmp_path / "a.csv").rows == {"a": (Accepted(),)}


def test_classes_count_edited_rows_too(judge, seen):
    from labelfix.outputs.policy import Policy
    from labelfix.settings.gate import ClassPolicy

    policy = Policy(classes={"cat": ClassPolicy(max_issue_rate=0.3)})
    judgement = judge(seen, rows=("9,one", "2,two", "3,three"), policy=policy)
    (of_cat,) = judgement.classes
    assert (of_cat.labelled, of_cat.issues) == (3, 1)
    assert judgement.passed is False


def test_a_csv_row_and_the_same_parquet_row_hold_the_same(tmp_path):
    assert content_hash({"x": "0.1", "t": " a "}, ["x", "t"], tmp_path) == content_hash(
        {"x": 0.10000000149011612, "t": "a"}, ["x", "t"], tmp_path
    )
    assert content_hash({"x": ""}, ["x"], tmp_path) == content_hash({"x": None}, ["x"], tmp_path)
    assert content_hash({"x": "True"}, ["x"], tmp_path) == content_hash({"x": True}, ["x"], tmp_path)


def test_rows_that_differ_have_another_hash(tmp_path):
    every = [{"x": value} for value in ("a", "b", "", "1", "1.5", [1, 2], [1, 3], b"a", {"k": 1})]
    assert len({content_hash(row, ["x"], tmp_path) for row in every}) == len(every)
    assert content_hash({"x": "ab", "y": "c"}, ["x", "y"], tmp_path) != content_hash(
        {"x": "a", "y": "bc"}, ["x", "y"], tmp_path
    )
    assert content_hash({"x": 1}, ["x", "y"], tmp_path) is None


def test_an_image_is_known_by_its_bytes(tmp_path):
    (tmp_path / "a.png").write_bytes(b"one")
    first = content_hash({"image": {"path": "a.png", "bytes": None}}, ["image"], tmp_path)
    assert first == content_hash({"image": {"bytes": b"one", "path": "b.png"}}, ["image"], tmp_path)
    (tmp_path / "a.png").write_bytes(b"two")
    assert content_hash({"image": {"path": "a.png"}}, ["image"], tmp_path) != first


def test_json_tells_the_hash_of_each_finding(judge):
    value = json.loads(as_json(judge(Baseline())))
    hashes = [found["content_hash"] for found in value["findings"]]
    assert len(set(hashes)) == 3
    assert all(len(each) == 32 for each in hashes)
