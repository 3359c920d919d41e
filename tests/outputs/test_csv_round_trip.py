"""Exports of text files: the dialect stays, and rows differ in nothing but labels and what is added."""

from __future__ import annotations

import csv
import gzip
import io
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.formats import ReadOptions, open_table
from labelfix.errors import InputError
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.corrected_rows import HeldRows
from labelfix.outputs.exports import corrected_table
from labelfix.outputs.own_file import export_table

# Row 2 is changed from the first class to the second, row 4 has no label and gets the second.
SOFT = [[0.9, 0.1], [0.2, 0.8], [0.45, 0.55], [0.3, 0.7]]


@pytest.fixture
def export(make_labels, tmp_path):
    """The bytes of a file of four rows, exported."""

    def run(content, name="noisy.csv", out="out.csv", *, encoding=None, classes=("cat", "dog"), **options):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        labels = make_labels([classes[0]] * 3 + [None], SOFT, classes=classes, file=str(tmp_path / name))
        source = open_table(tmp_path / name, options=ReadOptions(encoding))
        export_table(AlignedLabels(HeldRows(corrected_table(labels)), source, "label"), tmp_path / out, **options)
        return (tmp_path / out).read_bytes()

    return run


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '"id","text","label"\r\n"1","a","cat"\r\n"2","b","cat"\r\n"3","c","cat"\r\n"4","d",""',
            '"id","text","label","given_label"\r\n"1","a","cat","cat"\r\n"2","b","dog","cat"\r\n'
            '"3","c","cat","cat"\r\n"4","d","dog",""',
        ),
        (
            '"","x","label"\n"1",0.5,"cat"\n"2",1e3,"cat"\n"3",NA,"cat"\n"4",2,\n',
            '"","x","label","given_label"\n"1",0.5,"cat","cat"\n"2",1e3,"dog","cat"\n"3",NA,"cat","cat"\n'
            '"4",2,"dog",\n',
        ),
        (
            "sep=;\nid;text;label\n1;a, b;cat\n2;b;cat\n3;c;cat\n4;d;\n",
            "sep=;\nid;text;label;given_label\n1;a, b;cat;cat\n2;b;dog;cat\n3;c;cat;cat\n4;d;dog;\n",
        ),
        (
            "# by hand\n\nid,label\n1,cat\n\n2,cat\n3,cat\n4,\n",
            "# by hand\n\nid,label,given_label\n1,cat,cat\n2,dog,cat\n3,cat,cat\n4,dog,\n",
        ),
        (
            "id,label\n1,cat,\n2,cat,\n3,cat,\n4,,\n",
            "id,label,given_label\n1,cat,cat,\n2,dog,cat,\n3,cat,cat,\n4,dog,,\n",
        ),
        (
            "text label\n1 a cat\n2 b cat\n3 c cat\n4 d \n".replace(" ", "\t"),
            "text label given_label\n1 a cat cat\n2 b dog cat\n3 c cat cat\n4 d dog \n".replace(" ", "\t"),
        ),
        (
            "id,label,note,note,,\n1,cat,a,b,,\n2,cat,a,b,,\n3,cat,a,b,,\n4,,a,b,,\n",
            "id,label,note,note,,,given_label\n1,cat,a,b,,,cat\n2,dog,a,b,,,cat\n3,cat,a,b,,,cat\n4,dog,a,b,,,\n",
        ),
        (
            'id,text,label\n1,"a \\"b\\"",cat\n2,"\\\\ c",cat\n3,d,cat\n4,e,\n',
            'id,text,label,given_label\n1,"a \\"b\\"",cat,cat\n2,"\\\\ c",dog,cat\n3,d,cat,cat\n4,e,dog,\n',
        ),
        (
            "id,label\r1,cat\r2,cat\r3,cat\r4,\r",
            "id,label,given_label\r1,cat,cat\r2,dog,cat\r3,cat,cat\r4,dog,\r",
        ),
        (
            "id,text,label\n1,'a, b',cat\n2,'c',cat\n3,'d, e','cat'\n4,f,\n",
            "id,text,label,given_label\n1,'a, b',cat,cat\n2,'c',dog,cat\n3,'d, e','cat',cat\n4,f,dog,\n",
        ),
    ],
    ids=["all", "texts", "sep", "preamble", "end", "row names", "titles", "escapes", "returns", "single"],
)
def test_a_file_comes_back_the_way_it_is_written(export, before, after):
    assert export(before).decode() == after


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16", "shift_jis"])
@pytest.mark.parametrize("name", ["noisy.csv", "noisy.csv.gz"])
def test_the_encoding_its_mark_and_windows_line_ends_stay(export, encoding, name):
    word = "猫" if encoding == "shift_jis" else "café"
    before = f"id;text;label\r\n1;{word};cat\r\n2;b;cat\r\n3;c;cat\r\n4;d;\r\n".encode(encoding)
    given = encoding if encoding in ("cp1252", "shift_jis") else None
    packed = gzip.compress(before) if name.endswith(".gz") else before
    after = export(packed, name, "out" + name.removeprefix("noisy"), encoding=given)
    lines = f"id;text;label;given_label\r\n1;{word};cat;cat\r\n2;b;dog;cat\r\n3;c;cat;cat\r\n4;d;dog;\r\n"
    assert (gzip.decompress(after) if name.endswith(".gz") else after) == lines.encode(encoding)


def test_a_label_that_the_encoding_lacks_is_one_error_and_no_file(export, tmp_path):
    before = "id,text,label\n1,é,cat\n2,b,cat\n3,c,cat\n4,d,\n".encode("cp1252")
    with pytest.raises(InputError, match=r"noisy\.csv: is cp1252 text, which cannot hold '猫'; export to a \.parquet"):
        export(before, encoding="cp1252", classes=("cat", "猫"))
    assert [path.name for path in tmp_path.iterdir()] == ["noisy.csv"]


QUOTELESS = 'id\ttext\tlabel\n1\t"odd 5" screen\tcat\n2\tb\tcat\n3\t"x\tcat\n4\td\t\n'


def test_a_file_without_quoting_is_written_without(export):
    assert export(QUOTELESS, "noisy.tsv", "out.tsv").decode() == (
        'id\ttext\tlabel\tgiven_label\n1\t"odd 5" screen\tcat\tcat\n2\tb\tdog\tcat\n3\t"x\tcat\tcat\n4\td\tdog\t\n'
    )


def test_a_label_that_cannot_stand_without_quotes_is_one_error(export):
    with pytest.raises(InputError, match=r"noisy\.tsv: is written without quotes and cannot hold 'a\\tb'; export to"):
        export(QUOTELESS, "noisy.tsv", "out.tsv", classes=("cat", "a\tb"))


def test_another_ending_has_its_own_delimiter_and_only_the_quotes_that_it_needs(export):
    after = export(QUOTELESS, "noisy.tsv", "out.csv").decode()
    assert after.splitlines()[:2] == ["id,text,label,given_label", '1,"""odd 5"" screen",cat,cat']
    before = '"id","label","note","note"\n"1","cat","a","x"\n"2","cat","a","x"\n"3","cat","a","x"\n"4","","a","x"\n'
    assert export(before, out="out.tsv").decode().splitlines()[:2] == [
        "id\tlabel\tnote\tnote\tgiven_label",
        "1\tcat\ta\tx\tcat",
    ]


def test_flagged_rows_are_left_out_and_scores_added_at_the_end(export):
    before = '"id","label"\n"1","cat"\n"2","cat"\n"3","cat"\n"4",""'
    after = export(before, drop_issues=True, details=True).decode()
    table = list(csv.DictReader(io.StringIO(after)))
    assert [row["id"] for row in table] == ["1", "3", "4"]
    assert after.splitlines()[0].startswith('"id","label","given_label","suggested_label"')
    assert all(line.startswith('"') for line in after.splitlines())
    assert float(table[2]["p_dog"]) == pytest.approx(0.7)


def test_parts_without_a_last_line_end_do_not_run_together(make_labels, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "1.csv").write_bytes(b"id,label\r\n1,cat\r\n2,cat")
    (tmp_path / "parts" / "2.csv").write_bytes(b"id,label\n3,cat\n4,")
    source = open_table(tmp_path / "parts")
    labels = make_labels(["cat"] * 3 + [None], SOFT, files=source.files, file_index=[0, 0, 1, 1], rows=[1, 2, 1, 2])
    export_table(AlignedLabels(HeldRows(corrected_table(labels)), source, "label"), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == (
        b"id,label,given_label\r\n1,cat,cat\r\n2,dog,cat\r\n3,cat,cat\n4,dog,"
    )


@pytest.mark.parametrize(
    "type_", [pa.binary(), pa.large_binary(), pa.binary(4), pa.binary_view()], ids=["binary", "large", "fixed", "view"]
)
def test_bytes_become_base64_in_text(make_labels, tmp_path, type_):
    values = pa.array([b"\x00\xff\x01\x02", b"abcd", None, b"\n,\"'"], pa.binary(4)).cast(pa.binary()).cast(type_)
    table = pa.table({"key": values, "label": ["cat", "cat", "cat", None]})
    pq.write_table(table, tmp_path / "noisy.parquet")
    labels = make_labels(["cat"] * 3 + [None], SOFT, file=str(tmp_path / "noisy.parquet"))
    source = open_table(tmp_path / "noisy.parquet")
    export_table(AlignedLabels(HeldRows(corrected_table(labels)), source, "label"), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == (
        "key,label,given_label\nAP8BAg==,cat,cat\nYWJjZA==,dog,cat\n,cat,cat\nCiwiJw==,dog,\n"
    )


@pytest.mark.parametrize("type_", [pa.binary(), pa.large_binary(), pa.binary_view()], ids=["binary", "large", "view"])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_texts_that_are_stored_as_bytes_are_texts(make_labels, tmp_path, type_, ending):
    cells = [pa.array(each, pa.binary()).cast(type_) for each in ([b"a", b"\xc3\xa9\n", None, b"d"], [b"cat"] * 4)]
    pq.write_table(pa.table(cells, names=["key", "label"]), tmp_path / "noisy.parquet")
    labels = make_labels(["cat"] * 4, SOFT, file=str(tmp_path / "noisy.parquet"))
    out = tmp_path / f"out.{ending}"
    export_table(AlignedLabels(HeldRows(corrected_table(labels)), open_table(tmp_path / "noisy.parquet"), "label"), out)
    found = [row for chunk in open_table(out).scan() for row in chunk.batch.to_pylist()]
    assert [row["key"] or None for row in found] == ["a", "é\n", None, "d"]
    assert {row["given_label"] for row in found} == {"cat"}
    assert {row["label"] for row in found} == {"cat", "dog"}


def test_a_uuid_is_its_text(make_labels, tmp_path):
    keys = [uuid.UUID(int=n) for n in range(4)]
    table = pa.table({"key": pa.array([key.bytes for key in keys], pa.uuid()), "label": ["cat", "cat", "cat", None]})
    pq.write_table(table, tmp_path / "noisy.parquet")
    labels = make_labels(["cat"] * 3 + [None], SOFT, file=str(tmp_path / "noisy.parquet"))
    source = open_table(tmp_path / "noisy.parquet")
    export_table(AlignedLabels(HeldRows(corrected_table(labels)), source, "label"), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[2] == f"{keys[1]},dog,cat"
