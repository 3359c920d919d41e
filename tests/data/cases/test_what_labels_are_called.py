"""Labels that no name tells: the one column of few values, numbered classes, shares, several in one cell."""

import random
from collections.abc import Callable

import pytest

from labelfix.data.read import read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

Put = Callable[[str, str], str]
ROWS = [(f"r{i}", f"the text number {i} of all of them", ("cat", "dog")[i % 2]) for i in range(30)]


@pytest.fixture
def put(tmp_path):
    def write(name, text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def read(put, noisy, gold, **settings):
    return read_training(put("noisy.csv", noisy), put("gold.csv", gold), DataSettings(**settings))  # type: ignore[arg-type]


GOLD = "id,label\n" + "".join(f"{id_},{label}\n" for id_, _, label in ROWS[:8])


def test_the_one_column_of_few_values_in_both_files_is_the_label(put):
    noisy = "review,mood\n" + "".join(f"{text},{label}\n" for _, text, label in ROWS)
    gold = "".join(noisy.splitlines(keepends=True)[:9])
    reading = read(put, noisy, gold)
    assert reading.columns.label == reading.columns.clean_label == "mood"
    assert any("'mood' is the label, the one column of few different values" in note for note in reading.notes)


def test_of_two_such_columns_the_user_chooses(put):
    noisy = "review,mood,tone\n" + "".join(f"{text},{label},{label}x\n" for _, text, label in ROWS)
    with pytest.raises(InputError, match="mood, tone look like labels"):
        read(put, noisy, "".join(noisy.splitlines(keepends=True)[:9]))


def test_a_trusted_label_is_the_numbered_class_of_its_name(put):
    numbered = {"cat": "001.cat", "dog": "002.dog"}
    noisy = "id,text,label\n" + "".join(f"{id_},{text},{numbered[label]}\n" for id_, text, label in ROWS)
    assert read(put, noisy, GOLD).data.clean.codes.tolist() == [0, 1] * 4


def test_numbered_classes_of_one_name_are_not_guessed(put):
    numbered = {"cat": "1.cat", "dog": "2.cat"}
    noisy = "id,text,label\n" + "".join(f"{id_},{text},{numbered[label]}\n" for id_, text, label in ROWS)
    with pytest.raises(InputError, match='label "cat" .* is not one of the 2 classes'):
        read(put, noisy, GOLD)


def test_shares_are_no_labels(put):
    share = {"cat": "0.8,0.2", "dog": "0.3,0.7"}
    noisy = "id,text,p_cat,p_dog\n" + "".join(f"{id_},{text},{share[label]}\n" for id_, text, label in ROWS)
    with pytest.raises(InputError, match="p_cat, p_dog hold shares that add up to 1 in each row"):
        read(put, noisy, GOLD)
    with pytest.raises(InputError, match='no source says "cat", "dog", which only trusted rows have: they say "0'):
        read(put, noisy, GOLD, label_columns=("p_cat", "p_dog"))


def test_a_few_lists_among_labels_are_told(put):
    cells = [f'"[""{label}"", ""dog""]"' if i == 20 else f'"[""{label}""]"' for i, (_, _, label) in enumerate(ROWS)]
    noisy = "id,text,label\n" + "".join(f"{r[0]},{r[1]},{cell}\n" for r, cell in zip(ROWS, cells, strict=True))
    warnings = [warning.what for warning in read(put, noisy, GOLD).warnings]
    assert any("holds several labels in 1 row" in what for what in warnings)


def test_totals_between_the_rows_and_the_end_of_a_disk_are_none(put):
    lines = [f"{id_},{i * 7 % 17},{label}" for i, (id_, _, label) in enumerate(ROWS)]
    lines[20:20] = ["Subtotal,190,"]
    lines[10:10] = ["Subtotal,45,"]
    reading = read(put, "\n".join(["id,size,label", *lines, "Total,435,", "\x1a"]), GOLD)
    assert len(reading.data.noisy) == 30
    assert any("rows of totals between the rows, which are passed over: 2" in note for note in reading.notes)


def test_a_part_without_a_byte_is_passed_over_and_replaced_files_of_delta_are_refused(put, tmp_path):
    table = "id,text,label\n" + "".join(",".join(row) + "\n" for row in ROWS)
    put("out/part-0.csv", table)
    put("out/part-1.csv", "")
    gold = put("gold.csv", GOLD)
    assert len(read_training(str(tmp_path / "out"), gold, DataSettings()).data.noisy) == 30
    (tmp_path / "out" / "_delta_log").mkdir()
    (tmp_path / "out" / "_delta_log" / "0.json").write_text('{"remove": {"path": "part-0.csv"}}\n')
    with pytest.raises(InputError, match="Delta Lake, in which some files have been replaced"):
        read_training(str(tmp_path / "out"), gold, DataSettings())


@pytest.mark.parametrize(
    ("log", "text", "whose"),
    [
        ("metadata/2.metadata.json", '{"snapshots": [{"summary": {"operation": "%s"}}]}', "Iceberg"),
        (".hoodie/2.commit", '{"partitionToWriteStats": {"": [{"prevCommit": "%s"}]}}', "Hudi"),
    ],
)
@pytest.mark.parametrize("given", ["table", "table/data", "table/data/*.csv"])
def test_files_that_a_log_says_are_replaced_are_refused_however_they_are_named(put, tmp_path, log, text, whose, given):
    (tmp_path / "table").mkdir()
    put("table/data/part-0.csv", "id,text,label\n" + "".join(",".join(row) + "\n" for row in ROWS))
    gold = put("gold.csv", GOLD)
    put(f"table/{log}", text % ("append" if whose == "Iceberg" else "null"))
    assert len(read_training(str(tmp_path / given), gold, DataSettings()).data.noisy) == 30
    put(f"table/{log}", text % ("overwrite" if whose == "Iceberg" else "20240131"))
    with pytest.raises(InputError, match=f"is a table of {whose}, in which some files have been replaced"):
        read_training(str(tmp_path / given), gold, DataSettings())


@pytest.mark.parametrize("parts", [2, 3])
def test_versions_of_a_table_that_lie_side_by_side_are_told(put, tmp_path, parts):
    table = [f"{text},{label}\n" for _, text, label in ROWS]
    for part in range(parts):
        labels = [f"{ROWS[i][1]},cat\n" if i == part else line for i, line in enumerate(table)]
        put(f"n/data_v{part}.csv", "text,label\n" + "".join(labels))
    gold = put("gold.csv", "text,label\n" + "".join(table[:8]))
    told = "rows stand again further down in the same order"
    assert told in "".join(map(str, read_training(str(tmp_path / "n"), gold, DataSettings()).warnings))
    put("n/data_v0.csv", "text,label\n" + "".join(table[:10]))
    put("n/data_v1.csv", "text,label\n" + "".join([*table[10:], *table[5:1:-1]]))
    if parts == 2:
        assert told not in "".join(map(str, read_training(str(tmp_path / "n"), gold, DataSettings()).warnings))


def test_rows_that_are_alike_by_chance_and_a_few_of_another_day_are_not(put):
    draw = random.Random(0)
    by_chance = [draw.randrange(100) for _ in range(240)]
    for kinds in (by_chance, [*range(300), *range(60)]):
        lines = [f"kind {kind} of texts,{('cat', 'dog')[i % 2]}\n" for i, kind in enumerate(kinds)]
        reading = read(put, "text,label\n" + "".join(lines), "text,label\nkind 1 of texts,cat\nkind 2 of texts,dog\n")
        assert "rows stand again" not in "".join(map(str, reading.warnings))


def test_columns_that_never_vary_are_no_votes(put):
    lines = "".join(f'{id_},100,1,"{{""label"": ""{label}""}}"\n' for id_, _, label in ROWS)
    with pytest.raises(InputError, match="'attributes' holds lists or objects; write what is the label in there"):
        read(put, "name,size,count,attributes\n" + lines, GOLD)
