"""CSV and TSV: how a file is written is found from the file, and types from all of its rows."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from labelfix.data.formats import open_table, write_batches
from labelfix.errors import InputError

Put = Callable[[str, str], str]


def rows(path, verbatim=False):
    source = open_table(path)
    chunks = source.verbatim() if verbatim else source.scan()
    return [row for chunk in chunks for row in chunk.batch.to_pylist()]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(put, delimiter):
    lines = [["id", "text", "label"], ["1", "a text; or, so", "x"], ["2", "more | of it", "y"]]
    quoted = "\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)
    assert rows(put("t.csv", quoted)) == [
        {"id": 1, "text": "a text; or, so", "label": "x"},
        {"id": 2, "text": "more | of it", "label": "y"},
    ]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_commas_are_decimal_where_they_do_not_delimit(put, delimiter):
    lines = ["id;size;code;label", "1;2,5;1,2,3;x", "2;-,75;4;y", "3;NA;5;y", "4;1e3;6;x"]
    table = rows(put("t.csv", "\n".join(lines).replace(";", delimiter)))
    assert [row["size"] for row in table] == [2.5, -0.75, None, 1000.0]
    assert [row["code"] for row in table] == ["1,2,3", "4", "5", "6"]


@pytest.mark.parametrize("text", ['id,size\n1,"1,500"\n2,"2,500"\n', "id;size\n1;1,5\n2;1.5\n"])
def test_commas_that_may_part_thousands_are_left_as_text(put, text):
    assert all(isinstance(row["size"], str) for row in rows(put("t.csv", text)))


def test_doubled_and_escaped_quotes_and_line_breaks_inside_a_cell_are_read(put):
    doubled = put("d.csv", 'id,text\n1,"he said ""no"", then\nleft"\n2,plain\n')
    escaped = put("e.csv", 'id,text\n1,"he said \\"no\\", then left"\n2,plain\n')
    assert rows(doubled)[0]["text"] == 'he said "no", then\nleft'
    assert rows(escaped)[0]["text"] == 'he said "no", then left'
    assert len(rows(doubled)) == len(rows(escaped)) == 2


def test_single_quotes_are_quotes_where_they_enclose_the_delimiter(put):
    assert rows(put("t.csv", "id,text\n1,'a, b'\n2,'c'\n"))[0]["text"] == "a, b"


def test_a_quote_inside_or_at_the_start_of_a_tsv_cell_is_no_quote(put):
    path = put("t.tsv", 'id\ttext\n1\ta 5" screen\n2\t"unbalanced\n3\tplain\n')
    assert [row["text"] for row in rows(path)] == ['a 5" screen', '"unbalanced', "plain"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_table(put):
    assert rows(put("t.csv", "\ufeffid,text\r\n1,a\r\n2,b\r\n")) == [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]


def test_a_gzip_file_is_read_like_a_plain_one(put, tmp_path):
    text = "id\tlabel\n1\tx\n2\ty\n"
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(text.encode()))
    assert rows(str(tmp_path / "t.tsv.gz")) == rows(put("t.tsv", text))


def test_a_word_in_row_90000_makes_the_whole_column_text(put):
    lines = [f"{i},{i % 7}" for i in range(90_000)]
    lines[89_999] = "89999,abc"
    source = open_table(put("t.csv", "\n".join(["id,label", *lines]) + "\n"))
    assert source.schema.field("label").type == pa.string()
    assert source.schema.field("id").type == pa.int64()
    last = list(source.scan())[-1].batch.to_pylist()[-1]
    assert last == {"id": 89_999, "label": "abc"}


@pytest.mark.parametrize(
    ("cells", "type_", "values"),
    [
        (["10", "-2", "0"], pa.int64(), [10, -2, 0]),
        (["10", "NA", ""], pa.int64(), [10, None, None]),
        (["007", "12"], pa.string(), ["007", "12"]),
        (["12345678901234567890", "1"], pa.string(), ["12345678901234567890", "1"]),
        (["1.5", "2", "1e3"], pa.float64(), [1.5, 2.0, 1000.0]),
        (["1.5", "inf"], pa.float64(), [1.5, float("inf")]),
        (["0.5", "00.5"], pa.string(), ["0.5", "00.5"]),
        (["true", "False", ""], pa.bool_(), [True, False, None]),
        (["1", "true"], pa.string(), ["1", "true"]),
        (["NA", "null"], pa.string(), ["NA", "null"]),
    ],
)
def test_a_column_is_a_number_only_where_nothing_is_lost(put, cells, type_, values):
    path = put("t.csv", "k,x\n" + "".join(f"k{i},{cell}\n" for i, cell in enumerate(cells)))
    assert open_table(path).schema.field("x").type == type_
    assert [row["x"] for row in rows(path)] == values
    assert [row["x"] for row in rows(path, verbatim=True)] == cells


def test_a_cell_longer_than_a_read_block_is_read(put):
    long = "word " * 500_000
    path = put("t.csv", f"id,text\n1,short\n2,{long}\n3,short again\n")
    assert [len(str(row["text"])) for row in rows(path)] == [5, len(long), 11]


def test_rows_are_counted_from_one_whatever_the_batch_size(put):
    path = put("t.csv", "id,text\n" + "".join(f"{i},t\n" for i in range(1, 11)))
    chunks = list(open_table(path).scan(["id"], rows=4))
    assert [(chunk.first_row, chunk.batch.num_rows) for chunk in chunks] == [(1, 4), (5, 4), (9, 2)]


def test_several_parts_are_one_table_with_one_type(put, tmp_path):
    put("parts/p2.csv", "id,x\n1,5\n")
    put("parts/p10.csv", "x,id\nword,2\n")
    source = open_table(tmp_path / "parts")
    assert [Path(file).name for file in source.files] == ["p2.csv", "p10.csv"]
    assert [(c.file_index, c.first_row, c.batch.to_pylist()) for c in source.scan()] == [
        (0, 1, [{"id": 1, "x": "5"}]),
        (1, 1, [{"id": 2, "x": "word"}]),
    ]


def test_every_ragged_row_is_named_but_only_five_are_listed(put):
    path = put("t.csv", "id,text\n" + "".join(f"{i},a,b\n" if i % 2 else f"{i},a\n" for i in range(1, 17)))
    with pytest.raises(InputError) as caught:
        open_table(path)
    assert [defect.row for defect in caught.value.defects] == [1, 3, 5, 7, 9, None]
    assert "3 more rows" in caught.value.defects[-1].what


def test_what_is_written_as_csv_is_quoted_only_where_needed(tmp_path):
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.int64()),
            "text": ["plain", 'a "b", c\nd'],
            "score": pa.array([0.5, None], pa.float32()),
            "whole": [3.0, 4.0],
            "flag": [True, None],
            "tags": [["x", "y"], None],
        }
    )
    write_batches(tmp_path / "t.csv", table.schema, table.to_batches())
    assert (tmp_path / "t.csv").read_text() == (
        'id,text,score,whole,flag,tags\n1,plain,0.5,3.0,true,"[""x"", ""y""]"\n2,"a ""b"", c\nd",,4.0,,\n'
    )


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz", "t.parquet"])
def test_writing_twice_gives_the_same_bytes_and_leaves_nothing_beside(tmp_path, name):
    table = pa.table({"id": [1, 2], "text": ["a\tb", "c,d"]})
    contents = []
    for place in ("one", "two"):
        write_batches(tmp_path / place / name, table.schema, table.to_batches())
        contents.append((tmp_path / place / name).read_bytes())
        assert [path.name for path in (tmp_path / place).iterdir()] == [name]
    assert contents[0] == contents[1]
    assert rows(str(tmp_path / "one" / name)) == table.to_pylist()


def test_an_ending_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"t\.xlsx: has an ending that labelfix does not write .*use \.parquet"):
        write_batches(tmp_path / "t.xlsx", pa.schema([("id", pa.int64())]), [])
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path):
    (tmp_path / "t.csv").write_text("old")

    def batches():  # type: ignore[no-untyped-def]
        yield pa.record_batch({"id": [1]})
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        write_batches(tmp_path / "t.csv", pa.schema([("id", pa.int64())]), batches())
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("t.csv", "old")]


def test_of_many_columns_each_has_the_type_that_it_has_alone(tmp_path):
    kinds = {"n": "12", "f": "1.5e3", "t": "True", "w": "word", "e": "", "m": "NA"}
    generator = np.random.default_rng(0)
    columns = {}
    for number in range(400):
        some = generator.choice(list(kinds), 2)
        columns[f"c{number}"] = [kinds[each] for each in generator.choice(some, 7)]
    (tmp_path / "all.csv").write_text(
        "\n".join(map(",".join, zip(*([c, *v] for c, v in columns.items()), strict=True))) + "\n"
    )
    together = open_table(tmp_path / "all.csv")
    rows = pa.Table.from_batches([chunk.batch for chunk in together.scan()])
    for name in list(columns)[::7]:
        (tmp_path / "one.csv").write_text("\n".join(["k," + name, *(f"x,{v}" for v in columns[name])]) + "\n")
        alone = open_table(tmp_path / "one.csv")
        assert alone.schema.field(name).type == together.schema.field(name).type
        found = pa.Table.from_batches([chunk.batch for chunk in alone.scan([name])])
        assert found[name].to_pylist() == rows[name].to_pylist()
