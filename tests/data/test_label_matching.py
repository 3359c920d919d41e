"""Labels of both files become codes of one list of classes, however they are written."""

import datasets
import pyarrow as pa
import pytest

from labelfix.data.read import read_training
from labelfix.data.tables import ClassNames
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings


def read(noisy, clean, **settings):
    count = len(noisy)
    ours = pa.table({"id": [f"k{i}" for i in range(count)], "x": [0.1 * i for i in range(count)], "label": noisy})
    theirs = pa.table({"id": [f"k{i}" for i in range(len(clean))], "label": clean})
    return read_training(ours, theirs, DataSettings(**settings))


def labels(reading):
    name = reading.data.classes.name
    return [name(c) for c in reading.data.noisy.codes], [name(c) for c in reading.data.clean.codes]


def test_classes_stand_in_natural_order():
    assert read(["c10", "c2", "c1"] * 3, ["c2", "c10"]).data.classes.names == ("c1", "c2", "c10")
    assert read([10, 2, -3] * 3, [2, 10]).data.classes.names == ("-3", "2", "10")
    assert read([True, False] * 3, [True, False]).data.classes.names == ("false", "true")


@pytest.mark.parametrize(
    ("noisy", "clean"),
    [
        ([1, 2] * 4, ["1", "2"]),
        ([1, 2] * 4, [1.0, 2.0]),
        ([1, 2] * 4, ["1.0", "2.0"]),
        ([1.0, 2.0] * 4, [1, 2]),
        (["1", "2"] * 4, [1, 2]),
        (["1.0", "2.0"] * 4, ["1", "2"]),
        (["01", "02"] * 4, [1, 2]),
        ([True, False] * 4, ["True", "False"]),
        ([True, False] * 4, [1, 0]),
        ([True, False] * 4, ["1.0", "0"]),
        (["TRUE", "FALSE"] * 4, [True, False]),
        ([1, 0] * 4, [True, False]),
        ([1, 0] * 4, ["true", "false"]),
        (pa.array([1, 2] * 4).dictionary_encode(), pa.array(["1", "2"]).dictionary_encode()),
        ([" a", "b "] * 4, ["a", "b"]),
    ],
)
def test_the_same_class_in_another_type_is_the_same_class(noisy, clean):
    reading = read(noisy, clean)
    assert len(reading.data.classes) == 2
    assert reading.data.clean.codes.tolist() == reading.data.noisy.codes[:2].tolist()


def test_a_whole_number_is_one_class_however_it_is_written():
    assert read(["1", "1.0", "2", "2.0"], ["1", "2.0"]).data.classes.names == ("1", "2")


def test_codes_with_zeros_are_classes_of_their_own_and_said_to_be_alike():
    reading = read(["250.1", "250.10", "007", "7"], ["250.1", "7"])
    assert reading.data.classes.names == ("007", "7", "250.1", "250.10")
    assert any('"250.1" and "250.10" differ only in spelling' in w.what for w in reading.warnings)


def test_empty_cells_and_null_are_no_label_and_such_rows_are_kept():
    reading = read(["a", "b", "", None, "a"], ["a", "b"])
    assert labels(reading)[0] == ["a", "b", None, None, "a"]
    assert reading.data.noisy_rows.tolist() == [4]


def test_nan_among_numbers_is_no_label():
    assert labels(read([1.0, 2.0, float("nan"), 1.0], [1, 2]))[0] == ["1", "2", None, "1"]


def test_a_word_like_na_is_a_class_where_the_class_map_says_so(put):
    path = put("map.csv", "alias,class\nNA,Namibia\nCH,Switzerland\n")
    reading = read(["NA", "CH", "NA", "CH"], ["Namibia", "CH"], class_map=path)
    assert labels(reading) == (["Namibia", "Switzerland"] * 2, ["Namibia", "Switzerland"])


def test_the_class_map_merges_spellings_and_can_take_labels_away(put):
    path = put("map.csv", "kitty;cat\nCat;cat\nunsure;\n")
    reading = read(["kitty", "Cat", "cat", "dog", "unsure", "cat"], ["cat", "Cat", "kitty", "dog"], class_map=path)
    assert labels(reading) == (["cat", "cat", "cat", "dog", None, "cat"], ["cat", "cat", "cat", "dog"])
    assert reading.data.classes.aliases == (("Cat", "cat"), ("kitty", "cat"), ("unsure", ""))


def test_classes_that_only_the_map_knows_are_classes():
    # Without the map the trusted label "owl" would be none of the classes.
    with pytest.raises(InputError, match='label "owl" is not one of the 2 classes'):
        read(["cat", "dog"] * 3, ["cat", "owl"])


def test_a_class_of_the_map_may_stand_in_the_trusted_file_alone(put):
    reading = read(["cat", "dog"] * 3, ["cat", "owl"], class_map=put("map.csv", "alias,class\nbird,owl\n"))
    assert reading.data.classes.names == ("cat", "dog", "owl")
    assert any('no row has class "owl"' in warning.what for warning in reading.warnings)


def test_hugging_face_class_labels_are_known_by_name_and_by_number():
    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "x": datasets.Value("float64"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
        }
    )
    noisy = datasets.Dataset.from_dict(
        {"id": [1, 2, 3, 4, 5], "x": [0.1, 0.4, 0.2, 0.5, 0.7], "label": [0, 1, -1, 1, 0]}, features=features
    )
    for clean in (["yes", "no"], [1, 0]):
        reading = read_training(noisy, pa.table({"id": [2, 1], "label": clean}), DataSettings())
        assert labels(reading) == (["no", "yes", None, "yes", "no"], ["yes", "no"])
        assert [reading.data.classes.value(c) for c in (0, 1, -1)] == [0, 1, None]


def test_a_trusted_dataset_with_names_matches_numbers_by_the_number():
    features = datasets.Features({"id": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    clean = datasets.Dataset.from_dict({"id": ["k0", "k1"], "label": [0, 1]}, features=features)
    ours = pa.table({"id": ["k0", "k1", "k2", "k3"], "x": [0.1, 0.2, 0.4, 0.3], "label": [0, 1, 0, 1]})
    assert labels(read_training(ours, clean, DataSettings()))[1] == ["0", "1"]


@pytest.mark.parametrize(
    ("noisy", "type_", "values"),
    [
        ([3, 7] * 3, "integer", [3, 7]),
        ([3.0, 7.0] * 3, "float", [3.0, 7.0]),
        ([True, False] * 3, "boolean", [False, True]),
        (["03", "7"] * 3, "string", ["03", "7"]),
    ],
)
def test_a_code_is_written_back_in_the_type_of_the_noisy_file(noisy, type_, values):
    classes = read(noisy, noisy[:2]).data.classes
    assert classes.value_type == type_
    written = [classes.value(code) for code in range(2)]
    assert written == values
    assert [type(v) for v in written] == [type(v) for v in values]


def test_merged_integers_are_written_back_as_the_most_frequent_one(put):
    reading = read([0, 1, 2, 2, 1, 2], [0, 1], class_map=put("map.csv", "1,dog\n2,dog\n0,cat\n"))
    assert reading.data.classes.names == ("cat", "dog")
    assert [reading.data.classes.value(c) for c in (0, 1)] == [0, 2]


def test_classes_come_back_from_json(put):
    classes = read([0, 1, 2, 2, 1, 2], [0, 1], class_map=put("map.csv", "1,dog\n2,dog\n0,cat\n")).data.classes
    assert ClassNames.from_json(classes.to_json()) == classes


def test_classes_that_differ_in_case_only_are_warned_of():
    warnings = [w.what for w in read(["Cat", "cat", "dog", "Cat"], ["cat", "dog"]).warnings]
    assert 'classes "Cat" and "cat" differ only in spelling' in warnings


def test_imbalance_and_classes_without_trusted_rows_are_warned_of():
    reading = read(["a"] * 100 + ["b"] * 4 + ["c"] * 30, ["a", "a"])
    said = [str(w) for w in reading.warnings]
    assert any('"a" has 100 rows, "b" has 4 (2.99%)' in line for line in said)
    assert any('clean: no trusted row has classes "b", "c"' in line for line in said)


def test_unknown_labels_are_one_error_with_their_rows_and_the_nearest_classes():
    with pytest.raises(InputError) as caught:
        read(["cat", "dog"] * 10, ["cat", "cow", "cow", "hen", "cow", "dogg", "dogg", "x1", "x2", "x3", "x3"])
    (line,) = [str(defect) for defect in caught.value.defects if defect.severity == "error"]
    assert line.startswith(
        'clean, row 2: label "cow" (3 rows) is not one of the 2 classes (cat, dog), nor are "hen", '
        '"dogg" (2 rows; nearest: dog), "x1", "x2" and 1 more (2 rows); fix it or pass --class-map'
    )


def test_a_few_labels_with_a_bar_in_them_are_labels():
    noisy = ["R&D | lab", "sales", "R&D | lab", "sales", "finance", "R&D | lab"]
    assert len(read(noisy, ["sales", "finance"][:1] * 2).data.classes) == 3


def test_numbers_with_few_values_are_classes():
    assert read([0.5, 1.0, 1.5] * 10, [0.5, 1.0]).data.classes.names == ("0.5", "1", "1.5")
