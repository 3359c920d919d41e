"""The hash of the inputs sees every value and nothing else; windows are always the same."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_table import MemoryTable, embedding_table, feature_table, image_table, png, random_images, text_table

from labelfix.data.tables import InputSpec
from labelfix.errors import InputError
from labelfix.models.contents import contents_hash, windows
from labelfix.progress import Silent


def hash_of(table, read_rows=8192):
    return contents_hash(table, read_rows, Silent())


@given(st.lists(st.one_of(st.none(), st.text(max_size=5)), min_size=1, max_size=12), st.integers(1, 12))
def test_the_hash_of_texts_does_not_depend_on_the_rows_read_at_once(texts, read_rows):
    assert hash_of(text_table(texts), read_rows) == hash_of(text_table(texts))


@given(
    st.lists(st.text(alphabet="ab", max_size=3), max_size=6), st.lists(st.text(alphabet="ab", max_size=3), max_size=6)
)
def test_texts_have_the_same_hash_only_if_they_are_the_same(left, right):
    assert (hash_of(text_table(left)) == hash_of(text_table(right))) == (left == right)


def test_a_missing_value_is_not_an_empty_or_a_zero_one():
    assert hash_of(text_table([None])) != hash_of(text_table([""]))
    assert hash_of(feature_table({"a": [None]})) != hash_of(feature_table({"a": [0.0]}))


def test_every_number_and_category_counts():
    base = {"a": [1.0, 2.0, None], "b": ["x", None, "y"]}
    changed = [{**base, "a": [1.0, 2.5, None]}, {**base, "b": ["x", "y", None]}, {**base, "b": ["xy", None, ""]}]
    hashes = {hash_of(feature_table(columns, ("b",))) for columns in [base, *changed]}
    assert len(hashes) == 4
    assert hash_of(feature_table(base, ("b",)), 2) == hash_of(feature_table(base, ("b",)))


def test_embeddings_hash_by_their_values_whatever_the_slicing():
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    table = embedding_table(rows)
    sliced = MemoryTable(table.spec, embedding_table(np.vstack([rows[:1], rows])).rows.slice(1))
    assert hash_of(sliced, 1) == hash_of(table)
    assert hash_of(embedding_table(rows[::-1])) != hash_of(table)


def test_sliced_texts_hash_as_themselves():
    sliced = MemoryTable(InputSpec("text", ("text",)), text_table(["skipped", "a", "bc", "left out"]).rows.slice(1, 2))
    assert hash_of(sliced) == hash_of(text_table(["a", "bc"]))


def test_an_image_file_and_the_same_bytes_in_the_table_are_one(tmp_path):
    images = [png(pixels) for pixels in random_images(3, 8)]
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, data in zip(paths, images, strict=True):
        path.write_bytes(data)
    assert hash_of(image_table(paths), 2) == hash_of(image_table(images))
    assert hash_of(image_table(images[::-1])) != hash_of(image_table(images))


@pytest.mark.parametrize("missing", [True, False])
def test_an_image_that_is_not_there_is_named_with_its_row(tmp_path, missing):
    image = tmp_path / "gone.png" if missing else None
    with pytest.raises(InputError, match=r"noisy, row 2: .*(cannot be read|no image)"):
        hash_of(image_table([png(random_images(1, 8)[0]), image]))


@pytest.mark.parametrize("read_rows", [1, 3, 4, 5, 100])
def test_windows_have_the_same_rows_whatever_is_read_at_once(read_rows):
    table = feature_table({"a": [float(i) for i in range(10)]})
    found = [batch.column(0).to_pylist() for batch in windows(table, 4, read_rows)]
    assert found == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_large_string_column_hashes_like_a_string_column():
    table = text_table(["a", None, "ü"])
    large = MemoryTable(table.spec, table.rows.cast(pa.schema([("text", pa.large_string())])))
    assert hash_of(large) == hash_of(table)
