"""Text files as people have them: encodings, compression, preambles, headers that lack something."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from labelfix.data.formats import ReadOptions, open_table
from labelfix.errors import InputError

Put = Callable[[str, str | bytes], Path]
FRENCH = "id,text,label\n1,déjà vu à la forêt,x\n2,un café,y\n"


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return write


def rows(source):
    return [row for chunk in source.scan() for row in chunk.batch.to_pylist()]


def refused(path, encoding=None):
    with pytest.raises(InputError) as caught:
        list(open_table(path, path.name, ReadOptions(encoding)).scan())
    return str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "déjà vu – “café”"),
        ("latin-1", "naïve Größe"),
        ("shift_jis", "これは表です"),
        ("gb18030", "这是一个表"),
        ("utf-16", "déjà 猫"),
        ("utf-16-le", "plain"),
        ("utf-16-be", "déjà 猫"),
        ("koi8-r", "привет"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_encoding_that_is_named_is_read(put, encoding, text, packed):
    content = f"id,text,label\n1,{text},x\n2,more,y\n".encode(encoding)
    path = put("t.csv.gz", gzip.compress(content)) if packed else put("t.csv", content)
    source = open_table(path, options=ReadOptions(encoding))
    assert rows(source) == [{"id": 1, "text": text, "label": "x"}, {"id": 2, "text": "more", "label": "y"}]


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "utf-16-be", "utf-8"])
def test_characters_cut_by_a_read_block_are_whole(put, encoding):
    lines = [f"{i},{'猫の表' * (1 + i % 7)},x" for i in range(120_000)]
    path = put("t.csv", "\n".join(["id,text,label", *lines]).encode(encoding))
    source = open_table(path, options=ReadOptions(encoding))
    assert [row["text"] for row in rows(source)] == ["猫の表" * (1 + i % 7) for i in range(120_000)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_byte_order_mark_needs_no_flag_and_is_said(put, encoding):
    source = open_table(put("t.csv", FRENCH.encode(encoding)))
    assert rows(source)[1]["text"] == "un café"
    assert source.remarks == (f"is read as {encoding.upper()}, as its byte-order mark says",)


def test_a_file_that_is_utf8_beyond_doubt_is_read_so_whatever_is_said(put):
    source = open_table(put("t.csv", FRENCH), options=ReadOptions("cp1252"))
    assert rows(source)[1]["text"] == "un café"
    assert source.remarks == ("is UTF-8 and read as such, not as cp1252",)


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        ("déjà vu à la forêt", "cp1252", "cp1252"),
        ("Größe schön für Mädchen", "latin-1", "cp1252"),
        ("zażółć gęślą jaźń, proszę się nie bać", "cp1250", "cp1250"),
        ("giriş yapamıyorum, ödeme İstanbul", "cp1254", "cp1254"),
        ("příliš žluťoučký kůň úpěl ďábelské ódy", "cp1250", "cp1250"),
        ("Привет как дела сегодня хорошая погода", "cp1251", "cp1251"),
        ("これは日本語のテキストです。今日はいい天気", "shift_jis", "cp932"),
        ("这是一个中文文本，今天天气很好", "gb18030", "gb18030"),
    ],
)
def test_without_a_flag_one_line_names_the_place_and_the_guess(put, text, encoding, named):
    lines = [f'{i},"{text if i >= 3 else "plain"}",x' for i in range(20)]
    path = put("t.csv", "\n".join(["id,text,label", *lines]).encode(encoding))
    byte = text.encode(encoding)[min(i for i, b in enumerate(text.encode(encoding)) if b > 127)]
    said, _, word = refused(path).removesuffix(" reads wrong").partition(", or another if ")
    assert said == (
        f"t.csv: is not UTF-8 text (byte 0x{byte:02x} in row 4, column 'text'); it looks like {named}: "
        f"pass --encoding {named}"
    )
    assert word.strip("'") in text, "a word as it reads in it"


def test_a_bad_byte_after_the_first_megabyte_is_found_by_its_row(put):
    lines = [f"{i},some words,x" for i in range(150_000)]
    lines[140_000] = "140000,déjà vu,x"
    path = put("t.csv", "\n".join(["id,text,label", *lines]).encode("cp1252"))
    assert "(byte 0xe9 in row 140001, column 'text'); it looks like cp1252" in refused(path)


def test_a_bad_byte_in_the_header_is_said_so(put):
    assert "(byte 0xe9 in the header)" in refused(put("t.csv", "id,café,label\n1,a,x\n2,b,y\n".encode("cp1252")))


def test_a_ragged_row_of_bytes_that_are_no_text_gives_the_message_of_the_encoding(put, capfd):
    path = put("t.csv", b"id,text,label\n1,a,x\n2,caf\xe9,with,more,x\n")
    assert refused(path).startswith("t.csv: is not UTF-8 text (byte 0xe9 in row 2, column 'text')")
    assert capfd.readouterr().err == ""


def test_bytes_that_the_named_encoding_lacks_are_refused(put):
    said = refused(put("t.csv", b"id,text\n1,caf\x81\n2,b\n"), "cp1252")
    assert said.startswith("t.csv: is not cp1252 text (byte 0x81 in row 1, column 'text')")


def test_utf16_without_a_mark_is_named(put):
    assert refused(put("t.csv", FRENCH.encode("utf-16-be"))) == (
        "t.csv: looks like UTF-16 text without a byte-order mark; pass --encoding utf-16-be"
    )


@pytest.mark.parametrize("name", ["t.csv", "t.tab", "t.txt", "t.dat", "t.data", "T.CSV", "table"])
def test_delimited_text_is_read_under_these_names(put, name):
    assert rows(open_table(put(name, "id\tlabel\n1\tx\n2\ty\n"))) == [{"id": 1, "label": "x"}, {"id": 2, "label": "y"}]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.bz2", "t.csv.xz", "t.csv.zst"])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, pa.Codec("zstd").compress])
def test_compressed_text_is_known_by_its_first_bytes(put, name, pack):
    assert rows(open_table(put(name, bytes(pack(FRENCH.encode())))))[0]["text"] == "déjà vu à la forêt"


@pytest.mark.parametrize("name", ["t.parq", "t.parquet.gzip", "t", "t.csv", "t.bin"])
def test_a_parquet_file_is_read_whatever_it_is_called(tmp_path, name):
    pq.write_table(pa.table({"id": [1]}), tmp_path / name)
    assert open_table(tmp_path / name).format == "parquet"


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_feather_files_are_read(tmp_path, compression):
    table = pa.table({"id": range(10_000), "label": ["x", "y"] * 5_000})
    feather.write_feather(table, str(tmp_path / "t.feather"), compression=compression)
    source = open_table(tmp_path / "t.feather")
    assert (source.format, rows(source)) == ("arrow", table.to_pylist())


def test_an_arrow_stream_is_read_and_a_damaged_file_refused(tmp_path):
    table = pa.table({"label": ["some", "words", "here"] * 50})
    with pa.ipc.new_stream(str(tmp_path / "t.arrows"), table.schema) as writer:
        writer.write_table(table)
    assert rows(open_table(tmp_path / "t.arrows")) == table.to_pylist()
    feather.write_feather(table, str(tmp_path / "t.arrow"), compression="uncompressed")
    whole = (tmp_path / "t.arrow").read_bytes()
    offsets = (4).to_bytes(4, "little") + (9).to_bytes(4, "little") + (13).to_bytes(4, "little")
    assert offsets in whole
    (tmp_path / "t.arrow").write_bytes(whole.replace(offsets, offsets[:4] + b"\xff\xff\xff\x7f" + offsets[8:], 1))
    assert "t.arrow: cannot be read as an Arrow file" in refused(tmp_path / "t.arrow")


def test_a_zip_archive_is_to_be_unpacked(put):
    said = refused(put("t.csv.zip", b"PK\x03\x04" + bytes(40)))
    assert said.startswith("t.csv.zip: is a ZIP archive, which labelfix does not read; unzip it, and give the file or")


@pytest.mark.parametrize("delimiter", list(";|\t^~\x01\x1f"))
def test_the_delimiter_may_be(put, delimiter):
    text = "id,text,label\n1,some words,x\n2,more of it,y\n".replace(",", delimiter)
    assert rows(open_table(put("t.dat", text)))[0] == {"id": 1, "text": "some words", "label": "x"}


def test_a_first_line_may_name_the_delimiter(put):
    source = open_table(put("t.csv", "sep=;\nid;text\n1;a, b, c\n2;d, e, f\n"))
    assert rows(source) == [{"id": 1, "text": "a, b, c"}, {"id": 2, "text": "d, e, f"}]


def test_comments_before_the_header_are_passed_over_and_rows_counted_below_it(put):
    source = open_table(put("t.csv", "# made by hand, twice\n#\n\nid,text\n1,a\n2,b\n"))
    assert [(c.first_row, c.batch.to_pylist()[0]) for c in source.scan(rows=1)] == [
        (1, {"id": 1, "text": "a"}),
        (2, {"id": 2, "text": "b"}),
    ]
    assert source.remarks == ("2 lines of comment before the header are passed over",)


@pytest.mark.parametrize(
    "above", ["Tickets of November\n", "Tickets of November,,\n,,\n", "A\n\n", '"A, B",,\nBy me,,\n']
)
def test_a_title_above_the_header_is_passed_over(put, above):
    source = open_table(put("t.csv", f"{above}Ticket ID,note,label\n1,a,x\n2,,y\n3,b,x\n"))
    assert [(c.first_row, c.batch.to_pylist()[0]) for c in source.scan(rows=2)] == [
        (1, {"Ticket ID": 1, "note": "a", "label": "x"}),
        (3, {"Ticket ID": 3, "note": "b", "label": "x"}),
    ]
    (said,) = source.remarks
    assert said.startswith("what stands above the header is passed over (")


@pytest.mark.parametrize(
    "text",
    [
        ",text\n0,some label\n1,more\n2,again\n",
        "text,,\nid of a,b,c\nid of d,e,f\nid of g,h,i\n",
        "label\nx\ny\nx\n",
        "note,\n1,\n2,\n3,\n",
    ],
    ids=["an index", "one title", "one column", "an empty column"],
)
def test_a_header_with_one_title_is_no_title_of_a_report(put, text):
    source = open_table(put("t.csv", text))
    assert not any("above the header" in said for said in source.remarks)


@pytest.mark.parametrize("header", ["#id,x,label", "# id,x,label"])
def test_a_header_that_begins_as_a_comment_is_one(put, header):
    source = open_table(put("t.csv", f"{header}\n1,0.5,a\n2,0.7,b\n3,0.6,a\n"))
    assert source.schema.names == [header.split(",")[0], "x", "label"]
    assert len(rows(source)) == 3


def test_row_names_without_a_title_get_one(put):
    """As R's write.table gives them, with its own delimiter."""
    source = open_table(put("t.txt", '"text" "label"\n"1" "some words" "x"\n"2" "more" "y"\n'))
    assert rows(source) == [
        {"rownames": 1, "text": "some words", "label": "x"},
        {"rownames": 2, "text": "more", "label": "y"},
    ]
    assert source.remarks == ("the header names no first column; it is called 'rownames'",)


def test_a_delimiter_that_ends_every_row_is_passed_over(put):
    source = open_table(put("t.csv", "id,label\n1,x,\n2,y,\n"))
    assert rows(source) == [{"id": 1, "label": "x"}, {"id": 2, "label": "y"}]
    assert source.remarks == ("every row ends with a ',' that the header has not; it is passed over",)


def test_a_row_with_something_behind_that_delimiter_is_named(put):
    text = "id,label\n" + "".join(f"{i},x,\n" for i in range(40_000)) + "a,b,c\n"
    assert "t.csv, row 40001: has 3 cells, but the header has 2" in refused(put("t.csv", text))


def test_columns_without_titles_at_the_end_are_columns(put):
    source = open_table(put("t.csv", "id,label,,\n1,x,,\n2,y,,\n"))
    assert source.schema.names == ["id", "label", "unnamed", "unnamed (2)"]
    assert source.titles == ("id", "label", "", "")  # type: ignore[attr-defined]


def test_a_title_may_repeat_and_that_is_said(put):
    source = open_table(put("t.csv", "id,x,x\n1,a,b\n2,c,d\n"))
    assert rows(source)[0] == {"id": 1, "x": "a", "x (2)": "b"}
    assert source.remarks == ("another column is called 'x', too; it is read as 'x (2)'",)


@pytest.mark.parametrize(
    "lines",
    [
        ["5.1,3.5,Iris-setosa", "4.9,3.0,Iris-setosa", "6.2,2.8,Iris-virginica"],
        ["39,State-gov,77516", "50,Private,83311", "38,State-gov,215646"],
        ["r0,30.3,Lima,no", "r1,31.6,Lima,yes", "r2,22.1,Oslo,no", "r3,40.2,Rome,yes"],
        ["great fun,pos", "dull,neg", "fine,pos"],
    ],
)
def test_a_missing_header_is_said(put, lines):
    said = refused(put("t.csv", "\n".join(lines) + "\n"))
    assert said.startswith(f"t.csv: has no header: its first row ({lines[0]!r}) looks like the rows below it; put a")


@pytest.mark.parametrize(
    "lines",
    [
        ["country,1990,1991", "Peru,21.5,22.0", "Chile,13.3,13.5", "Cuba,10.6,10.7"],
        ["0,1,2,3", "0,1,0,2", "1,0,2,3", "0,1,1,3"],
        ["id,label", "id,label", "1,x", "2,y"],
        ["sample,450.5,451.0", "a,0.1,0.2", "b,0.3,0.1"],
        ["cat,dog", "0,1", "1,0"],
        ["question,reply", "why,no", "how,yes"],
    ],
)
def test_an_odd_header_is_still_one(put, lines):
    assert open_table(put("t.csv", "\n".join(lines) + "\n")).schema.names == lines[0].split(",")


def test_a_header_longer_than_the_part_that_is_looked_at_first_is_whole(put):
    names = [f"a_very_long_name_of_gene_{i}_{'acgt' * 60}" for i in range(1_400)]
    line = ",".join(["0.5"] * len(names))
    source = open_table(put("t.csv", "\n".join([",".join(names), line, line, line]) + "\n"))
    assert source.schema.names == names
    assert source.schema.field(names[-1]).type == pa.float64()


def test_ragged_rows_are_named_with_their_cells_and_lines(put):
    text = 'id,text\n1,"two\nlines"\n\n2,a,b\n3,c\n4\n'
    assert refused(put("t.csv", text)).splitlines() == [
        "t.csv, row 2: has 3 cells, but the header has 2 (line 5: '2,a,b'); quote cells that hold the delimiter, or "
        "fix the row",
        "t.csv, row 4: has 1 cells, but the header has 2 (line 7: '4'); fill in what is missing; a cell may be empty, "
        "and has its delimiter then",
    ]


def test_a_missing_value_of_databases_is_given_as_it_stands(put):
    source = open_table(put("t.tsv", "id\ttext\n1\t\\N\n2\tword\n"))
    assert [row["text"] for row in rows(source)] == ["\\N", "word"]
