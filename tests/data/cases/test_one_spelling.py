"""A cell means the same whatever else stands in its file, and in every format."""

import datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfix.data.columns.roles import Columns
from labelfix.data.new_rows import open_rows
from labelfix.data.read import read_training
from labelfix.data.spelling import difference, folded, number_key, spell, spelled
from labelfix.data.tables import ClassNames, InputSpec
from labelfix.errors import InputError
from labelfix.settings.data import MISSING_WORDS, DataSettings

CLASSES = ClassNames(("no", "yes"))
SPEC = InputSpec("table", ("size", "kind"), ("kind",))
COLUMNS = Columns("id", "label", "id", "label", SPEC)


def features(source):
    """What the classifier reads of new rows."""
    (table,) = open_rows(source, CLASSES, COLUMNS, DataSettings(unlabelled=True)).blocks(100)
    assert table.inputs is not None
    return {name: column for batch in table.inputs.batches(100) for name, column in batch.to_pydict().items()}


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (pa.array(["True", "TRUE", "true", " false "]), ["true", "true", "true", "false"]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array(["1", "1.0", "1.00", "-3.0"]), ["1", "1", "1", "-3"]),
        (pa.array([1, 2], pa.int8()), ["1", "2"]),
        (pa.array([1.0, 2.5, float("nan"), None]), ["1", "2.5", None, None]),
        (pa.array([1e10, 12345678901.0, 1e22, 1e-5]), ["10000000000", "12345678901", str(10**22), "1e-05"]),
        (pa.array(["007", "2.50", "1e5", "1.", "v1.0"]), ["007", "2.50", "1e5", "1.", "v1.0"]),
        (pa.array([Decimal("5"), Decimal("5.50")]), ["5", "5.5"]),
        (pa.array(["cafe\u0301", "caf\u00e9", "ca\u200bf\u00e9\ufeff", "\u00a0caf\u00e9"]), ["café"] * 4),
        (pa.array(["\u22121", "\u22122.0", "a \u2212 1", "a\u22121"]), ["-1", "-2", "a \u2212 1", "a\u22121"]),
        (pa.array([datetime.date(2024, 1, 31)]), ["2024-01-31"]),
        (pa.array([], pa.string()), []),
    ],
)
def test_every_cell_has_one_spelling(cells, wanted):
    assert spelled(cells).to_pylist() == wanted


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_spelling_depends_on_its_cell_alone_and_is_its_own_spelling(left, right):
    together = spelled(pa.array([left, right], pa.string())).to_pylist()
    assert together == [spell(left), spell(right)]
    assert [spell(text) for text in together] == together


def test_numbers_meet_however_many_zeros_are_written():
    assert [number_key(text) for text in ("2.50", "02.5", "2.5", ".5", "100", "x", "1e5")] == [
        *["2.5"] * 3,
        *("0.5", "100", None, None),
    ]


@pytest.mark.parametrize(
    ("left", "right", "how"),
    [
        ("Cat", "cat", "case"),
        ("ice cream", "icecream", "spaces or hyphens"),
        ("Ice-Cream", "ice cream", "case and spaces"),
        ("\uff21", "A", "the Unicode form"),
        ("2.50", "2.5", "how the number is written"),
        ("cat", "dog", None),
    ],
)
def test_near_misses_are_named(left, right, how):
    assert difference(left, right) == how


def test_folded_texts_are_alike_where_people_would_say_so():
    assert folded("Stra\u00dfe 1") == folded("STRASSE\u00a01")


@pytest.mark.parametrize("with_unknown", [False, True])
def test_true_and_one_point_nought_are_the_same_category_in_any_batch(put, with_unknown):
    rows = ["a,1,True", "b,2,1.0", "c,3,2.50", *(["d,4,Unknown"] if with_unknown else [])]
    alone = features(put("new.csv", "\n".join(["id,size,kind", *rows]) + "\n"))
    assert alone["kind"][:3] == ["true", "1", "2.50"]


def test_a_category_is_the_same_in_csv_parquet_and_frames(put, tmp_path):
    text = "id,size,kind\na,1.5,True\nb,2.5,False\n"
    table = pa.table({"id": ["a", "b"], "size": [1.5, 2.5], "kind": [True, False]})
    pq.write_table(table, tmp_path / "new.parquet")
    found = [features(source) for source in (put("n.csv", text), str(tmp_path / "new.parquet"), table.to_pandas())]
    assert found == [{"size": [1.5, 2.5], "kind": ["true", "false"]}] * 3


def test_a_column_of_later_rows_is_read_as_the_run_reads_it_and_not_by_its_own_cells(put):
    # Every size here is a word and every kind a number: the run's column kinds hold.
    found = features(put("new.csv", "id,size,kind\na,?,1\nb,n/a,2\n"))
    assert found == {"size": [None, None], "kind": ["1", "2"]}


def test_an_optional_column_may_be_empty_in_a_small_batch(put):
    assert features(put("new.csv", "id,size,kind\na,,x\n")) == {"size": [None], "kind": ["x"]}
    assert features(put("new.csv", "id,size,kind\na,1,\n")) == {"size": [1.0], "kind": [None]}


def read(put, noisy, clean, **settings):
    return read_training(put("noisy.csv", noisy), put("gold.csv", clean), DataSettings(**settings))


def lines(labels):
    texts = [f"{i},the words of the sentence number {['one', 'two', 'three', 'four'][i % 4]} {i}" for i in range(99)]
    return "id,text,label\n" + "".join(f"{text},{label}\n" for text, label in zip(texts, labels, strict=False))


def said(reading):
    return "\n".join([*map(str, reading.warnings), *reading.notes])


def test_a_class_called_none_is_missing_in_csv_with_a_warning_that_says_how_to_keep_it(put):
    noisy, clean = lines(["None", "sport", "tech"] * 6), "id,label\n1,sport\n2,tech\n"
    reading = read(put, noisy, clean)
    (warning,) = [w for w in reading.warnings if "None" in w.what]
    assert "(6 rows" in warning.what
    assert '--missing ""' in warning.remedy
    assert reading.data.classes.names == ("sport", "tech")
    assert read(put, noisy, clean, missing="").data.classes.names == ("None", "sport", "tech")
    path = put("map.csv", "None,None\n")
    assert read(put, noisy, clean, class_map=path).data.classes.names == ("None", "sport", "tech")


def test_a_class_called_none_is_a_class_in_a_frame_and_null_is_not(put):
    frame = pd.DataFrame({"id": range(6), "text": [f"some words {i} of text" for i in range(6)]})
    frame["label"] = ["None", "sport", None, "None", "nan", "sport"]
    reading = read_training(frame, put("gold.csv", "id,label\n0,None\n1,sport\n"), DataSettings(text_column="text"))
    assert reading.data.classes.names == ("None", "nan", "sport")
    assert int(reading.data.noisy.labelled.sum()) == 5


def test_the_documented_words_are_those_of_the_setting():
    assert DataSettings().missing_words == frozenset(MISSING_WORDS)


def test_minus_one_beside_names_or_codes_is_no_label_and_said(put):
    for labels, clean in (
        (["-1", "cat", "dog"], "id,label\n1,cat\n2,dog\n"),
        (["-1", "0", "1"], "id,label\n1,0\n2,1\n"),
    ):
        reading = read(put, lines(labels * 6), clean)
        assert len(reading.data.classes.names) == 2
        assert int((~reading.data.noisy.labelled).sum()) == 6
        assert "-1 counts as" in said(reading)
        assert "(6 rows" in said(reading)


def test_minus_one_is_a_class_where_a_trusted_row_has_it(put):
    reading = read(put, lines(["-1", "0", "1"] * 6), "id,label\n0,-1\n1,0\n2,1\n")
    assert reading.data.classes.names == ("-1", "0", "1")
    assert "differ only" not in said(reading)


def test_grades_with_signs_are_not_called_alike_and_words_with_hyphens_are(put):
    assert "differ only" not in said(read(put, lines(["A", "A-", "B+", "B"] * 6), "id,label\n0,A\n1,A-\n"))
    alike = said(read(put, lines(["ice-cream", "ice cream", "Pie"] * 6), "id,label\n0,ice cream\n2,Pie\n"))
    assert '"ice cream" and "ice-cream" differ only in spelling' in alike


def test_labels_and_ids_meet_across_unicode_forms_and_what_is_stored_is_what_was_there(put):
    rows = (
        "e\u0301-1,the first text of all,caf\u00e9",
        "2.0,the second text of all,cafe\u0301",
        "3,third text here,bar",
    )
    noisy = "\n".join(["id,text,label", *rows]) + "\n"
    reading = read(put, noisy, "id,label\n\u00e9-1,caf\u00e9\n2,bar\n")
    assert reading.data.classes.names == ("bar", "café")
    assert reading.data.clean_in_noisy.tolist() == [0, 1]
    assert reading.data.noisy.ids.to_pylist() == ["e\u0301-1", "2.0", "3"]


@pytest.mark.parametrize(
    ("ours", "theirs", "how"),
    [
        (("abc-1", "abc-2"), ("ABC-2", "ABC-1"), "case"),
        (("00001", "00002"), ("2", "1"), "how the number is written"),
        (("6f9a-1", "6f9a-2"), ("{6F9A-2}", "{6F9A-1}"), "spelling"),
    ],
)
def test_ids_that_a_program_spells_in_its_own_way_meet_where_each_has_one_counterpart(put, ours, theirs, how):
    noisy = f"id,text,label\n{ours[0]},the first text of all,x\n{ours[1]},the second text of all,y\n"
    with pytest.raises(InputError, match="no labelled row that is not trusted") as caught:
        read(put, noisy, f"id,label\n{theirs[0]},y\n{theirs[1]},x\n")
    assert len(caught.value.defects) == 1
    reading = read(put, noisy + "zz,the third text of all,y\n", f"id,label\n{theirs[0]},y\n{theirs[1]},x\n")
    assert reading.data.clean_in_noisy.tolist() == [1, 0]
    assert any(f" in {how} (" in note for note in reading.notes)
    with pytest.raises(InputError, match='row 2: id "other" does not stand in'):
        read(put, noisy, f"id,label\n{theirs[0]},y\nother,x\n")


SPELLED = [
    (("f", "t"), ("No", "YES"), "by truth value"),
    (("0", "1"), ("n", "Y"), "by truth value"),
    (("0", "1"), ("Nein", "JA"), "by truth value"),
    (("false", "true"), ("FAUX", "VRAI"), "by truth value"),
    (("No", "S\u00ed"), ("false", "true"), "by truth value"),
    (("Food & Drink", "Ball-Sports"), ("food &amp; drink", "ball sports"), "though they are spelled differently"),
    (("LABEL_0", "LABEL_1"), ("0", "1"), "though they are spelled differently"),
    (("Sant\u00e9", "\u2764\ufe0f"), ("SANTE", "\u2764"), "though they are spelled differently"),
]


@pytest.mark.parametrize(("classes", "trusted", "how"), SPELLED)
def test_a_trusted_label_spelled_otherwise_is_its_class_where_one_alone_fits(put, classes, trusted, how):
    reading = read(put, lines([*classes] * 6), f"id,label\n0,{trusted[0]}\n1,{trusted[1]}\n")
    given = reading.data.paired_given.tolist()
    assert reading.data.clean.codes.tolist() == given
    assert any(f"labels are matched {how}" in note for note in reading.notes)


@pytest.mark.parametrize("word", ["ok", "OK", "unchanged", "no change", "\u2713"])
def test_a_word_that_stands_for_the_given_label_is_not_left_to_a_class_map(put, word):
    """A map to no label would drop the very rows whose label is right, and one to a class would give all that one."""
    trusted = "".join(f"{row},{word}\n" for row in range(4)) + "4,cat\n5,cat\n"
    with pytest.raises(InputError, match=f'where "{word}" says that the given label is right, write that label'):
        read(put, lines(["cat", "dog"] * 6), f"id,label\n{trusted}")
    assert read(put, lines(["cat", word] * 6), f"id,label\n{trusted}").data.classes.names == tuple(
        sorted(["cat", word])
    )


def test_ranges_and_grades_are_not_taken_for_each_other(put):
    for classes, other in ((("1-2", "3"), "12"), (("C", "D"), "C-"), (("C", "D"), "C++")):
        with pytest.raises(InputError, match="is not one of the 2 classes"):
            read(put, lines([*classes] * 6), f"id,label\n0,{classes[0]}\n1,{other}\n")


def test_yes_and_no_in_several_spellings_are_named(put):
    reading = read(put, lines(["yes", "no", "1", "0"] * 3), "id,label\n0,yes\n1,no\n")
    assert any('"1" and "yes"' in str(warning) and "--class-map" in str(warning) for warning in reading.warnings)


def test_a_trusted_label_in_another_case_is_its_class_where_one_alone_fits(put):
    reading = read(put, lines(["cat", "dog"] * 6), "id,label\n0,Cat\n1,DOG\n")
    assert reading.data.clean.codes.tolist() == [0, 1]
    assert any("labels are matched without regard to case (Cat = cat, DOG = dog)" in note for note in reading.notes)
    with pytest.raises(InputError, match='label "CAT".*it differs from "(cat|Cat)" only in case'):
        read(put, lines(["cat", "Cat", "dog"] * 6), "id,label\n0,CAT\n1,dog\n")


def test_ids_that_stand_side_by_side_in_two_spellings_are_two_ids(put):
    noisy = "id,text,label\n1,the first text of all,x\n1.0,the second text of all,y\n2,the third text of all,y\n"
    reading = read(put, noisy, "id,label\n1.0,y\n2.0,y\n")
    assert reading.data.clean_in_noisy.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (("00001", "00002", "00003"), ("00002", "1", "00003")),
        (("doc_1.txt", "doc_2.txt", "doc_3.txt"), ("doc_2", "doc_1", "doc_3")),
        (("https://e.com/a", "https://e.com/b", "https://e.com/c"), ("http://e.com/b/", "www.e.com/a", "e.com/c")),
        (("x/a 1.png", "x/b 2.png", "x/c 3.png"), ("x/b%202.png", "a 1", "c 3")),
    ],
)
def test_ids_of_which_only_some_are_rewritten_meet_too(put, ours, theirs):
    rows = "".join(f"{name},the {name} text of all,{'xy'[i % 2]}\n" for i, name in enumerate((*ours, "zz", "qq")))
    trusted = "".join(f"{name},{'xy'[i % 2]}\n" for i, name in enumerate(theirs))
    reading = read(put, f"id,text,label\n{rows}", f"id,label\n{trusted}")
    assert reading.data.clean_in_noisy.tolist() == [1, 0, 2]


def test_an_id_that_is_like_two_others_is_none_of_them(put):
    noisy = "id,text,label\nA-1,the first text of all,x\na_1,the second text of all,y\nb,the third text of all,y\n"
    with pytest.raises(InputError, match='id "A1" does not stand in'):
        read(put, noisy, "id,label\nA1,x\nb,y\n")
