"""Inputs that have strayed: files of other programs, half-done trusted rows, habits from other tools."""

import gzip
import json

from case_asks import classes, made
from case_found import COLUMNS, told
from case_handed import between, kept
from case_made import TRAIN, WORDS, N, R, check, gold, lines, put, reads, records, refuses, refuses_last, warns


def both(case):
    put(case, "noisy.csv", lines(R))
    gold(case)


# Files


@made("500-comments-as-wide-as-the-header", told("lines of comment", *WORDS))
def _(case):
    put(case, "noisy.csv", between(lines(R), "# by Ann, Bob, 2024", "# batch 2, more, so", "#"))
    gold(case)


def pretty(*, cut=0, broken=False):
    text = "\n".join(json.dumps(row, indent=1) for row in kept())
    return (text.replace('"label":', '"label"', 9).replace('"label"', '"label":', 8) if broken else text)[
        : -cut or None
    ]


@made("501-cut-off", refuses("noisy.json:598", "ends within a record", "cut off"), *check("noisy.json"))
def _(case):
    put(case, "noisy.json", pretty(cut=40))
    gold(case)


@made("502-broken-within", refuses("noisy.json:44", "is not JSON"), *check("noisy.json"))
def _(case):
    put(case, "noisy.json", pretty(broken=True))
    gold(case)


@made("503-json-in-json", refuses("JSON within JSON", "json.loads"), *check("noisy.jsonl"))
def _(case):
    put(case, "noisy.jsonl", records(json.dumps(row) for row in kept()))
    gold(case)


def other_file(number, name, content, *says):
    @made(f"{number}-{name}", refuses(f"noisy.{name}", *says), *check(f"noisy.{name}"))
    def _(case):
        put(case, f"noisy.{name}", content)
        gold(case)


other_file(
    504, "npy", b"\x93NUMPY\x01\x00v\x00", "numpy.load.'noisy.npy'.", "'embedding'", "to_parquet.'noisy.parquet'."
)
other_file(505, "npz", b"PK\x03\x04" + bytes(60), "numpy.load.'noisy.npz'.", "NAME")
other_file(506, "avro", b"Obj\x01" + bytes(60), "polars.read_avro.'noisy.avro'..write_parquet")
other_file(507, "rds", b"\x1f\x8b\x08" + bytes(60), "write.csv.readRDS.'noisy.rds'.")
other_file(508, "db", b"SQLite format 3\0", "sqlite3 -header -csv noisy.db")
other_file(509, "ipynb", b'{"cells": [], "nbformat": 4}', "notebook")


@made("510-packed-twice", refuses("gzip file with a gzip file in it", "unpack"), *check("noisy.csv.gz"))
def _(case):
    put(case, "noisy.csv.gz", gzip.compress(gzip.compress(lines(R).encode())))
    gold(case)


@made("511-baltic", refuses("looks like", "another if", "reads wrong"))
def _(case):
    rows = [{**row, "text": row["text"] + " \u0161e\u0161iolika \u017e\u0105s\u0173"} for row in R]
    put(case, "noisy.csv", lines(rows), "cp1257")
    gold(case)


# Labels inside something else


def inside(name, way, *says):
    @made(name, refuses(*says), *check("noisy.jsonl"))
    def _(case):
        put(case, "noisy.jsonl", records(way(row) for row in R))
        gold(case)


ALONE = "column of its own, such as 'label'"
inside("520-chats", lambda r: {"messages": [{"role": "user", "content": r["text"]}]}, "'messages' holds lists", ALONE)
inside(
    "521-annotations",
    lambda r: {"id": r["id"], "text": r["text"], "annotations": [{"label": 5, "user": 1}]},
    "'annotations' holds lists",
    ALONE,
)


@made("522-votes-as-counts", refuses("sport, food, tech", "same sum in each row", "largest"))
def _(case):
    rows = [{**r, **{t: 2 * (t == r["label"]) + (t == r["true"]) for t in WORDS}} for r in R]
    put(case, "noisy.csv", lines(rows, ("id", "text", *WORDS)))
    gold(case)


# Trusted rows


def with_status(case, column, words):
    put(case, "noisy.csv", lines(R))
    rows = [{**r, "label": r["true"], column: words[i % 4]} for i, r in enumerate(R[:60])]
    put(case, "gold.csv", lines(rows, ("id", "label", column)))


@made("530-still-to-do", reads(pairs=45))
def _(case):
    with_status(case, "status", ("todo", "done", "done", "reviewed"))


@made("531-skipped-in-prodigy", reads(pairs=45))
def _(case):
    with_status(case, "answer", ("ignore", "accept", "accept", "accept"))


@made("532-rejected", refuses("15 of 60 rows are not accepted", "status 'rejected'"))
def _(case):
    with_status(case, "status", ("rejected", "approved", "approved", "pending"))


def spelled(name, ours, theirs, expectation):
    @made(name, expectation)
    def _(case):
        put(case, "noisy.csv", lines({**r, "label": ours.get(r["label"], r["label"])} for r in R))
        gold(case, [{**r, "true": theirs.get(r["true"], r["true"])} for r in R])


def matched(case):
    case.worked()
    case.need(all(f" {count} given" in case[0].out for count in classes(case[0]).values()), "classes are not counted")
    case.need(len(classes(case[0])) == 3 and case[0].says("spelled differently"), "labels do not meet")


spelled("533-dash-that-does-not-break", {"sport": "e\u2011mail"}, {"sport": "e-mail"}, matched)
spelled("534-decoded-wrongly", {"food": "Caf\u00c3\u00a9"}, {"food": "Caf\u00e9"}, matched)
spelled("535-full-stop", {}, {word: f"{word}." for word in WORDS}, matched)
spelled("536-fasttext", {word: f"__label__{word}" for word in WORDS}, {}, matched)
spelled("542-as-python-prints", {word: f"b'{word}'" for word in WORDS}, {}, matched)
spelled("537-one-of-three", {}, {"sport": "sports"}, refuses("sports,sport", "alias,class"))


@made("538-column-of-another-label", told("'survived' is the label", "0", "1"))
def _(case):
    rows = [{**r, "class": 1 + i % 3, "survived": int(r["label"] == "yes")} for i, r in enumerate(N)]
    put(case, "noisy.csv", lines(rows, ("id", "class", "age", "income", "survived")))
    trusted = [{"id": r["id"], "survived": int(r["true"] == "yes")} for r in N[:45]]
    put(case, "gold.csv", lines(trusted, ("id", "survived")))


@made("539-ids-with-an-apostrophe", told("spelling", *WORDS))
def _(case):
    put(case, "noisy.csv", lines({**row, "id": f"{i:04d}"} for i, row in enumerate(R)))
    gold(case, [{**row, "id": f"'{i:04d}"} for i, row in enumerate(R)])


# Features


@made("540-spike", warns("income", "9999 in 12 of 120 cells", "empty"))
def _(case):
    rows = [{**row, "income": 9999 if i % 10 == 0 else row["income"]} for i, row in enumerate(N)]
    put(case, "noisy.csv", lines(rows, COLUMNS))
    gold(case, N)


@made("541-nothing-varies", refuses("'a': constant", "'b': constant"))
def _(case):
    put(case, "noisy.csv", lines([{**row, "a": 1, "b": "x"} for row in N], ("id", "a", "b", "label")))
    gold(case, N)


# The command line


def wrongly(name, expectation, *commands):
    made(name, expectation, *commands)(both)


CHECK, RUN = "check --noisy noisy.csv --clean gold.csv", TRAIN.format("noisy.csv")
wrongly("550-delimiter", refuses("--sep", "found by itself"), f"{CHECK} --sep ,")
wrongly("551-epochs", refuses("--set epochs="), f"{RUN} --epochs 3")
wrongly("552-several-in-one", refuses("several files", "flag of its own"), f"{CHECK},gold.csv")
wrongly("553-part-of-a-run", refuses_last("part of a run", "OUT"), RUN, "flag --run OUT/classifier")
wrongly("554-trusted-as-truth", refuses_last("trusted rows", "other rows"), RUN, "evaluate --run OUT --truth gold.csv")
wrongly("556-report-as-pdf", refuses_last("HTML", ".html"), RUN, "report --run OUT --out OUT-r.pdf")


def config(name, content, expectation):
    @made(name, expectation, "check --config own.toml --noisy noisy.csv --clean gold.csv")
    def _(case):
        both(case)
        put(case, "own.toml", content)


config("557-outside-its-table", "label_column = 'label'\n", refuses("'label_column'", "below a line .data."))


@made("558-names-of-a-model", reads(), f"{CHECK} --class-map config.json")
def _(case):
    put(case, "noisy.csv", lines({**row, "label": list(WORDS).index(row["label"])} for row in R))
    put(case, "config.json", json.dumps({"model_type": "bert", "id2label": dict(enumerate(WORDS))}))
    gold(case)


wrongly("559-split-of-one-file", refuses("single file", "--split"), f"{CHECK} --split train")


@made("560-windows-path", refuses("not a TOML file", "single quotes"), "check --config own.toml")
def _(case):
    both(case)
    put(case, "own.toml", 'noisy = "C:\\Users\\ann\\noisy.csv"\n')


@made("561-one-row-a-rater", refuses("names 120 items in 360 rows", "--sources"))
def _(case):
    put(case, "noisy.csv", lines({**r, "rater": who} for r in R for who in "abc"))
    gold(case)


@made("562-answers-in-objects", refuses("gold.json", "holds objects", "column of its own"), f"{CHECK[:-4]}.json")
def _(case):
    put(case, "noisy.csv", lines(R, ("text", "label")))
    answers = [{"text": r["text"], "labels": [{"json": {"name": r["true"]}}]} for r in R[:45]]
    put(case, "gold.json", json.dumps(answers))


@made("563-rows-beside-their-columns", refuses("row.label", "--label-column"), *check("noisy.json"))
def _(case):
    rows = [{"row_idx": i, "row": row} for i, row in enumerate(kept())]
    put(case, "noisy.json", json.dumps({"features": [{"name": "text"}, {"name": "label"}], "rows": rows}))
    gold(case)


@made("564-text-called-a-workbook", reads(), *check("noisy.xlsx"))
def _(case):
    put(case, "noisy.xlsx", lines(R))
    gold(case)
