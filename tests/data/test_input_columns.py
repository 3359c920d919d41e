"""Input columns arrive in the form the models expect, from whatever type and format they are stored in."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from labelfix.data.inputs import image_structs, number_lists
from labelfix.data.numbers import read_numbers
from labelfix.data.read import Reading, read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

N = 6
LABEL = ["x", "y"] * 3


def png(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (5, 5), (shade, shade, shade)).save(stream, "PNG")
    return stream.getvalue()


def read(noisy: dict[str, Any], clean: dict[str, Any] | None = None, **settings: Any) -> Reading:
    noisy = {"id": list(range(N)), "label": LABEL, **noisy}
    return read_training(
        pa.table(noisy), pa.table(clean or {"id": [0, 1], "label": LABEL[:2]}), DataSettings(**settings)
    )


def inputs(reading: Reading) -> pa.Table:
    assert reading.data.noisy.inputs is not None
    return pa.Table.from_batches(list(reading.data.noisy.inputs.batches(4)))


def test_batches_are_no_larger_than_asked_for_and_cover_every_row_in_order() -> None:
    reading = read({"size": np.arange(N) * 1.5})
    assert reading.data.noisy.inputs is not None
    sizes = [batch.num_rows for batch in reading.data.noisy.inputs.batches(4)]
    assert sizes == [4, 2]
    assert inputs(reading)["size"].to_pylist() == [0.0, 1.5, 3.0, 4.5, 6.0, 7.5]


def test_missing_numbers_and_categories_are_null_and_counted() -> None:
    reading = read({"size": [1.0, float("nan"), None, 2.0, 3.0, 4.0], "kind": ["a", "", None, "b", "a", " b "]})
    table = inputs(reading)
    assert table["size"].to_pylist() == [1.0, None, None, 2.0, 3.0, 4.0]
    assert table["kind"].to_pylist() == ["a", None, None, "b", "a", "b"]
    assert any("missing values: size 2, kind 2 (of 6 rows)" in note for note in reading.notes)


def test_numbers_of_every_type_are_float64() -> None:
    for array in (pa.array([1, 2], pa.int8()), pa.array([1.0, 2.0], pa.float32()), pa.array(["1", " 2.0 "])):
        assert read_numbers(array).type == pa.float64()
        assert read_numbers(array).to_pylist() == [1.0, 2.0]


def test_constant_features_are_warned_of() -> None:
    columns = {"size": np.arange(N) * 1.5, "same": [7] * N, "as well": [8] * N}
    (warning,) = [w for w in read(columns, feature_columns=tuple(columns)).warnings if "one value only" in w.what]
    assert warning.what.startswith("columns 'same', 'as well' hold one value only")


def test_a_constant_column_is_left_out_where_nobody_names_it() -> None:
    reading = read({"size": np.arange(N) * 1.5, "same": [7] * N})
    assert reading.columns.spec.columns == ("size",)
    assert "not used as features: same (constant)" in reading.notes


def test_a_few_empty_texts_are_warned_of_and_read_as_the_empty_string() -> None:
    texts = [f"the words of sentence {i} here" for i in range(N)]
    texts[2], texts[4] = "", None  # type: ignore[call-overload]
    reading = read({"text": texts}, text_column="text")
    assert inputs(reading)["text"].to_pylist()[2:5] == ["", "the words of sentence 3 here", ""]
    assert any(w.row == 3 and "column 'text' is empty (2 such rows)" in w.what for w in reading.warnings)


def test_digits_in_a_csv_text_column_keep_their_spelling(put: Callable[[str, str], str]) -> None:
    noisy = put("n.csv", "id,text,label\n1,007,x\n2,1e3,y\n3,12,x\n4,0.50,y\n")
    reading = read_training(noisy, put("g.csv", "id,label\n1,x\n2,y\n"), DataSettings(text_column="text"))
    assert inputs(reading)["text"].to_pylist() == ["007", "1e3", "12", "0.50"]


@pytest.mark.parametrize("type_", [pa.list_(pa.float64()), pa.list_(pa.float32(), 3), pa.large_list(pa.float16())])
def test_embeddings_are_fixed_size_lists_of_float32(type_: pa.DataType) -> None:
    rows = [[i, 0.5, -1.0] for i in range(N)]
    column = inputs(read({"embedding": pa.array(rows, type_)}))["embedding"]
    assert column.type == pa.list_(pa.float32(), 3)
    assert column.to_pylist() == rows


def test_embeddings_written_as_text_are_read(put: Callable[[str, str], str]) -> None:
    noisy = put("n.csv", 'id,v,label\n1,"[0.5, -1e-2]",x\n2,"[1,2]",y\n3,"[ .5 , 3. ]",x\n')
    reading = read_training(noisy, put("g.csv", "id,label\n1,x\n2,y\n"), DataSettings())
    assert inputs(reading)["v"].to_pylist() == [pytest.approx([0.5, -0.01]), [1.0, 2.0], [0.5, 3.0]]


def test_what_is_no_list_of_numbers_is_named_with_its_row(put: Callable[[str, str], str]) -> None:
    cells = [f'"[{i}, {i}]"' for i in range(12)]
    cells[3], cells[7], cells[9] = '"[1, two]"', "", '"[1, 2, 3]"'
    noisy = put("n.csv", "id,v,label\n" + "".join(f"{i},{c},{'xy'[i % 2]}\n" for i, c in enumerate(cells)))
    with pytest.raises(InputError) as caught:
        read_training(noisy, put("g.csv", "id,label\n1,y\n2,x\n"), DataSettings(embedding_column="v"))
    found = {d.row: d.what for d in caught.value.defects}
    assert found == {
        4: "column 'v' holds '[1, two]', no list of numbers",
        8: "column 'v' is empty",
        10: "column 'v' has 3 numbers where most rows have 2",
    }


def test_a_cell_that_is_no_list_does_not_disturb_its_neighbours() -> None:
    lists = number_lists(pa.array(["[1, 2]", "[x]", None, "", "[3]"]))
    assert lists.to_pylist() == [[1.0, 2.0], None, None, None, [3.0]]


def test_images_are_bytes_or_absolute_paths_and_never_both() -> None:
    both = pa.array([{"bytes": b"data", "path": "cat/1.png"}, {"bytes": None, "path": "cat/2.png"}])
    assert image_structs(both, "/root").to_pylist() == [
        {"bytes": b"data", "path": None},
        {"bytes": None, "path": "/root/cat/2.png"},
    ]
    assert image_structs(pa.array([b"data", None]), "/root").to_pylist()[0] == {"bytes": b"data", "path": None}
    assert image_structs(pa.array(["/abs/1.png", None]), "/root").to_pylist() == [
        {"bytes": None, "path": "/abs/1.png"},
        {"bytes": None, "path": None},
    ]


def test_image_paths_are_relative_to_the_table(tmp_path: Path, put: Callable[[str, str], str]) -> None:
    (tmp_path / "pictures").mkdir()
    for i in range(4):
        (tmp_path / "pictures" / f"{i}.png").write_bytes(png(i))
    noisy = put("n.csv", "id,file,label\n" + "".join(f"{i},pictures/{i}.png,{'xy'[i % 2]}\n" for i in range(4)))
    reading = read_training(noisy, put("g.csv", "id,label\n0,x\n1,y\n"), DataSettings())
    assert reading.columns.spec.kind == "image"
    assert inputs(reading)["file"].to_pylist()[3]["path"] == str(tmp_path / "pictures" / "3.png")


@pytest.mark.parametrize("kind", ["struct", "binary"])
def test_encoded_images_are_recognised(kind: str) -> None:
    data = [png(i) for i in range(N)]
    column = (
        pa.array(data) if kind == "binary" else pa.array([{"bytes": d, "path": f"cat/{i}"} for i, d in enumerate(data)])
    )
    reading = read({"picture": column})
    assert reading.columns.spec.kind == "image"
    assert inputs(reading)["picture"].to_pylist()[2] == {"bytes": data[2], "path": None}


def test_unreadable_images_can_be_left_out_and_keep_their_place() -> None:
    data = [png(i) for i in range(N)]
    data[1], data[3] = b"broken", data[3][:40]
    reading = read({"picture": pa.array(data)}, {"id": [0, 1, 2], "label": ["x", "y", "x"]}, skip_unreadable=True)
    noisy, clean = reading.data.noisy, reading.data.clean
    assert noisy.readable is not None
    assert noisy.readable.tolist() == [True, False, True, False, True, True]
    assert len(noisy) == N
    assert reading.data.noisy_rows.tolist() == [4, 5], "rows that are trusted or unreadable do not train as noisy ones"
    assert clean.ids.to_pylist() == [0, 2], "trusted row 1 has no image to learn from"
    assert [w.row for w in reading.warnings if "cannot be read" in w.what and w.row] == [2, 4]
    stand_in = inputs(reading)["picture"].to_pylist()[1]["bytes"]
    assert Image.open(io.BytesIO(stand_in)).size == (8, 8)
    assert clean.inputs is not None
    assert [i["bytes"] for b in clean.inputs.batches(9) for i in b.column(0).to_pylist()] == [data[0], data[2]]


def test_unreadable_images_of_the_trusted_file_itself_are_left_out(tmp_path: Path) -> None:
    data = [png(40 * i) for i in range(N)]
    clean = {"picture": pa.array([data[0], b"broken", data[2], data[1]]), "label": ["x", "y", "x", "y"]}
    reading = read({"picture": pa.array(data)}, clean, skip_unreadable=True)
    assert len(reading.data.clean) == 3
    assert reading.data.clean.row_number.tolist() == [1, 3, 4]
    assert reading.data.clean_in_noisy.tolist() == [0, 2, 1]


def test_no_readable_image_at_all_is_an_error_even_when_skipping() -> None:
    with pytest.raises(InputError, match="none of the images can be read"):
        read({"picture": pa.array([b"x"] * N)}, skip_unreadable=True, image_column="picture")


def test_infinite_and_missing_values_in_a_later_batch_are_found(tmp_path: Path) -> None:
    rows = np.ones((5_000, 4), np.float32)
    rows[4_321, 2] = np.nan
    rows[17, 0] = np.inf
    table = pa.table({"id": np.arange(5_000), "v": rows.tolist(), "label": ["x", "y"] * 2_500})
    pq.write_table(table, tmp_path / "n.parquet")
    for batch in (100, 8192):
        with pytest.raises(InputError) as caught:
            read_training(
                str(tmp_path / "n.parquet"),
                pa.table({"id": [0, 1], "label": ["x", "y"]}),
                DataSettings(),
                read_rows=batch,
            )
        assert {(d.row, d.what[-10:]) for d in caught.value.defects} == {(4322, "position 3"), (18, "position 1")}


def test_trusted_embeddings_of_another_width_are_refused() -> None:
    with pytest.raises(InputError, match="clean: column 'v' has 2 numbers in each row, and not 3 as in the noisy rows"):
        read({"v": [[0.0, 1.0, i] for i in range(N)]}, {"v": [[0.0, 1.0], [1.0, 0.0]], "label": ["x", "y"]})
