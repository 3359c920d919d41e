"""Numbers as people write them, columns judged by what they hold, labels that are named, rows that meet."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from labelfix.data.columns.features import AGREEMENT, MOST_CATEGORIES
from labelfix.data.number_lists import number_lists
from labelfix.data.numbers import FEW_LEVELS, NEARLY_ALL, is_placeholder, nearly_numeric, read_dates, read_numbers
from labelfix.data.read import read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

N = 120
LABELS = ["no", "yes"] * (N // 2)
AGE = [20 + i % 47 for i in range(N)]
GOLD = pa.table({"id": [f"r{i}" for i in range(30)], "label": LABELS[:30]})


def read(columns, clean=GOLD, **settings):
    noisy = {"id": [f"r{i}" for i in range(N)], **columns}
    return read_training(
        pa.table({**noisy, **({} if "label" in noisy else {"label": LABELS})}), clean, DataSettings(**settings)
    )


def said(reading):
    return "\n".join([*map(str, reading.warnings), *reading.notes])


def inputs(reading):
    assert reading.data.noisy.inputs is not None
    return next(iter(reading.data.noisy.inputs.batches(N))).to_pydict()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.50", 1234.5),
        ("$1,234", 1234.0),
        ("-$5", -5.0),
        ("45%", 45.0),
        ("45 %", 45.0),
        ("(12)", -12.0),
        ("\u22123", -3.0),
        ("1 234", 1234.0),
        ("1\u202f234", 1234.0),
        ("1'234.5", 1234.5),
        ("12 EUR", 12.0),
        ("1e-3", 0.001),
        ("007", None),
        ("1.2.3", None),
        ("<5", None),
        ("?", None),
        ("1,23", None),
    ],
)
def test_a_number_is_read_as_people_write_it(text, number):
    assert read_numbers(pa.array([text])).to_pylist() == [number]


def test_a_column_of_decimal_commas_parts_thousands_with_points():
    assert read_numbers(pa.array(["1,5", "1.234,5", "1.234", "2"]), comma=True).to_pylist() == [
        1.5,
        1234.5,
        1234.0,
        2.0,
    ]


def test_numbers_of_every_type_are_numbers():
    big = 2**60 + 1
    for cells in (pa.array([big]), pa.array([Decimal(big)], pa.decimal128(38, 0)), pa.array([str(big)])):
        assert read_numbers(cells).to_pylist() == [float(big)]
    assert read_numbers(pa.array([0.5], pa.float16())).to_pylist() == [0.5]


def test_dates_are_days_and_zones_are_kept():
    texts = pa.array(
        ["2024-01-01", "2024-01-01T12:00:00Z", "2024-01-01 12:00", "2024-01-01T12:00:00+02:00", "1/1/2024"]
    )
    assert read_dates(texts).to_pylist() == [19723.0, 19723.5, 19723.5, 19723.0 + 10 / 24, None]
    assert read_dates(pa.array([1_700_000_000_000_000_000], pa.timestamp("ns"))).to_pylist() == [
        pytest.approx(19675.9259)
    ]


def test_days_with_points_have_the_day_first():
    texts = pa.array(["31.1.2024", "1.2.2024 10:30", "01.12.2024T10:30:05", "31.13.2024", "1.2.24", "2024-01-031"])
    assert read_dates(texts).to_pylist() == [19753.0, 19754.4375, pytest.approx(20058.43756), None, None, None]
    columns = {"seen": [f"{1 + i % 28}.{1 + i % 12}.2024" for i in range(N)], "age": AGE, "label": LABELS}
    assert read(columns).data.noisy.inputs.spec.dates == ("seen",)


def test_placeholders_are_missing_in_any_case():
    cells = pa.array(["?", "-", "", "N/A", "Missing", "#DIV/0!", r"\N", "5", "abc"])
    assert is_placeholder(cells).to_pylist() == [True] * 7 + [False] * 2


def test_nearly_all_means_nine_in_ten_and_a_scale_of_few_levels_stays_a_category():
    assert (NEARLY_ALL, FEW_LEVELS) == (0.9, 10)
    numbers = [str(i) for i in range(90)]
    assert nearly_numeric(pa.array([*numbers, *["odd"] * 10]))[:2] == (True, False)
    assert nearly_numeric(pa.array([*numbers, *(f"odd {i}" for i in range(11))]))[:2] == (False, False)
    assert nearly_numeric(pa.array(["0", "1", "2"] * 30 + ["3+"]))[:2] == (False, False)
    assert nearly_numeric(pa.array(["0", "1", "?"] * 30))[:2] == (True, False)


def test_odd_cells_of_a_column_of_numbers_are_counted_named_and_missing():
    reading = read({"age": [*map(str, AGE[:-3]), "?", "<5", "<5"]})
    assert reading.columns.spec.categorical == ()
    assert inputs(reading)["age"][-3:] == [None, None, None]
    (warning,) = [w for w in reading.warnings if "count as missing" in w.what]
    assert "3 cells are no number" in warning.what
    assert '"?" in row 118, "<5" in row 119' in warning.what
    assert warning.row == 118


def test_one_bad_cell_far_down_leaves_a_column_of_numbers_one_of_numbers(put):
    rows = [f"r{i},{i % 97}.5,{LABELS[i % 2]}" for i in range(25_000)]
    noisy = put("noisy.csv", "\n".join(["id,size,label", *rows, "r25000,n/a?,no"]) + "\n")
    reading = read_training(noisy, put("gold.csv", "id,label\nr0,no\nr1,yes\nr2,no\n"), DataSettings())
    assert (reading.columns.spec.columns, reading.columns.spec.categorical) == (("size",), ())
    assert "1 cell is no number and counts as missing" in said(reading)
    assert any(w.row == 25_001 for w in reading.warnings)


def test_nothing_is_left_out_for_its_name_alone():
    names = ("num_votes", "gold_price", "label_len", "fold_change", "split_ratio", "class_size", "index_fund")
    reading = read({name: [(i * (k + 3)) % 101 for i in range(N)] for k, name in enumerate(names)})
    assert reading.columns.spec.columns == names


def test_what_is_left_out_is_said_with_its_true_reason():
    reading = read(
        {
            "age": AGE,
            "same": [1] * N,
            "some": [1, None] * (N // 2),
            "nothing": pa.nulls(N, pa.string()),
            "customer_id": [(i * 7919) % 10_007 for i in range(N)],
            "pair": [[1.0, 2.0]] * N,
            "gold_label": LABELS,
        }
    )
    assert reading.columns.spec.columns == ("age",)
    (left,) = [note for note in reading.notes if note.startswith("not used as features")]
    for reason in (
        "same (constant)",
        "some (one value and missing)",
        "nothing (empty)",
        "customer_id (looks like an id)",
        "pair (a list of 2 numbers; --embedding-column takes it for an embedding)",
        "gold_label (looks like the label: it holds the same words)",
    ):
        assert reason in left


def test_a_category_of_very_many_values_is_left_out_for_that():
    assert MOST_CATEGORIES == 1000
    many = {"id": range(4000), "age": [i % 47 for i in range(4000)], "zip": [f"Z{i % 1500}" for i in range(4000)]}
    noisy = pa.table({**many, "label": LABELS * 33 + LABELS[:40]})
    reading = read_training(noisy, pa.table({"id": [0, 1, 2], "label": ["no", "yes", "no"]}), DataSettings())
    assert "zip (more than 1,000 different values, too many for a category)" in said(reading)


def test_five_hundred_constant_columns_make_one_sentence():
    reading = read({"age": AGE, **{f"c{i}": [i] * N for i in range(500)}})
    assert "and 488 more (constant)" in said(reading)
    assert len(said(reading).splitlines()) < 12


def test_another_persons_numeric_label_is_used_with_a_warning():
    assert AGREEMENT == 0.4
    label = [i % 2 for i in range(N)]
    rater = [1 - value if i % 5 == 0 else value for i, value in enumerate(label)]
    other = [(i // 2) % 2 for i in range(N)]
    gold = pa.table({"id": ["r0", "r1", "r2"], "label": [0, 1, 0]})
    reading = read({"age": AGE, "second": rater, "flag": other, "rater2": rater, "label": label}, gold)
    assert reading.columns.spec.columns == ("age", "second", "flag")
    assert "rater2 (looks like the label)" in said(reading)
    assert [w.what for w in reading.warnings if "often agrees" in w.what] == [
        "column 'second' holds the values of 'label' and often agrees with it, and is used as a feature"
    ]


def test_numbers_beside_a_text_are_said_to_be_unused():
    texts = [f"the words of sentence {i} are these" for i in range(N)]
    assert "beside the text, these columns of numbers are not used: price, stars" in said(
        read({"text": texts, "price": np.arange(N) * 1.5, "stars": [i % 5 for i in range(N)]})
    )


@pytest.mark.parametrize(
    "cell",
    [
        "[0.5, 1.5]",
        "[ 0.5\n  1.5]",
        "[np.float32(0.5), np.float32(1.5)]",
        "array([0.5, 1.5], dtype=float32)",
        "[[0.5, 1.5]]",
        "tensor([0.5,\n        1.5], device='cuda:0', grad_fn=<AddBackward0>)",
    ],
)
def test_embeddings_are_read_as_programs_write_them(cell):
    assert number_lists(pa.array([cell, "none", None])).to_pylist() == [[0.5, 1.5], None, None]


def test_a_list_within_a_list_is_taken_for_the_inner_one():
    reading = read({"vector": [[[0.1 * i] * 16] for i in range(N)]})
    assert (reading.columns.spec.kind, reading.columns.spec.width) == ("embedding", 16)


def labelled(labels, **settings):
    count = len(labels)
    vectors = pa.array([[float(i)] * 8 for i in range(count)])
    table = pa.table({"id": range(count), "vector": vectors, "label": labels})
    given = [i for i, label in enumerate(labels) if label not in ([], "[]")][:6]
    clean = pa.table({"id": given, "label": [labels[i] for i in given]})
    return read_training(table, clean, DataSettings(**settings))


@pytest.mark.parametrize(
    "labels",
    [
        [f"p{i % 2_001}" for i in range(6_003)],
        [f"c{i % 30}" for i in range(40)],
        ["a|b", "b|c", "a|c", "a", "b", "c"] * 6,
        [i % 21 / 2 for i in range(63)],
    ],
    ids=["2,001 classes", "30 classes in 40 rows", "joined by bars", "half stars"],
)
def test_labels_that_look_odd_are_taken_with_a_warning_where_they_are_named(labels):
    with pytest.raises(InputError, match="say so with --label-column label"):
        labelled(labels)
    assert any("as --label-column names it" in w.what for w in labelled(labels, label_column="label").warnings)


def test_names_in_brackets_are_names_and_lists_of_one_item_are_the_item():
    assert labelled(["[PER]", "[LOC]"] * 6).data.classes.names == ("[LOC]", "[PER]")
    assert labelled(['["PER"]', '["LOC"]', "[]"] * 6).data.classes.names == ("LOC", "PER")
    assert labelled([["PER"], ["LOC"], []] * 6).data.classes.names == ("LOC", "PER")


def test_real_lists_are_refused_even_where_they_are_named():
    for labels in ([["a", "b"], ["a"], ["b"]] * 6, ['["a", "b"]', '["a"]', '["b"]'] * 6):
        with pytest.raises(InputError, match="several labels a row"):
            labelled(labels, label_column="label")


TEXTS = [f"the words of sentence {i} are these" for i in range(N)]


def test_rows_that_match_by_content_alone_are_said_and_joined_where_the_user_says_so():
    ids = [f"r{i}" if i % 2 else f"X{i}" for i in range(40)]
    gold = pa.table({"id": ids, "text": [*TEXTS[:39], "a text of its own here"], "label": LABELS[:40]})
    reading = read({"text": TEXTS}, gold)
    assert int((reading.data.clean_in_noisy >= 0).sum()) == 20
    (warning,) = [w for w in reading.warnings if "--join both" in w.remedy]
    assert warning.what.startswith("20 more rows have the content of a row")
    assert int((read({"text": TEXTS}, gold, join="both").data.clean_in_noisy >= 0).sum()) == 40
    assert "--join" not in said(read({"text": TEXTS}, gold, join="id"))
    assert read({"text": TEXTS}, gold, join="content").data.joined_by == "content"


def test_texts_that_went_through_a_spreadsheet_are_the_same_texts():
    noisy = ["first line\nsecond line of it", "a caf\u00e9 in the town here", "plain words and no more"]
    gold = ["first line\r\nsecond line of it", "a cafe\u0301\u00a0in the town here ", "plain words and no more"]
    clean = pa.table({"text": gold, "label": ["a", "b", "a"]})
    table = pa.table({"text": noisy * 1 + TEXTS[:9], "label": ["a", "b", "a", *LABELS[:9]]})
    assert read_training(table, clean, DataSettings()).data.clean_in_noisy.tolist() == [0, 1, 2]


def test_the_trusted_file_may_call_its_ids_otherwise():
    gold = pa.table({"task": [f"r{i}" for i in range(20)], "label": LABELS[:20]})
    reading = read({"age": AGE}, gold, clean_id_column="task")
    assert int((reading.data.clean_in_noisy >= 0).sum()) == 20


def test_ids_are_found_as_the_one_column_whose_values_are_found_again():
    keys = [f"T-{(i * 37) % 1009}" for i in range(N)]
    noisy = pa.table({"ticket": keys, "age": AGE, "label": LABELS})
    gold = pa.table({"number": keys[:20], "label": LABELS[:20]})
    reading = read_training(noisy, gold, DataSettings(clean_label_column="label"))
    assert (reading.columns.id, reading.columns.clean_id) == ("ticket", "number")
    assert "ids are taken from column 'ticket' ('number' in clean)" in said(reading)
    assert int((reading.data.clean_in_noisy >= 0).sum()) == 20


def test_trusted_inputs_that_are_empty_are_those_of_the_noisy_rows():
    gold = pa.table({"id": ["r0", "r1", "r2"], "text": ["", "", ""], "label": ["no", "yes", "no"]})
    reading = read({"text": TEXTS}, gold)
    assert reading.data.clean_in_noisy.tolist() == [0, 1, 2]
    assert "has nothing in its input column text" in said(reading)


def test_a_trusted_file_may_have_an_optional_column_empty_in_all_rows():
    gold = pa.table({"id": ["r0", "r1"], "age": [1, 2], "rare": pa.nulls(2, pa.float64()), "label": ["no", "yes"]})
    rare = [float(i) if i % 30 == 0 else None for i in range(N)]
    reading = read({"age": AGE, "rare": rare}, gold)
    assert reading.columns.spec.columns == ("age", "rare")


def test_the_path_of_an_image_is_its_id_where_the_trusted_file_names_it_so(tmp_path):
    for i in range(8):
        Image.new("RGB", (8, 8), (i * 20, 0, 0)).save(tmp_path / f"{i}.png")
    paths = [f"{i}.png" for i in range(8)]
    (tmp_path / "metadata.csv").write_text(
        "file_name,label\n" + "".join(f"{path},{LABELS[i]}\n" for i, path in enumerate(paths)), encoding="utf-8"
    )
    gold = pa.table({"id": paths[:4], "label": LABELS[:4]})
    reading = read_training(str(tmp_path / "metadata.csv"), gold, DataSettings())
    assert (reading.columns.id, reading.columns.spec.columns) == ("file_name", ("file_name",))
    assert reading.data.clean_in_noisy.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("written", ["{}", "{}.0"], ids=["whole numbers", "numbers that a merge made fractions"])
def test_ticket_numbers_that_count_up_are_ids_although_no_name_says_so(put, written):
    rows = [f"{written.format(10_000 + i) if i % 7 == 0 else 10_000 + i},{TEXTS[i]},{LABELS[i]}" for i in range(N)]
    noisy = put("noisy.csv", "\n".join(["Ticket,Message,Category", *rows]) + "\n")
    gold = put("gold.csv", "Ticket,Category\n10007,yes\n10003,yes\n10112,no\n")
    reading = read_training(noisy, gold, DataSettings(text_column="Message"))
    assert reading.columns.id == "Ticket"
    assert reading.data.clean_in_noisy.tolist() == [7, 3, 112]


def test_row_numbers_of_two_files_are_no_ids():
    noisy = pa.table({"row": range(1, N + 1), "text": TEXTS, "label": LABELS})
    gold = pa.table({"row": range(1, 11), "text": TEXTS[5:15], "label": LABELS[5:15]})
    reading = read_training(noisy, gold, DataSettings())
    assert (reading.columns.id, reading.data.joined_by) == (None, "content")
    assert reading.data.clean_in_noisy.tolist() == list(range(5, 15))


def test_warnings_among_errors_are_marked_as_such():
    with pytest.raises(InputError) as caught:
        labelled(["cat", "dog"] * 8, clean_id_column="nothing")
    assert "has no column 'nothing'" in str(caught.value)
    gold = pa.table({"id": ["r0", "r0"], "label": ["no", "yes"]})
    with pytest.raises(InputError) as caught:
        read({"age": AGE, "label": [*LABELS[:-1], "No"]}, gold)
    lines = str(caught.value).splitlines()
    assert any(line.startswith("warning: ") and "differ only in spelling" in line for line in lines)
    assert any(line.startswith("clean, row 2: ") for line in lines)
