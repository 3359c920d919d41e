import csv
import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.formats import open_table
from labelfix.errors import InputError
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.corrected_rows import HeldRows
from labelfix.outputs.exports import corrected_table
from labelfix.outputs.own_file import export_table

# Row 2 is an issue (first class -> second), row 3 a review, row 4 has no label and gets the second.
SOFT = [[0.9, 0.1], [0.2, 0.8], [0.45, 0.55], [0.3, 0.7]]


@pytest.fixture
def export(make_labels, tmp_path):
    """Exports a table of four rows after correcting it as `SOFT` says."""

    def run(source, out, *, classes=("cat", "dog"), label="label", given=None, rows=None, soft=None, **options):
        path = str(source)
        given = given or [classes[0], classes[0], classes[0], None]
        rest = {"rows": rows} if rows else {}
        labels = make_labels(given, soft or SOFT, classes=classes, file=path, **rest)
        return export_table(
            AlignedLabels(HeldRows(corrected_table(labels)), open_table(path), label), tmp_path / out, **options
        )

    return run


def write(path, label, **columns):
    pq.write_table(
        pa.table({"id": ["a", "b", "c", "d"], **columns, "label": label, "note": ["w", "x", "y", "z"]}), path
    )
    return path


@pytest.mark.parametrize(
    ("type_", "values", "classes", "expected"),
    [
        (pa.string(), ["cat", "cat", "cat", None], ("cat", "dog"), ["cat", "dog", "cat", "dog"]),
        (pa.large_string(), ["cat", "cat", "cat", None], ("cat", "dog"), ["cat", "dog", "cat", "dog"]),
        (pa.int64(), [3, 3, 3, None], ("3", "10"), [3, 10, 3, 10]),
        (pa.int8(), [3, 3, 3, None], ("3", "10"), [3, 10, 3, 10]),
        (pa.bool_(), [False, False, False, None], ("false", "true"), [False, True, False, True]),
        (pa.float64(), [1.0, 1.0, 1.0, None], ("1", "2"), [1.0, 2.0, 1.0, 2.0]),
        (pa.list_(pa.string()), [["cat"], ["cat"], ["cat"], []], ("cat", "dog"), [["cat"], ["dog"], ["cat"], ["dog"]]),
        (pa.large_list(pa.int8()), [[3], [3], [3], None], ("3", "10"), [[3], [10], [3], [10]]),
        (
            pa.list_(pa.string(), 1),
            [["cat"], ["cat"], ["cat"], None],
            ("cat", "dog"),
            [["cat"], ["dog"], ["cat"], ["dog"]],
        ),
    ],
    ids=str,
)
def test_the_label_column_is_replaced_in_its_own_type_and_place(export, tmp_path, type_, values, classes, expected):
    source = write(tmp_path / "noisy.parquet", pa.array(values, type_))
    report = export(source, "out.parquet", classes=classes)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["id", "label", "note", "given_label"]
    assert table.schema.field("label").type == type_
    assert table.schema.field("given_label").type == type_
    assert table["label"].to_pylist() == expected
    assert table["given_label"].to_pylist() == values
    assert table["note"].to_pylist() == ["w", "x", "y", "z"]
    assert (report.rows, report.changed, report.filled, report.dropped) == (4, 1, 1, 0)


def test_categories_keep_their_order_and_type(export, tmp_path):
    frame = pd.DataFrame({"id": list("abcd"), "x": range(4)})
    frame["label"] = pd.Categorical(["cat", "cat", "cat", None], categories=["zebra", "dog", "cat"])
    frame.to_parquet(tmp_path / "noisy.parquet")
    export(tmp_path / "noisy.parquet", "out.parquet")
    after = pd.read_parquet(tmp_path / "out.parquet")
    assert list(after["label"].cat.categories) == ["zebra", "dog", "cat"]
    assert after["label"].tolist() == ["cat", "dog", "cat", "dog"]


def test_a_class_is_written_with_the_spelling_that_the_file_uses(export, tmp_path):
    """The class map made `Katze` and `kitty` the class cat; the file mostly says `Katze`, and has `Hund` for dog."""
    source = write(tmp_path / "noisy.parquet", ["Katze", "Hund", "Katze", "kitty"])
    soft = [[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.1]]
    report = export(source, "out.parquet", given=["cat", "dog", "cat", "cat"], soft=soft)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["label"].to_pylist() == ["Katze", "Katze", "Hund", "Katze"]
    assert table["given_label"].to_pylist() == ["Katze", "Hund", "Katze", "kitty"]
    assert report.notes == ("kept labels that are now written as their class is elsewhere: 1 ('kitty')",)


@pytest.mark.parametrize("name", ["out.csv", "out.tsv"], ids=str)
def test_a_kept_label_with_spaces_around_it_is_no_class_of_its_own_in_the_export(export, tmp_path, name):
    (tmp_path / "noisy.csv").write_text("id,x,label\na,1,cat\nb,2, cat \nc,3,cat\nd,4,dog\n", encoding="utf-8")
    soft = [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]
    report = export(tmp_path / "noisy.csv", name, given=["cat", "cat", "cat", "dog"], soft=soft)
    lines = (tmp_path / name).read_text(encoding="utf-8").replace("\t", ",").splitlines()
    assert lines == ["id,x,label,given_label", "a,1,cat,cat", "b,2,cat, cat ", "c,3,cat,cat", "d,4,dog,dog"]
    assert (report.changed, report.filled) == (0, 0)


def test_a_class_that_fits_no_integer_column_is_refused_and_nothing_is_written(export, tmp_path):
    source = write(tmp_path / "noisy.parquet", pa.array([1, 1, 1, None]))
    with pytest.raises(InputError, match="column 'label' is int64 and cannot hold the class 'dog'"):
        export(source, "out.parquet", classes=("1", "dog"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["noisy.parquet"]


def test_class_label_codes_stay_codes_even_of_a_class_nobody_was_given(export, tmp_path):
    import datasets

    features = datasets.Features({"id": datasets.Value("string"), "label": datasets.ClassLabel(names=["cat", "dog"])})
    data = datasets.Dataset.from_dict({"id": list("abcd"), "label": [0, 0, 0, None]}, features=features)
    data.save_to_disk(tmp_path / "noisy")
    export(tmp_path / "noisy", "out.parquet", details=True)
    after = datasets.Dataset.from_parquet(str(tmp_path / "out.parquet"), cache_dir=str(tmp_path / "cache"))
    assert after["label"][:] == [0, 1, 0, 1]
    assert after.features["label"] == features["label"]
    assert after.features["given_label"] == features["label"]
    assert after["confidence"][0] == pytest.approx(0.9)


def test_a_csv_file_comes_back_cell_for_cell(export, tmp_path):
    (tmp_path / "noisy.csv").write_bytes(
        b'id,price,label,text\n007,1.50,cat,"a, b"\n008,2e3,cat,"say ""hi"""\n009,,cat,"two\nlines"\n010,4,,z\n'
    )
    export(tmp_path / "noisy.csv", "out.csv")
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["id", "price", "label", "text", "given_label"],
        ["007", "1.50", "cat", "a, b", "cat"],
        ["008", "2e3", "dog", 'say "hi"', "cat"],
        ["009", "", "cat", "two\nlines", "cat"],
        ["010", "4", "dog", "z", ""],
    ]


def test_a_csv_file_with_semicolons_and_decimal_commas_comes_back_with_them(export, tmp_path):
    lines = ["id;price;label", "1;1,50;cat", "2;2,0;cat", "3;;cat", "4;4;"]
    (tmp_path / "noisy.csv").write_text("\n".join(lines) + "\n")
    export(tmp_path / "noisy.csv", "out.csv")
    written = ["id;price;label;given_label", "1;1,50;cat;cat", "2;2,0;dog;cat", "3;;cat;cat", "4;4;dog;"]
    assert (tmp_path / "out.csv").read_text() == "\n".join(written) + "\n"


@pytest.mark.parametrize(("name", "delimiter"), [("out.tsv", "\t"), ("out.tsv.gz", "\t"), ("out.csv.gz", ",")])
def test_other_text_endings_are_written_as_they_promise(export, tmp_path, name, delimiter):
    source = write(tmp_path / "noisy.parquet", ["cat", "cat", "cat", None])
    export(source, name)
    opened = gzip.open if name.endswith(".gz") else open
    with opened(tmp_path / name, "rt", encoding="utf-8") as stream:
        assert stream.readline().rstrip("\n").split(delimiter) == ["id", "label", "note", "given_label"]


def test_a_given_label_column_that_is_there_already_is_kept(export, tmp_path):
    source = write(tmp_path / "noisy.parquet", ["cat", "cat", "cat", None], given_label=["p", "q", "r", "s"])
    report = export(source, "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["id", "given_label", "label", "note", "given_label_2"]
    assert table["given_label"].to_pylist() == ["p", "q", "r", "s"]
    assert table["given_label_2"].to_pylist() == ["cat", "cat", "cat", None]
    assert report.notes == ("there is a column 'given_label' already: the old labels are in 'given_label_2'",)


def test_flagged_rows_can_be_left_out(export, tmp_path):
    source = write(tmp_path / "noisy.parquet", ["cat", "cat", "cat", None])
    report = export(source, "out.parquet", drop_issues=True)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["id"].to_pylist() == ["a", "c", "d"]
    assert table["label"].to_pylist() == ["cat", "cat", "dog"]
    assert (report.rows, report.changed, report.filled, report.dropped) == (3, 0, 1, 1)


def test_details_add_the_scores(export, tmp_path):
    source = write(tmp_path / "noisy.parquet", ["cat", "cat", "cat", None], confidence=[1, 2, 3, 4])
    export(source, "out.parquet", details=True)
    table = pq.read_table(tmp_path / "out.parquet")
    added = [
        "suggested_label",
        "confidence_2",
        "is_label_issue",
        "action",
        "label_score",
        "predicted_label",
        "soft_label",
    ]
    assert table.column_names == ["id", "confidence", "label", "note", "given_label", *added]
    assert table["action"].to_pylist() == ["keep", "relabel", "review", "fill"]
    assert table["soft_label"].to_pylist()[1] == pytest.approx([0.2, 0.8])


def test_details_in_csv_have_a_column_for_every_class(export, tmp_path):
    source = write(tmp_path / "noisy.parquet", ["cat", "cat", "cat", None])
    export(source, "out.csv", details=True)
    frame = pd.read_csv(tmp_path / "out.csv")
    assert list(frame.columns[-3:]) == ["predicted_label", "p_cat", "p_dog"]
    assert frame["p_dog"].tolist() == pytest.approx([0.1, 0.8, 0.55, 0.7])


def test_rows_that_the_run_left_out_are_kept_as_they_were(export, tmp_path):
    source = write(tmp_path / "noisy.parquet", ["cat", "cat", "dog", "cat"])
    report = export(
        source, "out.parquet", given=["cat", "cat"], rows=[1, 4], soft=[[0.9, 0.1], [0.1, 0.9]], details=True
    )
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["id"].to_pylist() == ["a", "b", "c", "d"]
    assert table["label"].to_pylist() == ["cat", "cat", "dog", "dog"]
    assert table["action"].to_pylist() == ["keep", None, None, "relabel"]
    assert report.rows == 4
    assert report.notes == ("2 rows were left out of the run and keep what label they had",)


def test_parts_of_a_table_come_out_as_one_in_their_order(make_labels, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for part in (10, 2):
        pq.write_table(pa.table({"id": [f"{part}a", f"{part}b"], "label": ["cat", "cat"]}), folder / f"{part}.parquet")
    source = open_table(str(folder))
    labels = make_labels(
        ["cat"] * 4,
        [[0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.9, 0.1]],
        files=source.files,
        file_index=[0, 0, 1, 1],
        rows=[1, 2, 1, 2],
    )
    export_table(AlignedLabels(HeldRows(corrected_table(labels)), source, "label"), tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["id"].to_pylist() == ["2a", "2b", "10a", "10b"]
    assert table["label"].to_pylist() == ["cat", "dog", "dog", "cat"]


def test_many_rows_come_out_once_each_in_their_order(make_labels, tmp_path):
    rows = 20_001
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, rows)
    pq.write_table(pa.table({"id": range(rows), "label": np.zeros(rows, np.int32)}), tmp_path / "noisy.parquet")
    soft = np.where(truth[:, None] == np.arange(2), 0.9, 0.1)
    labels = make_labels(["0"] * rows, soft, classes=("0", "1"), ids=range(rows), file=str(tmp_path / "noisy.parquet"))
    source = open_table(str(tmp_path / "noisy.parquet"))
    export_table(AlignedLabels(HeldRows(corrected_table(labels)), source, "label"), tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["id"].to_pylist() == list(range(rows))
    assert table["label"].to_pylist() == truth.tolist()


def test_an_ending_that_is_no_table_is_refused(export, tmp_path):
    source = write(tmp_path / "noisy.parquet", ["cat", "cat", "cat", None])
    with pytest.raises(InputError, match="has an ending that labelfix does not write"):
        export(source, "out.xlsx")


def test_the_pandas_index_survives(export, tmp_path):
    frame = pd.DataFrame({"label": ["cat", "cat", "cat", None]}, index=pd.Index(list("abcd"), name="key"))
    frame.to_parquet(tmp_path / "noisy.parquet")
    export(tmp_path / "noisy.parquet", "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet").index.tolist() == list("abcd")


def test_a_renamed_source_is_found_by_the_order_of_its_files(make_labels, tmp_path):
    source = write(tmp_path / "moved.parquet", ["cat", "cat", "cat", None])
    labels = make_labels(["cat", "cat", "cat", None], SOFT, file="noisy.parquet")
    correction = AlignedLabels(HeldRows(corrected_table(labels)), open_table(str(source)), "label", ("noisy.parquet",))
    export_table(correction, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["label"].to_pylist() == ["cat", "dog", "cat", "dog"]


def test_labels_of_other_rows_are_refused_and_nothing_is_written(make_labels, tmp_path):
    source = write(tmp_path / "noisy.parquet", ["cat", "cat", "cat", None])
    labels = make_labels(["cat", "cat"], SOFT[:2], file=str(source), rows=[1, 5])
    with pytest.raises(InputError, match=r"noisy\.parquet: holds 1 of the 2 rows that were corrected"):
        export_table(
            AlignedLabels(HeldRows(corrected_table(labels)), open_table(str(source)), "label"), tmp_path / "out.parquet"
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["noisy.parquet"]
