"""Trusted rows find their noisy rows by id, or by exactly the same input."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from labelfix.data.content import content_keys
from labelfix.data.inputs import SelectedInputs
from labelfix.data.read import read_training
from labelfix.data.tables import InputSpec
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

N = 12
IDS = [f"k{i}" for i in range(N)]
TEXT = [f"the words of the sentence of row {chr(97 + i)}" for i in range(N)]
LABEL = ["x", "y"] * 6


def read(noisy, clean, rows=8192, **settings):
    as_table = [pa.table(t) if isinstance(t, dict) else t for t in (noisy, clean)]
    return read_training(*as_table, DataSettings(**settings), read_rows=rows)


def test_trusted_rows_leave_the_noisy_rows_and_keep_their_given_label():
    data = read({"id": IDS, "text": TEXT, "label": LABEL}, {"id": ["k3", "k0"], "label": ["x", "x"]}).data
    assert data.joined_by == "id"
    assert data.clean_in_noisy.tolist() == [3, 0]
    assert [data.classes.name(c) for c in data.paired_given] == ["y", "x"]
    assert data.noisy_rows.tolist() == [1, 2, *range(4, N)]


@pytest.mark.parametrize("rows", [1, 5, 8192])
def test_inputs_of_trusted_rows_come_from_the_noisy_file_in_the_trusted_order(rows):
    data = read({"id": IDS, "text": TEXT, "label": LABEL}, {"id": ["k9", "k0", "k4"], "label": ["x", "x", "y"]}).data
    assert data.clean.inputs is not None
    got = [text for batch in data.clean.inputs.batches(rows) for text in batch.column("text").to_pylist()]
    assert got == [TEXT[9], TEXT[0], TEXT[4]]


def test_many_selected_rows_are_given_in_order_over_several_passes():
    count = 9_000
    table = pa.table({"id": np.arange(count), "x": np.arange(count) * 0.5, "label": ["a", "b"] * (count // 2)})
    order = np.random.default_rng(0).permutation(count)[:8_500]
    data = read(table, {"id": order, "label": ["a", "b"] * 4_250}).data
    assert isinstance(data.clean.inputs, SelectedInputs)
    got = np.concatenate([batch.column("x").to_numpy() for batch in data.clean.inputs.batches(1_000)])
    np.testing.assert_array_equal(got, order * 0.5)


def test_ids_of_different_types_are_the_same_ids():
    noisy = {"id": list(range(N)), "text": TEXT, "label": LABEL}
    assert read(noisy, {"id": ["3", "0"], "label": ["x", "x"]}).data.clean_in_noisy.tolist() == [3, 0]
    assert read(noisy, {"id": [3.0, 0.0], "label": ["x", "x"]}).data.clean_in_noisy.tolist() == [3, 0]


def test_ids_with_leading_zeros_stay_different_ids(tmp_path):
    lines = [f"{i:03d},{text},{label}" for i, (text, label) in enumerate(zip(TEXT, LABEL, strict=True))]
    (tmp_path / "noisy.csv").write_text("\n".join(["id,text,label", *lines]))
    (tmp_path / "gold.csv").write_text("id,label\n003,x\n000,x\n")
    data = read(str(tmp_path / "noisy.csv"), str(tmp_path / "gold.csv")).data
    assert data.noisy.ids.to_pylist()[3] == "003"
    assert data.clean_in_noisy.tolist() == [3, 0]


def test_without_a_common_id_the_same_text_is_the_same_item_and_that_is_said():
    noisy = {"text": [*TEXT, TEXT[2]], "label": [*LABEL, "y"]}
    reading = read(noisy, {"text": [TEXT[2], "unheard of words in this sentence"], "label": ["x", "y"]})
    assert reading.data.joined_by == "content"
    assert reading.data.clean_in_noisy.tolist() == [2, -1]
    assert "joined by content, as noisy has no id column: 1 of 2 trusted rows stand in noisy" in reading.notes


def test_the_same_features_and_embeddings_join_across_precisions():
    sizes = np.linspace(0.1, 1, N)
    clean = {"size": sizes[[2, 5]].astype(np.float32), "kind": ["b", "a"], "label": ["x", "y"]}
    noisy = {"size": sizes, "kind": [("a", "b", None)[(i + 1) % 3 - 1] for i in range(N)], "label": LABEL}
    noisy["kind"][2], noisy["kind"][5] = "b", "a"
    assert read(noisy, clean).data.clean_in_noisy.tolist() == [2, 5]
    vectors = np.stack([sizes, -sizes], axis=1)
    ours = {"v": vectors.tolist(), "label": LABEL}
    theirs = {"v": pa.array(vectors[[7, 1]].astype(np.float32).tolist(), pa.list_(pa.float32())), "label": ["y", "y"]}
    assert read(ours, theirs).data.clean_in_noisy.tolist() == [7, 1]


def test_a_missing_value_is_the_same_as_a_missing_value_only():
    batch = pa.record_batch({"a": pa.array([None, 0.0], pa.float64()), "b": pa.array(["x", None])})
    keys = content_keys(batch, InputSpec("table", ("a", "b"))).to_pylist()
    assert len(set(keys)) == 2
    assert content_keys(batch, InputSpec("table", ("a", "b"))).to_pylist() == keys


def test_two_folders_of_images_join_by_content_because_paths_hold_the_label(tmp_path):
    for folder, label, shade in (
        ("noisy", "cat", 0),
        ("noisy", "dog", 50),
        ("noisy", "dog", 90),
        ("gold", "cat", 50),
        ("gold", "dog", 90),
    ):
        place = tmp_path / folder / label
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 6), (shade, 0, 0)).save(place / f"{shade}.png")
    reading = read(str(tmp_path / "noisy"), str(tmp_path / "gold"))
    assert reading.data.joined_by == "content"
    assert [reading.data.classes.name(c) for c in reading.data.paired_given] == ["dog", "dog"]
    assert [reading.data.classes.name(c) for c in reading.data.clean.codes] == ["cat", "dog"]


@pytest.mark.parametrize(
    "path",
    ["{0}/day/{1}.png", "noisy/{0}/day/{1}.png", "C:\\pictures\\noisy\\{0}\\day\\{1}.png", "./day/{1}.png", "{1}.png"],
)
def test_trusted_rows_name_images_of_a_folder_by_any_path_to_them(tmp_path, path):
    """`1.png` lies in two folders, and is found where the path says which."""
    found = [("cat", 20), ("dog", 50), ("dog", 90), ("cat", 120), ("dog", 1), ("cat", 1)]
    for label, shade in found:
        place = tmp_path / "noisy" / label / "day"
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 6), (shade, 0, len(label + str(place)))).save(place / f"{shade}.png")
    gold = {"photo": [path.format(*each) for each in found[:4]], "right": ["cat", "cat", "dog", "dog"]}
    reading = read(str(tmp_path / "noisy"), gold, clean_label_column="right")
    assert reading.data.joined_by == "id"
    assert [reading.data.classes.name(c) for c in reading.data.paired_given] == ["cat", "dog", "dog", "cat"]
    assert any("are taken from column 'photo'" in said for said in reading.notes)


def test_a_path_that_may_be_two_images_is_not_found(tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / "noisy" / label).mkdir(parents=True)
        for shade in (1, 2):
            Image.new("RGB", (6, 6), (shade, 0, len(label) * shade)).save(tmp_path / "noisy" / label / f"{shade}.png")
    with pytest.raises(InputError, match=r"2 more|'1.png'|\"1.png\""):
        read(str(tmp_path / "noisy"), {"id": ["1.png", "2.png"], "label": ["cat", "dog"]})


def test_trusted_ids_under_another_name_are_known_by_their_values():
    data = read({"id": IDS, "text": TEXT, "label": LABEL}, {"ticket": ["k3", "k0"], "label": ["x", "x"]}).data
    assert data.joined_by == "id"
    assert data.clean_in_noisy.tolist() == [3, 0]


def test_whole_numbers_under_another_name_are_no_ids():
    noisy = {"id": list(range(N)), "text": TEXT, "label": LABEL}
    data = read(noisy, {"stars": [5, 3], "text": [TEXT[0], TEXT[2]], "label": ["x", "x"]}).data
    assert data.joined_by == "content"
    assert data.clean_in_noisy.tolist() == [0, 2]


def test_trusted_rows_that_stand_nowhere_in_the_noisy_file_are_used_with_a_warning():
    clean = {
        "id": ["z1", "z2"],
        "text": ["new words of a first sentence", "new words of a second one"],
        "label": ["x", "y"],
    }
    reading = read({"id": IDS, "text": TEXT, "label": LABEL}, clean)
    assert reading.data.joined_by == "none"
    assert reading.data.clean_in_noisy.tolist() == [-1, -1]
    assert any("none of its 2 rows stands in noisy" in w.what for w in reading.warnings)


def test_trusted_rows_from_two_files_are_one_table():
    noisy = pa.table({"id": IDS, "text": TEXT, "label": LABEL})
    parts = [pa.table({"id": ["k1"], "label": ["y"]}), pa.table({"label": ["x"], "id": ["k2"]})]
    data = read_training(noisy, parts, DataSettings()).data
    assert data.clean_in_noisy.tolist() == [1, 2]
    assert data.clean.file_index.tolist() == [0, 1]
    assert data.clean.row_number.tolist() == [1, 1]


def test_changed_trusted_texts_are_used_and_warned_of():
    clean = {"id": IDS[:4], "text": [TEXT[0] + " corrected", *TEXT[1:4]], "label": LABEL[:4]}
    reading = read({"id": IDS, "text": TEXT, "label": LABEL}, clean)
    assert any(w.row == 1 and "another text than in noisy (1 such rows of 4)" in w.what for w in reading.warnings)
    assert reading.data.clean.inputs is not None
    assert next(reading.data.clean.inputs.batches(1)).column(0)[0].as_py().endswith("corrected")


def test_trusted_rows_of_one_text_with_two_labels_under_two_ids_are_a_warning():
    noisy = {"id": IDS, "text": [TEXT[0], *TEXT[:-1]], "label": LABEL}
    reading = read(noisy, {"id": ["k0", "k1"], "label": ["x", "y"]})
    assert any(w.row == 2 and 'has the input of row 1 but label "y" instead of "x"' in w.what for w in reading.warnings)


def test_a_trusted_file_larger_than_the_noisy_one_is_warned_of():
    many = {"text": [f"some words of the sentence number {i}" for i in range(20)], "label": ["x", "y"] * 10}
    reading = read({"text": TEXT, "label": LABEL}, many)
    assert any("holds more rows (20) than noisy (12)" in w.what for w in reading.warnings)


def labelled(count, shares):
    return [label for label, share in shares.items() for _ in range(round(count * share))]


def sampling_of(draw, **settings):
    rng = np.random.default_rng(1)
    given = np.array(labelled(4_000, {"a": 0.7, "b": 0.2, "c": 0.1}))
    if draw == "random":
        rows = rng.permutation(len(given))[:300]
    else:
        rows = np.concatenate([rng.permutation(np.flatnonzero(given == c))[:100] for c in "abc"])
    noisy = {"id": np.arange(len(given)), "x": rng.random(len(given)), "label": given}
    return read(noisy, {"id": rows, "label": given[rows]}, **settings)


def test_rows_drawn_at_random_and_per_class_are_told_apart_and_the_test_is_stated():
    for draw in ("random", "per-class"):
        reading = sampling_of(draw)
        assert reading.data.sampling == draw
        (note,) = [n for n in reading.notes if "taken as drawn" in n]
        assert "chance alone makes such a difference in " in note


def test_the_user_may_say_how_rows_were_drawn():
    reading = sampling_of("per-class", clean_sampling="random")
    assert reading.data.sampling == "random"
    assert any("as --clean-sampling says" in n for n in reading.notes)


def test_noise_alone_does_not_make_unpaired_random_rows_look_drawn_per_class():
    """True shares .5 .3 .2; every other "a" is given as "b", so the given shares are .25 .55 .2."""
    given = labelled(2_000, {"a": 0.25, "b": 0.55, "c": 0.2})
    truth = labelled(200, {"a": 0.5, "b": 0.3, "c": 0.2})
    rng = np.random.default_rng(0)
    reading = read({"x": rng.random(2_000), "label": given}, {"x": rng.random(200), "label": truth})
    assert reading.data.joined_by == "none"
    assert reading.data.sampling == "random"


def test_a_parquet_and_a_csv_file_join(tmp_path):
    pq.write_table(pa.table({"id": IDS, "text": TEXT, "label": LABEL}), tmp_path / "n.parquet")
    (tmp_path / "g.csv").write_text("id,label\nk5,y\nk6,x\n")
    reading = read(str(tmp_path / "n.parquet"), str(tmp_path / "g.csv"))
    assert reading.data.clean_in_noisy.tolist() == [5, 6]
    assert reading.noisy_source.content_hash() != reading.clean_source.content_hash()


def test_a_noisy_file_that_is_all_trusted_is_refused():
    with pytest.raises(InputError, match="nothing to learn"):
        read({"id": IDS, "text": TEXT, "label": LABEL}, {"id": IDS, "label": LABEL})
