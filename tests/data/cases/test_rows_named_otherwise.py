"""Trusted rows that no id names: by several columns, by a column of another name, by texts that were rewritten."""

from collections.abc import Callable

import pytest

from labelfix.data.read import read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

TEXTS = [f"the {word} text of all of them" for word in ("first", "second", "third", "fourth", "fifth", "sixth")]
Put = Callable[[str, str], str]


@pytest.fixture
def put(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def read(put, noisy, gold):
    return read_training(put("noisy.csv", noisy), put("gold.csv", gold), DataSettings())


def table(head, rows):
    return head + "\n" + "\n".join(rows) + "\n"


KEYED = table("doc,part,text,label", [f"d{i // 2},{i % 2},{text},{'xy'[i % 2]}" for i, text in enumerate(TEXTS)])


def test_several_columns_together_say_which_row_is_meant(put):
    reading = read(put, KEYED, "part,doc,label\n1,d1,x\n0,d2,y\n")
    assert reading.data.clean_in_noisy.tolist() == [3, 4]
    assert any("'part' and 'doc' say which row of" in note for note in reading.notes)


def test_columns_that_leave_it_open_name_no_row(put):
    with pytest.raises(InputError, match="carries neither ids nor inputs"):
        read(put, KEYED, "doc,label\nd1,x\nd2,y\n")


def test_a_text_under_another_name_says_which_row_is_meant(put):
    noisy = table("review,label", [f"{text},{'xy'[i % 2]}" for i, text in enumerate(TEXTS)])
    reading = read(put, noisy, f"sentence,label\n{TEXTS[4]},y\n{TEXTS[1]},x\n")
    assert reading.data.clean_in_noisy.tolist() == [4, 1]


def test_ids_of_another_column_of_the_noisy_file_are_found(put):
    rows = [f"{i},k-{i}f,{text},{'xy'[i % 2]}" for i, text in enumerate(TEXTS)]
    reading = read(put, table("id,uuid,text,label", rows), "id,label\nk-4f,y\nk-1f,x\n")
    assert reading.data.clean_in_noisy.tolist() == [4, 1]
    assert any("'id' ('uuid' in" in note for note in reading.notes)


def test_texts_that_were_rewritten_as_a_whole_meet(put):
    noisy = table("text,label", [f"{text.title()} &amp; more!,{'xy'[i % 2]}" for i, text in enumerate(TEXTS)])
    reading = read(put, noisy, f"text,label\n{TEXTS[4]} & more,y\n{TEXTS[1]} & more,x\n")
    assert reading.data.clean_in_noisy.tolist() == [4, 1]
    assert any("but for case, punctuation, spaces or HTML" in note for note in reading.notes)


def test_a_trusted_table_with_row_numbers_of_its_own_is_refused(put):
    rows = [f"{i},{i * 1.5},{'ab'[i % 2]},{'xy'[i % 2]}" for i in range(20)]
    own = [row.partition(",")[2] for row in rows[10:]]
    gold = [f"{i},{row}" for i, row in enumerate(own)]
    with pytest.raises(InputError, match="has other inputs than in .*, which has these in another row"):
        read(put, table("id,size,kind,label", rows), table("id,size,kind,label", gold))
    rounded = [f"{i},{i * 1.5 + 0.01},{'ab'[i % 2]},{'xy'[i % 2]}" for i in range(10)]
    reading = read(put, table("id,size,kind,label", rows), table("id,size,kind,label", rounded))
    assert reading.data.clean_in_noisy.tolist() == list(range(10))


def test_many_lost_ids_are_one_message(put):
    rows = [f"r{i},{text},{'xy'[i % 2]}" for i, text in enumerate(TEXTS)]
    gold = [f"r{i},{'xy'[i % 2]}" for i in (*range(4), *range(20, 40))]
    with pytest.raises(InputError) as caught:
        read(put, table("id,text,label", rows), table("id,label", gold))
    (defect,) = caught.value.defects
    assert 'id "r20" does not stand in' in defect.what
    assert 'nor do 19 more of its 24 ("r21" in row 6' in defect.what


@pytest.mark.parametrize("title", ["rowid", "Row ID", "ItemID", "ID:"])
def test_ids_are_found_in_both_files_however_their_name_is_spelled(put, title):
    noisy = table(f"{title},text,label", [f"{50 + i},{text},{'xy'[i % 2]}" for i, text in enumerate(TEXTS)])
    reading = read(put, noisy, f"{title},label\n53,x\n51,y\n")
    assert reading.data.clean_in_noisy.tolist() == [3, 1]
