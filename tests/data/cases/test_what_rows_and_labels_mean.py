"""Files that read well and mean something else: rows taken out, ids of another table, classes in another order."""

import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from labelfix.data.annotations.argilla import of_flat
from labelfix.data.formats import open_table
from labelfix.data.read import read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

N = 60
TOPICS = ("sport", "food", "tech")
LABELS = [TOPICS[i % 3] for i in range(N)]
IDS = [f"r{i}" for i in range(N)]
TEXTS = [f"some words of text number {i} on {LABELS[i]}" for i in range(N)]
NOISY = {"id": IDS, "text": TEXTS, "label": LABELS}
GOLD = {"id": IDS[:30], "label": LABELS[:30]}


def read(noisy=NOISY, clean=GOLD, **settings):
    tables = [pa.table(given) if isinstance(given, dict) else given for given in (noisy, clean)]
    return read_training(*tables, DataSettings(**settings))


def refused(noisy=NOISY, clean=GOLD, **settings):
    with pytest.raises(InputError) as caught:
        read(noisy, clean, **settings)
    return str(caught.value)


def warned(reading):
    return "\n".join(map(str, reading.warnings))


def put(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return path


def rows(path):
    return [row for chunk in open_table(path).scan() for row in chunk.batch.to_pylist()]


# Rows


@pytest.mark.parametrize(("first", "kept"), [("r{}", 19), ("word", 20), ("some words {}", 20)])
def test_rows_taken_out_with_a_mark_are_none_where_all_rows_begin_with_ids(tmp_path, first, kept):
    lines = [f"{'#' if i == 7 else ''}{first.format(i)},{i}.5,a" for i in range(20)]
    assert len(rows(put(tmp_path / "t.csv", "\n".join(["id,x,label", *lines])))) == kept


def test_a_table_of_two_columns_above_the_table_is_passed_over(tmp_path):
    above = "Report,Tickets\nTotal,20\n\n"
    path = put(tmp_path / "t.csv", above + "id,text,label\n" + "".join(f"r{i},word {i},a\n" for i in range(20)))
    assert rows(path)[0] == {"id": "r0", "text": "word 0", "label": "a"}
    plain = put(tmp_path / "u.csv", "id,label\n" + "".join(f"r{i},a\n" for i in range(5)) + "\nr5,b\n")
    assert len(rows(plain)) == 6


# JSON


def test_ids_and_texts_by_class_are_rows(tmp_path):
    ids = {"sport": ["r1", "r2", "r3"], "food": ["r4", "r5", "r6"], "tech": [f"r{i}" for i in range(7, 12)]}
    assert rows(put(tmp_path / "a.json", ids))[3] == {"id": "r4", "label": "food"}
    even = {"sport": ["r1", "r2", "r3", "r4", "r5"], "food": ["r6", "r7", "r8", "r9", "r10"]}
    assert rows(put(tmp_path / "b.json", even))[-1] == {"id": "r10", "label": "food"}
    texts = {"hello": [f"good day {i}" for i in range(6)], "bye": [f"see you {i}" for i in range(5)]}
    assert rows(put(tmp_path / "c.json", texts))[6] == {"text": "see you 0", "label": "bye"}


def test_columns_as_lists_stay_columns(tmp_path):
    columns = {"id": [f"r{i}" for i in range(12)], "text": [f"t{i} u" for i in range(12)], "label": ["a", "b"] * 6}
    assert rows(put(tmp_path / "a.json", columns))[1] == {"id": "r1", "text": "t1 u", "label": "b"}
    del columns["label"]
    assert rows(put(tmp_path / "b.json", columns))[1] == {"id": "r1", "text": "t1 u"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([{f"r{i}": TOPICS[i % 3]} for i in range(20)], "has another key in each of its 20 records, such as 'r0'"),
        ({"train": [["a b", "x"]] * 12, "val": [["c d", "y"]] * 12}, r"jq -c '.train\[\] | {text: .\[0\]"),
    ],
)
def test_objects_of_other_shapes_are_told_with_the_line_that_turns_them(tmp_path, content, said):
    with pytest.raises(InputError, match=said):
        open_table(put(tmp_path / "t.json", content))


def test_examples_by_intent_are_to_be_a_row_each():
    intents = {"tag": ["a", "b", "c"], "patterns": [["good day", "hello"], ["see you"], ["pizza", "a cake"]]}
    assert "'patterns' holds several texts a row, beside 'tag'; write a row for each text" in refused(intents)


def test_annotations_of_label_studio_with_their_tasks_are_trusted_rows(tmp_path):
    records = [
        {
            "id": i + 900,
            "task": {"id": i, "data": {"id": IDS[i], "text": TEXTS[i]}},
            "result": [{"type": "choices", "from_name": "topic", "value": {"choices": [LABELS[i]]}}],
        }
        for i in range(30)
    ]
    gold = put(tmp_path / "all.jsonl", "\n".join(map(json.dumps, records)))
    assert (read(clean=str(gold)).data.clean_in_noisy == np.arange(30)).all()


def test_argilla_answers_that_python_printed_are_read():
    record = {"id": "r1", "label.responses": "['sport']", "label.responses.status": "['submitted']"}
    assert [mark.label for mark in of_flat(record)] == ["sport"]


# Which column is meant


def test_a_label_column_of_ids_is_one_sentence():
    said = refused(label_column="id", id_column="label")
    assert said.count("\n") == 0
    assert "column 'id', which --label-column names, has another value in each of 60 rows" in said
    assert "(label looks like it)" in said


def test_labels_spread_over_columns_of_marks_are_told_of_both_files():
    marks = {topic: ["x" if topic == label else "" for label in LABELS] for topic in TOPICS}
    said = refused({"id": IDS, "text": TEXTS, **marks})
    assert "sport, food, tech hold marks, a single one in each row; put the name of the column with the mark" in said
    ones = {topic: [int(topic == label) for label in LABELS[:30]] for topic in TOPICS}
    assert "sport, food, tech hold 0 and 1" in refused(clean={"id": IDS[:30], **ones})


def test_columns_that_two_files_call_alike_are_not_the_label_where_they_hold_texts():
    said = refused({"_c0": IDS, "_c1": TEXTS, "_c2": LABELS}, {"_c0": IDS[:30], "_c1": LABELS[:30]})
    assert "_c2 looks like labels; name one with --label-column" in said


def test_two_columns_that_differ_in_case_alone_are_both_possible_labels():
    said = refused({"id": IDS, "text": TEXTS, "Label": LABELS, "LABEL": LABELS[::-1]})
    assert "columns 'Label' and 'LABEL' could both be the given labels" in said
    assert read({"id": IDS, "text": TEXTS, "Label": LABELS[::-1], "label": LABELS}).columns.label == "label"


def test_trusted_labels_of_another_column_name_it():
    codes = [TOPICS.index(label) for label in LABELS]
    said = refused({**NOISY, "target": codes}, {"id": IDS[:30], "target": codes[:30]})
    assert (
        "has labels such as \"0\" in 'target', which noisy has as well, beside 'label'; pass --label-column target"
        in said
    )


def test_trusted_labels_in_the_place_of_texts_are_told():
    said = refused({"text": TEXTS, "label": LABELS}, {"text": LABELS[:30]})
    assert "has its labels in column 'text', which in noisy holds something else in each row" in said


def test_a_folder_of_json_without_endings_is_one_error(tmp_path):
    for i in range(9):
        put(tmp_path / str(i), json.dumps({"id": i, "label": "a"}))
    assert "holds files of JSON without an ending; join them into one: jq -c ." in refused(clean=str(tmp_path))


def test_a_workbook_with_a_password_is_called_so(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    assert "is a workbook protected by a password, or a damaged one" in refused(str(tmp_path / "t.xlsx"))


def test_an_object_with_a_name_is_to_be_its_name():
    labels = [json.dumps({"id": 7, "name": label}) for label in LABELS]
    assert "write what stands under 'name'" in refused({**NOISY, "label": labels})


def test_words_that_recur_among_numbers_are_missing_ones_and_others_keep_a_column_out():
    generator = np.random.default_rng(0)
    size = [f"{x:.1f}" for x in generator.normal(40, 9, N)]
    table = {"id": IDS, "size": size, "age": list(range(0, 2 * N, 2)), "label": LABELS}
    words = ["refused" if i % 10 == 0 else "not known" if i % 5 == 0 else x for i, x in enumerate(size)]
    reading = read({**table, "size": words})
    assert "'size': 12 cells are no number and count as missing" in warned(reading)
    assert "size" in reading.columns.spec.columns
    notes = [f"see note {chr(97 + i % 26)}{chr(97 + i // 26)}" if i % 3 == 0 else x for i, x in enumerate(size)]
    reading = read({**table, "size": notes})
    assert "column 'size' holds numbers in 67% of its cells and is not used" in warned(reading)


def test_a_point_that_parts_thousands_is_told_from_a_decimal_one():
    generator = np.random.default_rng(0)
    amounts = [f"{x // 1000}.{x % 1000:03d}" if x > 999 else str(x) for x in generator.integers(50, 30_000, N)]
    amounts[:6] = ["998", "512", "77", "640", "850", "333"]
    table = {"id": IDS, "age": list(range(0, 2 * N, 2)), "label": LABELS}
    assert "998, as if the point parted thousands; it is read as a decimal point" in warned(
        read({**table, "amount": amounts})
    )
    weights = [f"{x:.3f}" for x in generator.uniform(1, 30, N)]
    weights[:6] = ["2", "11", "25", "7", "30", "4"]
    assert "thousands" not in warned(read({**table, "weight": weights}))


def test_numbers_that_cannot_be_right_are_told_by_row():
    table = {"id": IDS, "age": [float(i % 37) for i in range(N)], "label": LABELS}
    huge = [*table["age"][:-1], 1e308]
    assert "row 60: column 'age' holds 1e+308, too large a number" in refused({**table, "age": huge})
    slipped = [*table["age"][:-1], 1e9]
    assert "row 60: column 'age' holds 1e+09, where nearly all others are below" in warned(
        read({**table, "age": slipped})
    )
    minus = [-1.0 if i % 6 == 0 else x for i, x in enumerate(table["age"])]
    assert "holds -1 in 10 of 60 cells" in warned(read({**table, "age": minus}))
    levels = [float(i % 3 - 1) for i in range(N)]
    assert "holds -1" not in warned(read({**table, "level": levels}))


# Which row is meant


def test_ids_that_only_count_give_way_to_those_that_name_rows():
    order = np.random.default_rng(0).permutation(N)[:30].tolist()
    tickets = [f"T{900 + 7 * i}" for i in range(N)]
    noisy = {"id": list(range(1, N + 1)), "ticket": tickets, "text": TEXTS, "label": LABELS}
    gold = {"id": list(range(1, 31)), "ticket": [tickets[i] for i in order], "label": [LABELS[i] for i in order]}
    reading = read(noisy, gold)
    assert reading.columns.id == "ticket"
    assert (reading.data.paired_given == reading.data.clean.codes).all()
    other = {**gold, "id": [1 + i * 2 % N for i in range(30)]}
    assert "columns 'id' and 'ticket' say of its rows that different ones of noisy are meant" in refused(noisy, other)
    source = {"id": gold["id"], "source_id": [i + 1 for i in order], "label": gold["label"]}
    assert "column 'id' only counts its rows, and 'source_id' holds ids of noisy too" in refused(noisy, source)
    seconds = {**source, "source_id": [3 * i + 1 for i in order]}
    assert read(noisy, seconds).columns.clean_id == "id"


def test_labels_of_a_few_rows_that_are_all_different_are_no_ids():
    noisy = {"id": [0, 1, -1, 2], "text": TEXTS[:4], "label": ["cat", "dog", "owl", "cow"]}
    assert read(noisy, {"id": [-1, 0], "label": ["dog", "cat"]}).columns.id == "id"


def test_ids_that_each_file_counts_anew_are_one_error(tmp_path):
    for part in range(2):
        lines = [f"{i},{TEXTS[i + 30 * part]},{LABELS[i]}" for i in range(30)]
        put(tmp_path / f"p{part}.csv", "\n".join(["id,text,label", *lines]) + "\n")
    said = refused(str(tmp_path / "p*.csv"), {"id": list(range(20)), "label": LABELS[:20]})
    assert "ids are counted anew in each file: 30 of them stand in an earlier one too, the first is 0" in said
    assert said.count("counted anew") == 1


def test_a_mere_count_of_rows_is_told_where_nothing_else_names_them(tmp_path):
    noisy = put(tmp_path / "noisy.csv", "\n".join([",text,label", *(f"{i},{TEXTS[i]},{LABELS[i]}" for i in range(N))]))
    gold = put(tmp_path / "gold.csv", "\n".join([",label", *(f"{i},{LABELS[i]}" for i in range(30))]))
    assert "the first column, which has no title, may be a mere count of the rows" in refused(noisy, gold)
    named = [put(path, "row" + path.read_text()) for path in (noisy, gold)]
    assert (read(*named).data.clean_in_noisy == np.arange(30)).all()


def test_keys_of_several_rows_are_told():
    sessions = [f"s{i // 4}" for i in range(N)]
    said = refused(
        {"session": sessions, "text": TEXTS, "label": LABELS}, {"session": sessions[::4], "label": LABELS[::4]}
    )
    assert "by 'session' alone each of its rows may be 4 rows of noisy, or more" in said


def test_moments_are_ids_however_they_are_spelled():
    moments = [f"2024-01-01T00:{i:02d}:01Z" for i in range(N)]
    other = [moment.replace("T", " ").replace("Z", "+00:00") for moment in moments]
    reading = read({**NOISY, "id": moments}, {**GOLD, "id": other[:30]})
    assert (reading.data.clean_in_noisy == np.arange(30)).all()


def test_a_row_with_too_few_cells_is_to_be_filled_in(tmp_path):
    lines = ["id,text,label", *(f"r{i},word{i},a" for i in range(9)), "r9,word9", "r10,word10,a"]
    with pytest.raises(InputError, match="row 10: has 2 cells.*fill in what is missing"):
        rows(put(tmp_path / "t.csv", "\n".join(lines) + "\n"))


@pytest.mark.parametrize(
    ("trusted", "said"),
    [
        (
            [TOPICS[(TOPICS.index(label) + 1) % 3] for label in LABELS[:30]],
            "as if the classes had other names: food is",
        ),
        ([TOPICS[i % 2] for i in range(30)], ""),
        (LABELS[:30], ""),
    ],
)
def test_classes_in_another_order_are_told(trusted, said):
    told = warned(read(clean={"id": IDS[:30], "label": trusted}))
    assert said in told
    assert bool(said) == ("as if the classes" in told)


def test_labels_that_are_the_same_by_chance_alone_are_told():
    trusted = [TOPICS[(i // 3) % 3] for i in range(30)]
    told = warned(read(clean={"id": IDS[:30], "label": trusted}))
    assert "the same in 10 of 30 rows, no more often than by chance" in told


def test_paths_of_images_go_before_addresses_of_the_same_ones(tmp_path):
    names = [f"{i}.png" for i in range(N)]
    for name in names:
        Image.new("RGB", (4, 4), (len(name), 0, 0)).save(tmp_path / name)
    lines = [f"https://example.org/{name},{name},{label}" for name, label in zip(names, LABELS, strict=True)]
    noisy = put(tmp_path / "noisy.csv", "\n".join(["url,path,label", *lines]))
    assert read(noisy, {"path": names[:30], "label": LABELS[:30]}).columns.spec.columns == ("path",)


# What labels are called


@pytest.mark.parametrize("header", ["alias,class", "class,alias"])
def test_a_class_map_goes_by_its_header(tmp_path, header):
    pairs = [("SPORT", "sport"), ("FOOD", "food"), ("TECH", "tech")]
    lines = [",".join(pair if header.startswith("alias") else pair[::-1]) for pair in pairs]
    path = put(tmp_path / "map.csv", "\n".join([header, *lines]) + "\n")
    upper = {**NOISY, "label": [label.upper() for label in LABELS]}
    assert read(upper, class_map=str(path)).data.classes.names == ("food", "sport", "tech")


def test_spellings_that_the_trusted_file_has_in_one_way_are_one_class():
    spelled = [label.upper() if i % 2 else label for i, label in enumerate(LABELS)]
    reading = read({**NOISY, "label": spelled})
    assert reading.data.classes.names == ("food", "sport", "tech")
    assert '"SPORT" (10 rows) as "sport"' in warned(reading)
    few = read({**NOISY, "label": spelled}, {"id": IDS[:3], "label": LABELS[:3]})
    assert len(few.data.classes) == 6
    assert "differ only in spelling; if they are one" in warned(few)
    third = read({**NOISY, "label": [s if s.isupper() else s.title() for s in spelled]})
    assert len(third.data.classes) == 3


@pytest.mark.parametrize("form", ['{{"{0}": 0.8, "{1}": 0.2}}', "{0}:0.8|{1}:0.2"])
def test_shares_of_several_classes_are_told(form):
    shares = [form.format(label, "other") for label in LABELS]
    said = refused({**NOISY, "label": shares})
    assert "column 'label' holds shares of several classes" in said
    assert "write the name of the largest into a column of its own" in said


@pytest.mark.parametrize(
    ("trusted", "said"),
    [
        (["travel" if i % 5 == 0 else LABELS[i] for i in range(30)], "below it travel,travel if it is a class that"),
        (["travel" if i == 0 else LABELS[i] for i in range(30)], "fix it or pass --class-map"),
        (["sporty" if label == "sport" else label for label in LABELS[:30]], "sporty,sport"),
    ],
)
def test_trusted_classes_that_the_noisy_file_lacks_lead_to_the_class_map(trusted, said):
    assert said in refused(clean={"id": IDS[:30], "label": trusted})


def test_classes_that_are_numbered_from_nought_and_from_one_are_told():
    codes = [TOPICS.index(label) for label in LABELS]
    said = refused({**NOISY, "label": [code + 1 for code in codes]}, {"id": IDS[:30], "label": codes[:30]})
    assert "one file seems to number the classes from 0 and the other from 1" in said


def test_tokens_are_no_inputs():
    table = pa.table({"idx": IDS, "input_ids": [[101, i, 102] for i in range(N)], "label": LABELS})
    assert "'input_ids' holds tokens of a text; give the table as it was before it was tokenised" in refused(
        table, {"idx": IDS[:30], "label": LABELS[:30]}
    )


def test_states_of_tickets_are_none_of_labels():
    words = ["open", "done", "new", "pending"]
    reading = read(clean={**GOLD, "status": [words[i % 4] for i in range(30)]})
    assert len(reading.data.clean) == 30
    assert (
        "column 'status' is 'open' or 'new' or 'pending' in 22 rows with a label, and these count as checked"
        in warned(reading)
    )
    marked = read(clean={**GOLD, "label_status": [words[i % 4] for i in range(30)]})
    assert len(marked.data.clean) == 8
