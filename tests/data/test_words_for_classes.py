"""Words for each class are read with every defect named."""

import pytest

from labelfix.data.labels.class_descriptions import read_class_descriptions
from labelfix.data.tables import ClassNames
from labelfix.errors import InputError

CLASSES = ClassNames(("0", "1", "sports"), aliases=(("Sport", "sports"), ("n/a", "")))


def read(folder, text):
    path = folder / "words.csv"
    path.write_text(text, encoding="utf-8")
    return read_class_descriptions(str(path), CLASSES)


@pytest.mark.parametrize("header", ["class,words\n", "Class, Words\n", ""])
def test_words_come_in_class_order(header, tmp_path):
    text = f'{header}Sport,"games, matches and players"\n1.0, the economy \n\n0,world affairs\n'
    assert read(tmp_path, text) == ("world affairs", "the economy", "games, matches and players")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,a\n1,b\n", "words.csv: has no words for the classes sports"),
        ("0,a\n1,b\nsports,\n", "row 3: has no words for the class 'sports'"),
        ("0,a\n1,b\nsport,c\n", "row 3: names 'sport', which is not one of the classes"),
        ("0,a\n0,b\n1,b\nsports,c\n", "row 2: describes the class '0' once more"),
        ("0,a,b\n1,b\nsports,c\n", "row 1: has 3 cells"),
        ("n/a,a\n0,a\n1,b\nsports,c\n", "row 1: names 'n/a', which is not one of the classes"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(text, message, tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="words.csv"):
        read_class_descriptions(str(tmp_path / "words.csv"), CLASSES)
