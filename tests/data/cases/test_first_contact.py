"""Files of tools and people that are no table of single labels, or not quite: read, or called by their name."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.cli import main
from labelfix.data.formats import write_batches
from labelfix.data.read import read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

N = 60
TOPICS = ("sport", "food")
TEXTS = [f"some words of text number {i} on {TOPICS[i % 2]}" for i in range(N)]
LABELS = [TOPICS[i % 2] for i in range(N)]
IDS = [f"r{i}" for i in range(N)]
GOLD = pa.table({"id": IDS[:20], "label": LABELS[:20]})
NOISY = {"id": IDS, "text": TEXTS, "label": LABELS}

Put = Callable[[str, str | bytes], Path]


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def csv_of(columns, delimiter=","):
    lines = [delimiter.join(columns), *(delimiter.join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return "\n".join(lines) + "\n"


def records(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


ROWS = records(NOISY)


def read(noisy, clean=GOLD, **settings):
    return read_training(pa.table(noisy) if isinstance(noisy, dict) else noisy, clean, DataSettings(**settings))


def refused(noisy, clean=GOLD, **settings):
    with pytest.raises(InputError) as caught:
        read(noisy, clean, **settings)
    return str(caught.value)


def said(reading):
    return "\n".join([*map(str, reading.warnings), *reading.notes])


# No file at all


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("t.csv", "<!DOCTYPE html>\n<html><body>Sign in, please</body></html>\n", "is a web page .HTML., not a table"),
        ("t.xls", '<?xml version="1.0"?>\n<Workbook><Row>id,text</Row></Workbook>\n', "is an XML file, not a table"),
        ("t.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull"),
        ("t.ods", b"PK\x03\x04rest", "is a .ods file, which labelfix does not read; save its table as .xlsx or as CSV"),
        ("t.tar.gz", b"\x1f\x8b\x08rest", "is an archive, which labelfix does not read; unpack it"),
        ("t.rar", b"Rar!\x1a\x07\x01\0rest", "is an archive, which labelfix does not read; unpack it"),
        ("t.csv", "id::text::label\n1::a, b::x\n2::c, d::y\n", "has 2 cells, but the header has 1.*part all cells"),
        ("t.txt", "__label__a some words\n__label__b other words\n" * 9, "is written as fastText reads it"),
        ("t.dat", "id  age  label\n1  2  a b\n2  3  b\n", "has a single column .* part them with commas"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(put, name, content, what):
    with pytest.raises(InputError, match=what):
        read(str(put(name, content)))


def test_a_pipe_is_refused_before_it_is_read(tmp_path, put):
    os.mkfifo(tmp_path / "pipe")
    keeper = os.open(tmp_path / "pipe", os.O_RDWR)  # else opening it would wait for a writer
    try:
        for name in (str(tmp_path / "pipe"), "-"):
            assert "is no file but a pipe or a device" in refused(name, str(put("g.csv", "id,label\n1,a\n2,b\n")))
    finally:
        os.close(keeper)


def test_addresses_and_links_that_lead_nowhere(tmp_path):
    (tmp_path / "t.csv").symlink_to("gone.csv")
    assert "it is a link that leads nowhere" in refused(str(tmp_path / "t.csv"))
    assert "labelfix reads s3://" in refused("ftp://example.com/t.csv")
    assert "give its path without file://" in refused("file:///data/t.csv")


# Quotes that no dialect takes apart


def test_lines_quoted_as_a_whole_and_spaces_before_quotes(put):
    rows = [f'{i},"{text}, and more",{label}' for i, text, label in zip(IDS, TEXTS, LABELS, strict=True)]
    whole = ['"' + line.replace('"', '""') + '"' for line in ("id,text,label", *rows)]
    assert "it was written as CSV twice" in refused(str(put("a.csv", "\n".join(whole))))
    spaced = ["id, text, label", *(row.replace(',"', ', "') for row in rows)]
    assert "has a space between ',' and a quote" in refused(str(put("b.csv", "\n".join(spaced))))
    assert len(read(str(put("c.csv", "\n".join(["id,text,label", *rows])))).data.noisy) == N


# Contents before names


def test_records_of_json_are_known_under_any_name(put):
    lines = "\n".join(map(json.dumps, records(NOISY)))
    for name in ("t.csv", "t.txt", "output.manifest", "t"):
        assert len(read(str(put(name, lines))).data.noisy) == N, name
    assert len(read(str(put("array.dat", json.dumps(records(NOISY), indent=1)))).data.noisy) == N


def test_rows_that_lie_deep_in_an_object(put):
    rows = records(NOISY)
    answers = [
        {"status": "ok", "result": {"count": N, "items": rows}},
        {"data": {"tickets": {"nodes": rows, "pageInfo": {"hasNextPage": False}}}},
        {"took": 3, "_shards": {"total": 1}, "hits": {"total": {"value": N}, "hits": rows}},
    ]
    for answer in answers:
        assert len(read(str(put("t.json", json.dumps(answer)))).data.noisy) == N
    two = put("t.json", json.dumps({"a": {"rows": rows}, "b": {"rows": rows}}))
    assert "has no column that is named like labels" in refused(str(two))


def test_parts_without_an_ending_are_one_table(put, tmp_path):
    for part in range(2):
        half = {name: values[part * 30 : part * 30 + 30] for name, values in NOISY.items()}
        put(f"out/t_000{part}_part_00", csv_of(half, "|"))
    put("out/t_manifest", '{"entries": []}')
    put("out/_SUCCESS", "")
    for name in (tmp_path / "out", tmp_path / "out" / "t_0*"):
        assert len(read(str(name)).data.noisy) == N


def test_packed_parts_without_an_ending_are_one_table(put, tmp_path):
    for part in range(2):
        half = {name: values[part * 30 : part * 30 + 30] for name, values in NOISY.items()}
        put(f"out/000{part}_part_00.gz", gzip.compress(csv_of(half, "|").encode()))
    assert len(read(str(tmp_path / "out")).data.noisy) == N


def test_notes_before_the_sheet_of_the_table(tmp_path):
    xlsxwriter = pytest.importorskip("xlsxwriter")
    pytest.importorskip("python_calamine")
    with xlsxwriter.Workbook(str(tmp_path / "t.xlsx")) as book:
        book.add_worksheet("Read me").write(0, 0, "the rows are on the next sheet")
        sheet = book.add_worksheet("Rows")
        for place, (name, values) in enumerate(NOISY.items()):
            sheet.write_column(2, 1 + place, [name, *values])
    reading = read(str(tmp_path / "t.xlsx"))
    assert len(reading.data.noisy) == N
    assert "the sheet 'Rows' is read, and not 'Read me'" in said(reading)


def test_a_sheet_with_notes_around_its_rows(tmp_path):
    xlsxwriter = pytest.importorskip("xlsxwriter")
    pytest.importorskip("python_calamine")
    with xlsxwriter.Workbook(str(tmp_path / "gold.xlsx")) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "Checked by Ann")
        rows = [("id", "label", "comment"), *((i, label, "") for i, label in zip(IDS[:20], LABELS, strict=False))]
        for place, row in enumerate(rows):
            sheet.write_row(2 + place + (place > 9), 0, row)
        sheet.write(30, 0, "20 rows in all")
    reading = read(NOISY, str(tmp_path / "gold.xlsx"))
    assert reading.data.clean_in_noisy.tolist() == list(range(20))


@pytest.mark.skipif(os.sep != "/", reason="backslashes are what parts a path here")
def test_paths_as_windows_writes_them(tmp_path, put):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "photos").mkdir()
    for i in range(8):
        image.new("RGB", (8, 8), (30 * i, 20, 90)).save(tmp_path / "photos" / f"{i}.png")
    paths = [f"photos\\{i}.png" for i in range(8)]
    noisy = put("list.csv", csv_of({"path": paths, "label": LABELS[:8]}))
    gold = put("gold.csv", csv_of({"path": [f"photos/{i}.png" for i in range(4)], "label": LABELS[:4]}))
    reading = read(str(noisy), str(gold))
    assert reading.data.clean_in_noisy.tolist() == [0, 1, 2, 3]


def test_labels_by_id_in_one_object(put):
    gold = dict(zip(IDS[:20], LABELS, strict=False))
    for text in (json.dumps(gold), json.dumps(gold, indent=1)):
        assert read(NOISY, str(put("gold.json", text))).data.clean_in_noisy.tolist() == list(range(20))
    table = put("gold.json", json.dumps({"data": records({"id": IDS[:20], "label": LABELS[:20]})}, indent=1))
    assert len(read(NOISY, str(table)).data.clean) == 20


def test_rows_of_another_encoding_among_utf8(put):
    texts = [f"caf\u00e9 {text}" for text in TEXTS]
    rows = csv_of({**NOISY, "text": texts}).splitlines()
    content = b"\n".join(row.encode("latin-1" if place == 7 else "utf-8") for place, row in enumerate(rows))
    message = refused(str(put("t.csv", content)))
    assert "byte 0xe9 in row 7, column 'text'); other rows are UTF-8" in message


# Which column is the label


def test_two_columns_of_one_title_are_asked_about(put):
    content = csv_of({"id": IDS, "text": TEXTS, "label": LABELS, "x": LABELS}).replace("label,x", "label,label", 1)
    path = str(put("t.csv", content))
    assert "columns 'label' and 'label (2)' could both be the given labels" in refused(path)
    assert read(path, label_column="label (2)").columns.label == "label (2)"


def test_the_name_in_lower_case_goes_first():
    reading = read({**NOISY, "Label": ["x", "y"] * 30})
    assert reading.columns.label == "label"


def test_a_label_spread_over_columns_is_said():
    spread = {topic: [int(label == topic) for label in LABELS] for topic in TOPICS}
    message = refused({"id": IDS, "text": TEXTS, **spread})
    assert "sport, food hold 0 and 1, and each row has a single 1 among them; put the name of the column" in message
    unlike = {**spread, "food": [1] * N}
    assert "a single 1" not in refused({"id": IDS, "text": TEXTS, **unlike})


def test_several_columns_of_labels_are_sources_perhaps():
    message = refused({"id": IDS, "text": TEXTS, "gpt_label": LABELS, "anna_label": LABELS})
    assert "gpt_label, anna_label look like labels" in message
    assert "--label-columns" in message


def test_what_cannot_be_classified_from_is_named():
    pages = [f"https://example.com/clips/{i}" for i in range(N)]
    message = refused({"id": IDS, "photo": pages, "label": LABELS})
    assert "'photo' holds addresses, which are not fetched; download what they name" in message
    turns = [[{"role": "user", "content": text}] for text in TEXTS]
    assert "write what is to be read of them into a column of text" in refused(
        {"id": IDS, "turns": turns, "label": LABELS}
    )


def test_labels_without_anything_to_classify_from():
    assert "its columns are id, label; join the rows' texts or features to it" in refused(
        pa.table({"id": IDS, "label": LABELS})
    )


def test_trusted_files_that_call_their_labels_differently(put):
    first = str(put("a.csv", csv_of({"id": IDS[:10], "label": LABELS[:10]})))
    second = str(put("b.csv", csv_of({"id": IDS[10:20], "gold_label": LABELS[10:20]})))
    with pytest.raises(InputError, match="giving the columns of labels the same name in all of them"):
        read_training(pa.table(NOISY), [first, second], DataSettings())


# Files of other tools


def test_what_labelfix_says_of_rows_is_no_noisy_file():
    corrected = {"suggested_label": LABELS, "corrected_label": LABELS, "label_score": [0.5] * N}
    places = {"given_label": LABELS, "source_file": ["a"] * N, "source_row": list(range(N))}
    assert "labelfix export --corrected-labels writes it" in refused({"id": IDS, **places, **corrected})
    assert read({"id": IDS, "text": TEXTS, "label": LABELS, **corrected}).columns.label == "label"


def test_tasks_of_label_studio(put):
    tasks = [{"id": i, "data": {"text": text}, "annotations": [], "predictions": []} for i, text in enumerate(TEXTS)]
    assert "export them as CSV or JSON-MIN" in refused(str(put("t.json", json.dumps(tasks))))


def test_rows_that_people_did_not_accept_have_no_label():
    gold = {"text": TEXTS[:20], "label": LABELS[:20], "answer": ["accept"] * 20}
    noisy = {"text": TEXTS, "label": LABELS}
    assert len(read(noisy, pa.table(gold)).data.clean) == 20
    gold["answer"] = ["accept"] * 18 + ["reject", "ignore"]
    message = refused(noisy, pa.table(gold))
    assert "row 19: 1 of 20 rows are not accepted (the first: answer 'reject')" in message
    assert "keep the accepted rows alone" in message
    gold["answer"] = ["ignore"] * 2 + ["accept"] * 18
    assert len(read(noisy, pa.table(gold)).data.clean) == 18, "what was skipped has no label"
    spoken = {**noisy, "answer": ["accept", "perhaps"] * 30}
    assert len(read(spoken, pa.table({"text": TEXTS[:20], "label": LABELS[:20]})).data.noisy) == N


# Labels


def test_a_column_without_a_label_is_one_error():
    message = refused({**NOISY, "label": [None] * N})
    assert message == "noisy: column 'label' holds no label at all; name another with --label-column"


def test_labels_that_name_several_classes():
    rare = [*LABELS[:58], "sport;food", "sport;food"]
    warned = said(read({**NOISY, "label": rare}))
    assert "row 59: column 'label' holds several labels in 2 rows (\"sport;food\")" in warned
    often = [*LABELS[:50], *["food / sport"] * 10]
    assert (
        "row 51: column 'label' holds values such as \"food / sport\", which look like several labels a row"
        in refused({**NOISY, "label": often})
    )
    named = said(read({**NOISY, "label": often}, label_column="label"))
    assert "which look like several labels a row; its values are taken as classes" in named
    apart = ["Sport/Games" if label == "sport" else "Food/Drink" for label in LABELS]
    assert "several" not in said(read({**NOISY, "label": apart}, pa.table({"id": IDS[:20], "label": apart[:20]})))


def test_the_first_row_with_several_labels_is_named():
    lists = [[label] for label in LABELS]
    lists[7] = ["sport", "food"]
    message = refused({**NOISY, "label": lists})
    assert (
        "row 8: column 'label' holds lists, several labels a row in 1 of 60 rows (such as \"['sport', 'food']\")"
        in message
    )


def test_marks_of_direction_and_formulas_are_no_part_of_labels_and_ids(put):
    marked = ["sport\u200e" if i == 4 else label for i, label in enumerate(LABELS)]
    content = csv_of({"id": [f'"=""{i:03d}"""' for i in range(N)], "text": TEXTS, "label": marked})
    gold = put("gold.csv", csv_of({"id": [f"{i:03d}" for i in range(20)], "label": LABELS[:20]}))
    reading = read(str(put("t.csv", content)), str(gold))
    assert reading.data.classes.names == ("food", "sport")
    assert (reading.data.clean_in_noisy >= 0).all()


def test_letters_that_only_look_alike_and_the_class_that_is_meant():
    letters = [{4: "sp\u043ert", 6: "Sport"}.get(i, label) for i, label in enumerate(LABELS)]
    warned = said(read({**NOISY, "label": letters}))
    assert "below it Sport,sport and sp\u043ert,sport" in warned
    assert 'below it Sport,sport if that is meant, "Sport," for no label' in warned


def test_a_class_map_with_a_header_of_its_own(put):
    upper = [label.upper() for label in LABELS]
    path = str(put("map.csv", "from,to\nSPORT,sport\nFOOD,food\n"))
    assert read({**NOISY, "label": upper}, class_map=path).data.classes.names == ("food", "sport")


def test_classes_without_trusted_rows_are_warned_of_before_their_balance():
    rare = ["chess" if i == 55 else label for i, label in enumerate(LABELS)]
    warnings = [str(warning) for warning in read({**NOISY, "label": rare}).warnings]
    assert [("no trusted row" in each, "far from balanced" in each) for each in warnings[:2]] == [
        (True, False),
        (False, True),
    ]


def test_a_label_inside_another_column_is_said():
    message = refused({"id": IDS, "text": TEXTS, "annotation": [{"label": label, "by": "x"} for label in LABELS]})
    assert "annotation.label" in message
    assert "give the one that is the label a column of its own" in message


# Columns


def test_words_that_are_not_used_are_warned_of():
    names = [f"shoe r{i}" for i in range(N)]
    reading = read({"id": IDS, "name": names, "price": [i % 7 for i in range(N)], "label": LABELS})
    assert "if it is a text to classify from, pass --text-column name" in said(reading)


def test_a_column_that_is_the_label_in_other_words_is_no_feature():
    numbers = {"age": [i % 17 for i in range(N)], "code": [int(label == "food") for label in LABELS]}
    reading = read({"id": IDS, **numbers, "label": LABELS})
    assert "code (the label in other words: each of its values goes with one label)" in said(reading)
    numbers["code"][3] = 1 - numbers["code"][3]
    assert "in other words" not in said(read({"id": IDS, **numbers, "label": LABELS}))


@pytest.mark.parametrize("way", ["{{{}}}", "{}", "[{}]"])
@pytest.mark.parametrize("between", [",", " "])
def test_embeddings_as_databases_and_word_vectors_write_them(put, way, between):
    cells = ['"' + way.format(between.join(f"{0.25 * ((i * k) % 7 - 3)}" for k in range(1, 6))) + '"' for i in range(N)]
    reading = read(str(put("t.csv", csv_of({"id": IDS, "embedding": cells, "label": LABELS}))))
    assert reading.columns.spec.kind == "embedding"
    assert reading.data.noisy.inputs is not None


def test_embeddings_that_were_cut_short_are_said(put):
    cells = [f"[0.1 {i / 7:.3f} ... 0.4]" for i in range(N)]
    path = str(put("t.csv", csv_of({"id": IDS, "age": [i % 9 for i in range(N)], "emb": cells, "label": LABELS})))
    assert "emb (lists of numbers that are none, as where '...' stands for some of them)" in said(read(path))
    assert "some of whose numbers were left out where it was written" in refused(path, embedding_column="emb")


def test_an_index_without_a_title_names_the_rows(put):
    drawn = [7, 3, 44, 18, 29, 50, 12, 31, 5, 22]
    noisy = put("t.csv", csv_of({"": range(N), "size": [i % 13 for i in range(N)], "label": LABELS}))
    gold = put("gold.csv", csv_of({"": drawn, "label": [LABELS[i] for i in drawn]}))
    reading = read(str(noisy), str(gold))
    assert reading.data.clean_in_noisy.tolist() == drawn
    assert "ids are taken from the first column, which has no title" in said(reading)
    counted = put("gold.csv", csv_of({"": range(10), "label": LABELS[:10]}))
    assert "carries neither ids nor inputs" in refused(str(noisy), str(counted))


# Writing


def test_types_that_parquet_has_not_are_written_as_the_nearest(tmp_path):
    views = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.uint32()), pa.array(["a", "b"], pa.string_view()))
    ends = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3]), pa.array(["x", "y"]))
    batch = pa.record_batch({"label": views, "part": ends})
    write_batches(tmp_path / "t.parquet", batch.schema, [batch])
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.to_pydict() == {"label": ["a", "b", "a"], "part": ["x", "x", "y"]}
    assert pa.types.is_dictionary(table.schema.field("label").type)
    spans = pa.record_batch({"span": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    with pytest.raises(InputError, match="Parquet cannot hold a column"):
        write_batches(tmp_path / "s.parquet", spans.schema, [spans])


def test_later_rows_that_lack_a_column_say_which_is_needed(put, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flipped = [LABELS[i + 1 if i % 7 == 2 and i + 1 < N else i] for i in range(N)]
    put("t.csv", csv_of({**NOISY, "label": flipped}))
    put("gold.csv", csv_of({"id": IDS[:20], "label": LABELS[:20]}))
    words = ["train", "--noisy", "t.csv", "--clean", "gold.csv", "--method", "glc", "--no-side-checks", "--out", "run"]
    assert main(words) == 0
    put("later.csv", csv_of({"id": IDS, "body": TEXTS, "label": LABELS}))
    assert main(["correct", "--run", "run", "--noisy", "later.csv", "--out", "out.csv"]) == 2
    assert (
        "later.csv: has no column 'text'; its columns are id, body, label; the run reads it: give your column of that "
        "content this name, or use another run" in capsys.readouterr().err
    )


# Trusted files


def test_units_below_a_header_are_no_row_and_a_first_row_with_gaps_is_one(put):
    rows = [f"{i},{i / 7:.2f},{i * 3},{TOPICS[i % 2]}" for i in range(N)]
    head = "id,age,income,label"
    assert len(read(put("a.csv", "\n".join([head, ",years,USD,", *rows])), GOLD_NUMBERS).data.noisy) == N
    assert len(read(put("b.csv", "\n".join([head, "x1,unknown,,food", *rows])), GOLD_NUMBERS).data.noisy) == N + 1
    last = "\n".join([head, *rows, "Total,3.5,2.5,food"])
    assert len(read(put("c.csv", last), GOLD_NUMBERS).data.noisy) == N + 1, "its label is no amount"


GOLD_NUMBERS = pa.table({"id": list(range(20)), "label": LABELS[:20]})


def test_trusted_labels_are_found_by_what_they_hold_where_nothing_is_named_so(put):
    gold = {"id": IDS[:20], "sentiment": LABELS[:20], "reviewer": ["ann"] * 20, "minutes": list(range(20))}
    reading = read(NOISY, pa.table(gold))
    assert reading.columns.clean_label == "sentiment"
    assert "clean: labels of noisy stand in 'sentiment'" in reading.notes
    both = refused(NOISY, pa.table({**gold, "second": LABELS[:20]}))
    assert "columns 'sentiment' and 'second' could both be the trusted labels" in both


def test_a_corrected_label_beside_the_given_one_is_asked_about(put):
    gold = {"id": IDS[:20], "label": LABELS[:20], "Corrected Label": LABELS[1:21]}
    assert "'label' and 'Corrected Label' could both be the trusted labels" in refused(NOISY, pa.table(gold))
    reading = read(NOISY, pa.table(gold), clean_label_column="Corrected Label")
    assert reading.data.clean.codes.tolist() == [1 - code for code in reading.data.paired_given]
    exported = {"id": IDS[:20], "label": LABELS[:20], "given_label": LABELS[1:21], "model": LABELS[1:21]}
    assert read(NOISY, pa.table(exported)).columns.clean_label == "label"


def test_a_verdict_on_the_label_beside_it_is_no_label(put):
    gold = {"id": IDS[:20], "label": LABELS[:20], "correct": ["yes"] * 18 + ["no", ""]}
    message = refused(NOISY, pa.table(gold))
    assert "row 19: 2 of 20 rows are not accepted (the first: correct 'no')" in message
    assert len(read(NOISY, pa.table({**gold, "correct": [True] * 20})).data.clean) == 20
    feature = {**NOISY, "correct": ["yes", "no"] * 30}
    assert len(read(feature, pa.table(gold)).data.clean) == 20, "the noisy file has it as well"


def test_the_whole_table_with_some_labels_checked_is_a_trusted_file(put):
    checked = [label if i < 20 else "" for i, label in enumerate(LABELS)]
    table = put("table.csv", csv_of({**NOISY, "checked": checked}))
    reading = read(table, table, clean_label_column="checked")
    assert len(reading.data.clean) == 20
    assert any("40 rows of" in note and "have no label and are skipped" in note for note in reading.notes)
    assert "with the labels of column 'label' as both" in refused(table, table)


def test_a_feature_of_yes_and_no_is_no_label(put):
    said = ["no", "yes"]
    table = {
        "id": IDS,
        "age": [i % 7 + i / 100 for i in range(N)],
        "smoker": [said[i // 2 % 2] for i in range(N)],
        "label": [said[i % 2] for i in range(N)],
    }
    gold = pa.table({"id": IDS[:20], "label": table["label"][:20]})
    assert read(table, gold).columns.spec.columns == ("age", "smoker")


def tasks(ids):
    answers = [{"type": "choices", "from_name": "topic", "value": {"choices": [label]}} for label in LABELS[:20]]
    return [
        {
            "id": i,
            "data": {"text": TEXTS[i], "label": "other", **({"id": IDS[i]} if ids else {})},
            "annotations": [{"result": [answer], "completed_by": 1}],
        }
        for i, answer in enumerate(answers)
    ]


@pytest.mark.parametrize("ids", [True, False])
def test_a_project_of_label_studio_that_labelfix_did_not_make_is_a_trusted_file(put, ids):
    put("project/info.json", '{"project": {"title": "x"}}')
    put("project/export.json", json.dumps(tasks(ids)))
    folder = put("project/classes.txt", "sport\nfood\n").parent
    reading = read(NOISY, folder)
    assert reading.data.joined_by == ("id" if ids else "content")
    assert reading.data.clean.codes.tolist() == reading.data.paired_given.tolist()
    put("project/again.json", json.dumps(tasks(ids)))
    assert "holds 2 files of answers" in refused(NOISY, folder)
    several = tasks(ids)
    several[3]["annotations"][0]["result"].append({"type": "choices", "from_name": "mood", "value": {"choices": ["x"]}})
    assert "holds answers to 2 questions (mood, topic)" in refused(NOISY, put("several.json", json.dumps(several)))


def test_argillas_records_with_ids_of_its_own_are_joined_by_what_they_are_about(put):
    nested = [
        {"id": f"uuid-{i}", "fields": {"text": TEXTS[i]}, "metadata": {}, "suggestions": {}, "vectors": {}}
        | {"responses": {"topic": [{"value": LABELS[i], "user_id": "u"}]}}
        for i in range(20)
    ]
    flat = {
        "id": [record["id"] for record in nested],
        "text": TEXTS[:20],
        "topic.responses": [[label] for label in LABELS[:20]],
        "topic.responses.status": [["submitted"]] * 20,
    }
    for clean in (put("records.json", json.dumps(nested)), pa.table(flat)):
        reading = read(NOISY, clean)
        assert reading.data.joined_by == "content"
        assert reading.data.clean.codes.tolist() == reading.data.paired_given.tolist()


def test_corrected_rows_alone_are_warned_of():
    wrong = {**NOISY, "label": [TOPICS[1 - TOPICS.index(label)] if i < 20 else label for i, label in enumerate(LABELS)]}
    said = "\n".join(map(str, read(wrong).warnings))
    assert "all 20 given labels of its rows are wrong, as if only corrected rows stood in it" in said
    wrong["label"][:14] = LABELS[:14]
    assert "only corrected rows" not in "\n".join(map(str, read(wrong).warnings))


def test_ids_that_a_spreadsheet_shows_as_links_are_their_text(put):
    linked = [f'=HYPERLINK("https://example.org/{name}","{name}")' for name in IDS]
    cells = ['"' + cell.replace('"', '""') + '"' for cell in linked]
    assert read(put("noisy.csv", csv_of({**NOISY, "id": cells}))).data.joined_by == "id"


# What is no table


def test_texts_that_are_a_file_each_are_one_error(put):
    for i, text in enumerate(TEXTS):
        folder = put(f"texts/{LABELS[i]}/{i}.txt", text.replace(" ", ", ", 1)).parents[1]
    message = refused(folder)
    assert message.count("\n") == 0
    assert "holds 60 texts, each a file, in the folders food, sport" in message
    assert "its folder as label" in message


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("clips/{}.wav", "sounds, films or documents"),
        ("data:image/png;base64,iVBORw0KGgo{}", "base64"),
        ("https://example.org/{}", "addresses"),
    ],
)
def test_files_that_are_not_read_are_named(put, cell, said):
    values = [cell.format(i) for i in range(N)]
    message = refused({"id": IDS, "file": values, "label": LABELS})
    assert f"'file' holds {said}" in message or (said in message and "'file' holds" in message)
    named = {"file": values, "label": LABELS}
    assert said in refused(named, pa.table({"file": values[:20], "label": LABELS[:20]}))


def test_rows_beside_a_count_and_the_next_page_are_a_table(put):
    page = {"tickets": records(NOISY), "next_page": None, "count": N}
    assert len(read(put("tickets.json", json.dumps(page))).data.noisy) == N


@pytest.mark.parametrize("content", ['{"0": "sport", "1": "food"}', "id,name\n0,sport\n1,food\n"])
def test_a_class_map_may_be_what_programs_write_of_class_names(put, content):
    codes = {**NOISY, "label": [TOPICS.index(label) for label in LABELS]}
    reading = read(codes, class_map=str(put("map", content)))
    assert reading.data.classes.names == ("food", "sport")


def test_cells_in_single_quotes_are_read_without_them(put):
    rows = ["'id','text','label'", *(f"'{row['id']}','{row['text']}, so','{row['label']}'" for row in records(NOISY))]
    assert read(put("noisy.csv", "\n".join(rows))).columns.label == "label"


def test_lists_of_several_labels_beside_other_lists_are_no_tags(put):
    several = [
        {**row, "label": [row["label"], "x"][: 1 + i % 2], "Comments": []} for i, row in enumerate(records(NOISY))
    ]
    message = refused(put("all.jsonl", "".join(json.dumps(row) + "\n" for row in several)))
    assert "several labels a row in 30 of 60 rows" in message
    tokens = [{**row, "label": ["O", "PER"], "tokens": ["a", "b"]} for row in ROWS]
    assert "tags for the tokens" in refused(put("tokens.jsonl", "".join(json.dumps(row) + "\n" for row in tokens)))


def test_an_image_named_without_its_ending_is_looked_for_with_it(put):
    for i in range(N):
        put(f"train/{i:03d}.jpg", b"\xff\xd8\xff")
    table = put("train.csv", csv_of({"id_code": [f"{i:03d}" for i in range(N)], "label": LABELS}))
    gold = pa.table({"id_code": [f"{i:03d}" for i in range(20)], "label": LABELS[:20]})
    assert "image train/000.jpg cannot be read" in refused(table, gold, image_column="id_code")


# Columns


def test_names_of_people_beside_the_features_of_a_table_are_no_texts():
    words = [f"Braund, Mr. Owen {i}" for i in range(N)]
    numbers = {f"n{j}": [i % (7 + j) + i / 100 for i in range(N)] for j in range(3)}
    named = read({"id": IDS, "Name": words, **numbers, "label": LABELS})
    assert named.columns.spec.columns == ("n0", "n1", "n2")
    assert any("--text-column Name" in str(warning) for warning in named.warnings)
    for column in ("text", "product"):
        assert read({"id": IDS, column: words, **numbers, "label": LABELS}).columns.spec.kind == "text"
    assert read({"id": IDS, "Name": words, "label": LABELS}).columns.spec.kind == "text", "there is nothing else"


def test_several_texts_may_be_read_together_and_that_is_said():
    message = refused({"id": IDS, "subject": TEXTS, "notes": TEXTS[::-1], "label": LABELS})
    assert "name one, or several to use them together, with --text-column" in message


def test_amounts_as_accountants_and_indians_write_them_are_numbers(put):
    amounts = [f"{i},23,456.50" if i % 2 else f"{i + 10}.25-" for i in range(1, N + 1)]
    noisy = put("noisy.csv", csv_of({"id": IDS, "amount": [f'"{a}"' for a in amounts], "label": LABELS}))
    reading = read(noisy)
    assert reading.columns.spec.categorical == ()
    assert "'amount'" not in "\n".join(map(str, reading.warnings))


def test_another_column_that_has_the_trusted_labels_is_named():
    codes = {**NOISY, "label": [TOPICS.index(label) for label in LABELS], "label_name": LABELS}
    message = refused(codes, pa.table({"id": IDS[:20], "label_name": LABELS[:20]}))
    assert "stand in column 'label_name' of noisy, not in 'label'; pass --label-column label_name" in message


def test_a_word_for_no_label_is_a_class_where_the_trusted_file_has_it_in_another_case(put):
    noisy = put("noisy.csv", csv_of({**NOISY, "label": [label.replace("food", "None") for label in LABELS]}))
    gold = pa.table({"id": IDS[:20], "label": [label.replace("food", "none") for label in LABELS[:20]]})
    assert read(noisy, gold).data.classes.names == ("None", "sport")
