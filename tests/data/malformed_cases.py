"""Malformed inputs, one builder each: what is given, and what the one line about it must say.

Every builder writes its files into a folder, and bears what is said of them: fragments that one line of the message
must hold, of place, value and remedy. `CASES` lists all, for the tests of reading and for those of the command line.
"""

import gzip
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


@dataclass(frozen=True)
class Case:
    """One malformed input.

    Attributes:
        noisy: Path of the noisy file.
        clean: Path of the trusted file.
        expected: Fragments that one line of the message must hold: place, value and remedy.
        settings: Fields of `DataSettings`.
    """

    noisy: Path
    clean: Path
    expected: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)


CASES = []


def case(*expected):
    """A builder, which gives the noisy file; also the trusted one and settings, where they are not the usual."""

    def listed(build):
        @wraps(build)
        def builder(folder):
            made = build(folder)
            noisy, clean, *settings = made if isinstance(made, tuple) else (made, gold_csv(folder))
            return Case(noisy, clean, expected, *settings)

        CASES.append(builder)
        return builder

    return listed


TEXTS = [
    f"this is example sentence number {word}"
    for word in ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
]
LABELS = ["cat", "dog"] * 5


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def noisy_lines():
    return lines_with(LABELS)


def lines_with(labels):
    rows = enumerate(zip(TEXTS, labels, strict=True), start=1)
    return ["id,text,label", *(f"a{i},{text},{label}" for i, (text, label) in rows)]


def noisy_csv(folder, lines=None):
    return write(folder / "noisy.csv", "\n".join(lines or noisy_lines()) + "\n")


def gold_csv(folder, text="id,label\na1,cat\na2,dog\na3,cat\n"):
    return write(folder / "gold.csv", text)


def noisy_table(folder, **columns):
    ids = pa.array([f"a{i}" for i in range(1, 11)])
    table = pa.table({"id": ids, "label": pa.array(LABELS), **columns})
    pq.write_table(table, folder / "noisy.parquet")
    return folder / "noisy.parquet"


def changed(line, text):
    lines = noisy_lines()
    lines[line] = text
    return lines


# Files that are not there or are not what they seem.


@case("noisi.csv: there is no such file", "did you mean", "noisy.csv?")
def missing_noisy_file(folder):
    noisy_csv(folder)
    return folder / "noisi.csv"


@case("elsewhere.parquet: there is no such", "check the path")
def missing_clean_file(folder):
    return noisy_csv(folder), folder / "elsewhere.parquet"


@case("noisy.csv: is an empty file", "give a file with")
def empty_file(folder):
    return write(folder / "noisy.csv", "")


@case("gold.csv: is an empty file", "give a file with")
def empty_trusted_file(folder):
    return noisy_csv(folder), write(folder / "gold.csv", "")


@case("noisy.csv: holds nothing but blank", "header")
def blank_lines_only(folder):
    return write(folder / "noisy.csv", "\n\n \n")


@case("noisy.csv: holds no rows", "give a file with rows")
def header_only(folder):
    return noisy_csv(folder, ["id,text,label"])


@case("noisy.xlsx: cannot be read as an Excel workbook", "save the sheet as CSV UTF-8")
def excel_file(folder):
    return write(folder / "noisy.xlsx", b"PK\x03\x04" + bytes(60))


@case("noisy.csv: is a ZIP archive", "save the table as CSV UTF-8")
def excel_file_named_csv(folder):
    return write(folder / "noisy.csv", b"PK\x03\x04" + bytes(60))


@case("noisy.xyz: is a .xyz file, which labelfix does not read", "it reads CSV")
def unknown_ending(folder):
    return write(folder / "noisy.xyz", "X\n")


@case("noisy.rds: is a .rds file, which labelfix does not read", "write.csv(readRDS('noisy.rds'), 'noisy.csv', ")
def known_ending(folder):
    return write(folder / "noisy.rds", "X\n")


@case("noisy.parquet: cannot be read as Parquet", "damaged")
def damaged_parquet(folder):
    path = noisy_table(folder, text=pa.array(TEXTS))
    return write(path, path.read_bytes()[:-40])


@case("noisy.parquet: is not a Parquet file", "write it as Parquet")
def csv_named_parquet(folder):
    return write(folder / "noisy.parquet", "id,text,label\n1,a,b\n")


@case("noisy.csv.gz: cannot be read as a gzip file", "write the file again")
def damaged_gzip(folder):
    packed = gzip.compress("\n".join(noisy_lines()).encode())
    return write(folder / "noisy.csv.gz", packed[: len(packed) // 2])


@case("things: is a folder with nothing in it that labelfix reads", "Parquet")
def folder_with_nothing_to_read(folder):
    (folder / "things").mkdir()
    write(folder / "things" / "notes.md", "nothing")
    return folder / "things"


@case("part-*.parquet: matches no file", "check the pattern")
def glob_without_match(folder):
    return folder / "part-*.parquet"


@case("1.parquet: has columns key, class, but", "the same columns")
def parts_of_different_columns(folder):
    (folder / "parts").mkdir()
    pq.write_table(pa.table({"id": ["a1"], "text": ["x"], "label": ["cat"]}), folder / "parts" / "0.parquet")
    pq.write_table(pa.table({"key": ["a2"], "class": ["cat"]}), folder / "parts" / "1.parquet")
    return folder / "parts"


@case("noisy.csv: is given as the noisy and as the trusted file", "a file of their own")
def same_file_twice(folder):
    noisy = noisy_csv(folder)
    return noisy, noisy


# Text that cannot be taken apart.


@case(
    "noisy.csv: is not UTF-8 text (byte 0xe9 in row 4, column 'text')", "it looks like cp1252: pass --encoding cp1252"
)
def not_utf8_in_csv(folder):
    lines = "\n".join(noisy_lines()).encode().replace(b"number four", b"caf\xe9 four")
    return write(folder / "noisy.csv", lines)


@case("noisy.parquet, row 7: column 'text' is not UTF-8", "0xef", "write the text as UTF-8")
def not_utf8_in_parquet(folder):
    data = [text.encode() for text in TEXTS]
    data[6] = b"na\xefve text here"
    text = pa.array(data, pa.binary()).view(pa.string())
    return noisy_table(folder, text=text)


@case("noisy.csv: looks like UTF-16 text", "pass --encoding utf-16-le")
def utf16_without_a_mark(folder):
    return write(folder / "noisy.csv", "\n".join(noisy_lines()).encode("utf-16-le"))


@case("noisy.csv: holds a zero byte in row 100011, column 'text'")
def zero_byte_late_in_csv(folder):
    lines = [*noisy_lines(), *(f"b{i},more,cat" for i in range(100_000)), "b,ze\0ro,cat"]
    return noisy_csv(folder, lines)


@case("noisy.csv: has no header: its first row ('a1,this is", "'c1,c2,label'")
def no_header(folder):
    return noisy_csv(folder, noisy_lines()[1:])


@case("noisy.csv, row 5: has 4 cells, but the header has 3", "with a comma", "quote cells")
def ragged_row(folder):
    lines = changed(5, "a5,a sentence, with a comma in it,cat")
    return noisy_csv(folder, lines)


@case("noisy.csv, row 4003: a quote opens before 'oops it opens'", "close or remove it")
def quote_never_closed(folder):
    lines = ["id,label,text", 'a1,cat,"a quoted, sentence"', "a2,dog,another sentence", 'a3,cat,"oops it opens']
    lines += [f"a{i},cat,sentence {i} in it" for i in range(4, 9)]
    filler = [f'b{i},dog,"a sentence, well quoted, number {i}"' for i in range(4000)]
    return write(folder / "noisy.csv", "\n".join([*lines[:3], *filler, *lines[3:]]) + "\n")


# Columns.


@case("noisy.csv: has no column 'labl'; its columns are label,", "name one of them with --label-column")
def named_column_missing(folder):
    return noisy_csv(folder), gold_csv(folder), {"label_column": "labl"}


@case("noisy.csv: has no column that is named like labels", "human1, human2 look like labels", "--label-column")
def no_label_column(folder):
    lines = [
        "id,text,human1,human2",
        *(f"a{i},{t},cat,dog" if i % 3 else f"a{i},{t},dog,cat" for i, t in enumerate(TEXTS, 1)),
    ]
    return noisy_csv(folder, lines)


@case("noisy.csv: columns 'label' and 'noisy_label' could both be the given labels", "--label-column")
def two_label_columns(folder):
    lines = [f"{line},{'noisy_label' if i == 0 else 'cat'}" for i, line in enumerate(noisy_lines())]
    return noisy_csv(folder, lines)


@case("gold.csv: columns 'clean_label' and 'label' could both be the trusted labels", "--clean-label-column")
def two_trusted_label_columns(folder):
    gold = gold_csv(folder, "id,label,clean_label\na1,cat,cat\na2,dog,cat\n")
    return noisy_csv(folder), gold


@case("gold.csv: has no column that is named like trusted labels", "who, when", "--clean-label-column")
def no_trusted_label_column(folder):
    gold = gold_csv(folder, "id,who,when\na1,ann,mo\na2,bob,tu\n")
    return noisy_csv(folder), gold


@case("noisy.parquet: columns 'title' (text) and 'body' (text) could both be the input", "--text-column")
def two_text_columns(folder):
    return noisy_table(folder, title=pa.array(TEXTS), body=pa.array([t.upper() for t in TEXTS]))


@case("'vector' (embedding) and 'text' (text) could both be the input", "--embedding-column or --text-column")
def text_and_embedding(folder):
    return noisy_table(folder, text=pa.array(TEXTS), vector=pa.array([[0.5, float(i)] for i in range(10)]))


@case("noisy.parquet: has no column to classify from", "--text-column")
def nothing_to_classify_from(folder):
    return noisy_table(folder)


@case("--feature-columns names 'label', the column of the given labels", "leave it out")
def labels_asked_for_as_features(folder):
    return noisy_csv(folder), gold_csv(folder), {"text_column": "text", "feature_columns": ("label",)}


@case("noisy.parquet: column 'score' is double, but --text-column takes strings", "another column")
def text_column_of_numbers(folder):
    noisy = noisy_table(folder, score=pa.array(np.arange(10.0)))
    return noisy, gold_csv(folder), {"text_column": "score"}


@case("noisy.parquet: column 'when' is timestamp[ms], which cannot be a label", "--label-column")
def label_column_of_dates(folder):
    noisy = noisy_table(folder, text=pa.array(TEXTS), when=pa.array(np.arange(10), pa.timestamp("ms")))
    return noisy, gold_csv(folder), {"label_column": "when"}


@case("noisy.parquet: column 'id' is list", "cannot be an id", "--id-column")
def id_column_of_lists(folder):
    table = pa.table({"id": [[i] for i in range(10)], "text": TEXTS, "label": LABELS})
    pq.write_table(table, folder / "noisy.parquet")
    return folder / "noisy.parquet"


# Tables of another task.


@case("column 'label' holds lists, several labels a row in", "row 2: ", "single-label classification")
def multi_label_lists(folder):
    labels = pa.array([["cat"], ["cat", "dog"]] * 5)
    table = pa.table({"id": [f"a{i}" for i in range(10)], "text": TEXTS, "label": labels})
    pq.write_table(table, folder / "noisy.parquet")
    return folder / "noisy.parquet"


@case("noisy.csv, row 1: column 'label' holds values such as \"cat|dog\"", "single-label classification")
def multi_label_strings(folder):
    labels = ["cat|dog", "dog|owl", "cat|owl", "cat", "dog", "owl", "cat|dog|owl", "dog|cat", "cat", "owl"]
    lines = lines_with(labels)
    return noisy_csv(folder, lines)


@case("noisy.parquet: column 'label' holds lists", "tags for the tokens", "single-label classification")
def token_tags(folder):
    table = pa.table({"id": ["a1", "a2"], "tokens": [["a", "dog"], ["the", "cat"]], "label": [["O", "B"], ["O", "B"]]})
    pq.write_table(table, folder / "noisy.parquet")
    return folder / "noisy.parquet"


@case("noisy.csv: column 'label' has 59 different numbers such as 0.37", "regression", "single-label classification")
def regression(folder):
    lines = ["id,text,label", *(f"a{i},some words in sentence {i},{i * 0.37:.2f}" for i in range(1, 60))]
    return noisy_csv(folder, lines)


@case("noisy.csv: column 'label' has 59 different values in 59 rows", "looks like an id or a text", "--label-column")
def label_column_of_texts(folder):
    lines = ["id,kind,label", *(f"a{i},x{i % 2},words of sentence {i}" for i in range(1, 60))]
    return noisy_csv(folder, lines), gold_csv(folder), {"feature_columns": ("kind",)}


# Ids and labels.


@case(
    'noisy.csv, row 7: id "a2" stands already in row 2',
    "one row per item: where several people labelled it, give the items once",
)
def duplicate_ids(folder):
    return noisy_csv(folder, changed(7, "a2,the same item once more here,cat"))


@case("noisy.csv, row 8: column 'id' is empty", "give every row an id")
def empty_id(folder):
    return noisy_csv(folder, changed(8, ",an item without a name at all,cat"))


@case('gold.csv, row 3: id "a1" stands already in row 1 with another trusted label', "keep the right one")
def contradictory_trusted_rows(folder):
    gold = gold_csv(folder, "id,label\na1,cat\na2,dog\na1,dog\n")
    return noisy_csv(folder), gold


@case('gold.csv, row 3: has the input of row 1 but label "dog" instead of "cat"', "keep the right one")
def contradictory_trusted_texts(folder):
    gold = gold_csv(folder, f"text,label\n{TEXTS[0]},cat\n{TEXTS[1]},dog\n{TEXTS[0]},dog\n")
    return noisy_csv(folder), gold


@case('gold.csv, row 2: label "catt" is not one of the 2 classes (cat, dog)', "fix it or pass --class-map")
def unknown_trusted_label(folder):
    gold = gold_csv(folder, "id,label\na1,cat\na2,catt\n")
    return noisy_csv(folder), gold


@case('gold.csv, row 2: label "topik_c" is not one of the 12 classes (nearest: topic_c', "--class-map")
def unknown_trusted_label_among_many(folder):
    lines = ["id,text,label", *(f"a{i},words of sentence {i},topic_{'abcdefghijkl'[i % 12]}" for i in range(36))]
    gold = gold_csv(folder, "id,label\na1,topic_b\na2,topik_c\n")
    return noisy_csv(folder, lines), gold


@case("gold.csv: holds no trusted rows", "'label' is empty", "at least two")
def no_trusted_label_at_all(folder):
    gold = gold_csv(folder, "id,label\na1,\na2,\na3,\n")
    return noisy_csv(folder), gold


@case("noisy.csv: column 'label' holds a single class (\"cat\")", "--label-column")
def single_class(folder):
    lines = [line.replace(",dog", ",cat") for line in noisy_lines()]
    gold = gold_csv(folder, "id,label\na1,cat\na3,cat\n")
    return noisy_csv(folder, lines), gold


@case("noisy.csv: column 'label' holds no label at all", "--label-column")
def no_label_at_all(folder):
    lines = [line.replace(",dog", ",").replace(",cat", ",") for line in noisy_lines()]
    return noisy_csv(folder, lines)


@case("gold.csv: holds 1 trusted row", "at least two")
def one_trusted_row(folder):
    return noisy_csv(folder), gold_csv(folder, "id,label\na1,cat\n")


@case("gold.csv: holds no rows", "at least two")
def no_trusted_row(folder):
    return noisy_csv(folder), gold_csv(folder, "id,label\n")


@case("noisy.csv: has no labelled row that is not trusted as well", "give as trusted only")
def every_row_trusted(folder):
    gold = gold_csv(folder, "id,label\n" + "".join(f"a{i},{label}\n" for i, label in enumerate(LABELS, 1)))
    return noisy_csv(folder), gold


# The join.


@case('gold.csv, row 2: id "b9" does not stand in', "fix the id, remove the row, or add the input column 'text'")
def trusted_id_not_in_noisy_file(folder):
    gold = gold_csv(folder, "id,label\na1,cat\nb9,dog\na3,cat\n")
    return noisy_csv(folder), gold


@case('gold.csv: none of its ids (such as "1") stands in', 'look like "a1"', "the same ids")
def no_trusted_id_in_noisy_file(folder):
    gold = gold_csv(folder, "id,label\n1,cat\n2,dog\n")
    return noisy_csv(folder), gold


@case("gold.csv: carries neither the id column 'id' nor inputs", "add the input column 'text'")
def trusted_rows_without_inputs_or_ids(folder):
    gold = gold_csv(folder, "label\ncat\ndog\n")
    return noisy_csv(folder), gold


@case("gold.csv: carries ids and no inputs, but", "--id-column")
def trusted_ids_but_no_noisy_ids(folder):
    lines = [line.split(",", 1)[1] for line in noisy_lines()]
    return noisy_csv(folder, lines)


@case('gold.csv, row 1: id "a1" has another text than in', "the same ids, or take the id")
def ids_that_name_other_items(folder):
    gold = gold_csv(
        folder, "id,text,label\n" + "".join(f"a{i},other words {i} altogether,{LABELS[i]}\n" for i in range(1, 5))
    )
    return noisy_csv(folder), gold


# Inputs.


@case("noisy.parquet, row 5: column 'embedding' holds NaN at position 2", "leave the row out")
def nan_in_embedding(folder):
    rows = [[0.1, 0.2, float(i)] for i in range(10)]
    rows[4][1] = float("nan")
    return noisy_table(folder, embedding=pa.array(rows))


@case("noisy.parquet, row 9: column 'embedding' holds an infinite number at position 3", "leave the row out")
def inf_in_embedding(folder):
    rows = [[0.1, 0.2, float(i)] for i in range(10)]
    rows[8][2] = float("-inf")
    return noisy_table(folder, embedding=pa.array(rows))


@case("noisy.parquet, row 3: column 'embedding' has 2 numbers where most rows have 3", "the same encoder")
def ragged_embeddings(folder):
    rows = [[0.1, 0.2, float(i)] for i in range(10)]
    rows[2] = [0.1, 0.2]
    return noisy_table(folder, embedding=pa.array(rows))


@case("noisy.parquet, row 6: column 'embedding' is empty", "give every row an embedding")
def missing_embedding(folder):
    rows = [None if i == 5 else [0.1, 0.2, float(i)] for i in range(10)]
    return noisy_table(folder, embedding=pa.array(rows))


@case("noisy.parquet, row 4: column 'size' holds an infinite number", "fix the value")
def inf_in_feature(folder):
    values = np.linspace(0, 1, 10)
    values[3] = np.inf
    return noisy_table(folder, size=pa.array(values))


@case("noisy.parquet: column 'weight' holds no value at all", "--feature-columns")
def empty_feature(folder):
    noisy = noisy_table(folder, size=pa.array(np.linspace(0, 1, 10)), weight=pa.nulls(10, pa.float64()))
    return noisy, gold_csv(folder), {"feature_columns": ("size", "weight")}


@case("noisy.csv: column 'text' is empty in all rows", "--text-column")
def empty_texts(folder):
    lines = ["id,text,label", *(f"a{i},,{label}" for i, label in enumerate(LABELS, 1))]
    return noisy_csv(folder, lines), gold_csv(folder), {"text_column": "text"}


def image_folder(folder):
    for i in range(6):
        place = folder / "images" / ("cat" if i % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 40 * i, np.uint8)).save(place / f"{i}.png")
    return folder / "images"


@case("images, row 5: image dog/2.png cannot be read (it is no image)", "--skip-unreadable")
def unreadable_image(folder):
    images = image_folder(folder)
    write(images / "dog" / "2.png", b"no image at all")
    gold = gold_csv(folder, "id,label\ncat/1.png,cat\ndog/0.png,dog\n")
    return images, gold


@case("images, row 2: image cat/3.png cannot be read", "fix or remove it")
def truncated_image(folder):
    images = image_folder(folder)
    whole = (images / "cat" / "3.png").read_bytes()
    write(images / "cat" / "3.png", whole[: len(whole) - 30])
    gold = gold_csv(folder, "id,label\ncat/1.png,cat\ndog/0.png,dog\n")
    return images, gold


@case("noisy.csv, row 6: image images/9.png cannot be read (there is no such file)", "--skip-unreadable")
def image_path_that_leads_nowhere(folder):
    image_folder(folder)
    lines = [
        "id,path,label",
        *(f"a{i},images/{'cat' if i % 2 else 'dog'}/{i}.png,cat" for i in range(5)),
        "a9,images/9.png,dog",
    ]
    gold = gold_csv(folder, "id,label\na1,cat\na0,dog\n")
    return noisy_csv(folder, lines), gold


@case("all: holds splits (train), not classes", "give one of them")
def image_folder_of_splits(folder):
    images = image_folder(folder)
    (folder / "all").mkdir()
    images.rename(folder / "all" / "train")
    return folder / "all"


# The class map.


@case("map.csv: there is no such file", "check the path")
def class_map_missing(folder):
    return noisy_csv(folder), gold_csv(folder), {"class_map": str(folder / "map.csv")}


@case('map.csv, row 2: alias "kitty" stands for both "cat" and "dog"', "keep one")
def class_map_contradicts_itself(folder):
    path = write(folder / "map.csv", "alias,class\nkitty,cat\nkitty,dog\n")
    return noisy_csv(folder), gold_csv(folder), {"class_map": str(path)}


@case("map.csv, row 2: has 3 cells", "alias and class")
def class_map_of_three_columns(folder):
    path = write(folder / "map.csv", "alias,class\nkitty,cat\npuppy,dog,really\n")
    return noisy_csv(folder), gold_csv(folder), {"class_map": str(path)}
