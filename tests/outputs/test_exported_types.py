"""Exports of tables as people have them: every type of column, titles that repeat, keys in the names of folders."""

import arrow_types
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.formats import open_table
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.corrected_rows import HeldRows
from labelfix.outputs.exports import corrected_table
from labelfix.outputs.own_file import export_table


@pytest.fixture
def export(make_labels, tmp_path):
    """Exports a table of three rows after changing the second label from cat to dog."""

    def run(source, out="fixed.parquet", count=3):
        opened = open_table(source)
        soft = [[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]][:count]
        labels = make_labels(["cat"] * count, soft, file=opened.files[0])
        export_table(AlignedLabels(HeldRows(corrected_table(labels)), opened, "label"), tmp_path / out)
        return tmp_path / out

    return run


def test_every_column_that_parquet_holds_comes_back_unchanged(export, tmp_path):
    columns = arrow_types.in_parquet()
    pq.write_table(pa.table({**columns, "label": ["cat", "cat", "cat"]}), tmp_path / "noisy.parquet")
    before = pq.read_table(tmp_path / "noisy.parquet")
    after = pq.read_table(export(tmp_path / "noisy.parquet"))
    assert after["label"].to_pylist() == ["cat", "dog", "cat"]
    for name in columns:
        assert after.schema.field(name).equals(before.schema.field(name)), name
        assert after[name].to_pylist() == before[name].to_pylist(), name


@pytest.mark.parametrize(
    "type_",
    [pa.string_view(), pa.large_string(), pa.dictionary(pa.int32(), pa.large_string()), pa.json_()],
    ids=str,
)
def test_a_label_in_any_type_of_text_keeps_it(export, tmp_path, type_):
    cells = pa.array(["cat", "cat", "cat"])
    if isinstance(type_, pa.BaseExtensionType):
        stored = pa.ExtensionArray.from_storage(type_, cells)
    else:
        stored = cells.dictionary_encode().cast(type_) if pa.types.is_dictionary(type_) else cells.cast(type_)
    pq.write_table(pa.table({"id": ["a", "b", "c"], "label": stored}), tmp_path / "noisy.parquet")
    after = pq.read_table(export(tmp_path / "noisy.parquet"))
    assert after["label"].to_pylist() == ["cat", "dog", "cat"]
    assert after["given_label"].to_pylist() == ["cat", "cat", "cat"]
    assert after.schema.field("label").type == pq.read_table(tmp_path / "noisy.parquet").schema.field("label").type


def test_titles_that_repeat_are_written_as_they_were(export, tmp_path):
    cells = [pa.array(["a", "b", "c"]), pa.array([1, 2, 3]), pa.array(["cat"] * 3), pa.array([4, 5, 6])]
    pq.write_table(pa.table(cells, names=["id", "x", "label", "x"]), tmp_path / "noisy.parquet")
    with pq.ParquetFile(export(tmp_path / "noisy.parquet")) as file:
        after = file.read()
    assert after.column_names == ["id", "x", "label", "x", "given_label"]
    assert [after.column(place).to_pylist() for place in (1, 2, 3)] == [[1, 2, 3], ["cat", "dog", "cat"], [4, 5, 6]]


@pytest.mark.parametrize("out", ["fixed.parquet", "fixed.csv"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_partition_columns_are_written_and_a_label_among_them_is_replaced(export, tmp_path, suffix, out):
    folder = tmp_path / "noisy" / "label=cat" / "country=de"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"id": ["a", "b"]}), folder / "0.parquet")
    if suffix == ".csv":
        (folder / "0.parquet").unlink()
        (folder / "0.csv").write_text("id\na\nb\n")
    written = open_table(export(tmp_path / "noisy", out, count=2))
    assert [row for chunk in written.scan() for row in chunk.batch.to_pylist()] == [
        {"id": "a", "label": "cat", "country": "de", "given_label": "cat"},
        {"id": "b", "label": "dog", "country": "de", "given_label": "cat"},
    ]
