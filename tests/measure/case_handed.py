"""Inputs as somebody hands them over who has never seen labelfix: what stands between rows, odd files, lost ids."""

import json

from case_asks import is_left_out, made
from case_found import COLUMNS, WORDS, images, told
from case_made import EXPORT, TRAIN, N, R, check, gives_back, gold, lines, put, reads, records, refuses, warns

FIXED = ("noisy.csv", TRAIN.format("noisy.csv"), EXPORT + ".csv")


# What stands between the rows


def between(body, *more):
    """A text with more lines in it, the last of them first."""
    rows = body.splitlines()
    for at, line in zip((81, 41, 1), more, strict=True):
        rows.insert(at, line)
    return "\n".join(rows) + "\n"


@made("400-headings", told("headings between the rows", "no", "yes"))
def _(case):
    put(case, "noisy.csv", between(lines(N, COLUMNS), "Region South,,,", "Region North,,,", "Region East,,,"))
    gold(case, N)


@made("401-comments", gives_back("-fixed.csv"), *check(*FIXED))
def _(case):
    put(case, "noisy.csv", between(lines(R), "# batch 3", "# batch 2, by Ann", "#"))
    gold(case)


@made("402-hashtags-are-no-comments", refuses("row 5", "has 4 cells, but the header has 3 .line 6"))
def _(case):
    body = lines([{**row, "text": "#win " + row["text"]} for row in R], ("text", "label", "id")).splitlines()
    put(case, "noisy.csv", "\n".join([*body[:5], "#a, b,sport,r0", *body[5:]]) + "\n")
    gold(case)


# Files


@made("410-jq", reads(), *check("noisy.json", TRAIN.format("noisy.json"), EXPORT + ".json"))
def _(case):
    put(case, "noisy.json", "\n".join(json.dumps(row, indent=2) for row in kept()) + "\n")
    gold(case)


@made("411-lines-with-commas", reads(), *check("noisy.jsonl"))
def _(case):
    put(case, "noisy.jsonl", "".join(json.dumps(row) + ",\n" for row in kept()))
    gold(case)


@made("412-two-tables", refuses("'train' .60 rows., 'test' .60 rows", "jq"), *check("noisy.json"))
def _(case):
    put(case, "noisy.json", json.dumps({"train": kept()[:60], "test": kept()[60:]}))
    gold(case)


@made("413-spaces", reads("no", "yes"), *check("noisy.txt", TRAIN.format("noisy.txt"), EXPORT + ".csv"))
def _(case):
    rows = "".join(f"{row['id']}  {row['age']:>8} {row['income']:>9}  {row['label']}\n" for row in N)
    put(case, "noisy.txt", "id   age  income label\n" + rows)
    gold(case, N)


@made("414-libsvm", refuses("LIBSVM", "CSV"), *check("noisy.txt"))
def _(case):
    put(case, "noisy.txt", "".join(f"{int(r['label'] == 'yes')} 1:{r['age']} 2:{r['income']}\n" for r in N))
    gold(case, N)


@made("415-list-of-images", refuses("no header", "c1 label"), *check("train.txt"))
def _(case):
    put(case, "train.txt", "".join(f"img/{r['id']}.png {list(WORDS).index(r['breed'])}\n" for r in images(case, "img")))


@made("416-no-gzip", refuses("gzip file", "does not read"), *check("model.bin"))
def _(case):
    put(case, "model.bin", b"\x1f\x8b\x08\x00\x00" + bytes(60))
    gold(case)


@made("417-spss", refuses("sav", "pandas.read_spss"), *check("survey.sav"))
def _(case):
    put(case, "survey.sav", b"$FL2@(#) SPSS DATA FILE" + bytes(60))
    gold(case)


@made("418-mac", refuses("looks like mac_roman"))
def _(case):
    rows = [{**row, "text": f"{row['text']} caf\u00e9 d\u00e9j\u00e0 vu, l\u2019\u00e9t\u00e9"} for row in R]
    put(case, "noisy.csv", lines(rows), "mac_roman")
    gold(case)


def kept():
    return [{name: row[name] for name in ("id", "text", "label")} for row in R]


# Columns


@made("420-percent-and-share", warns("share", "60 with %", "in one way"))
def _(case):
    rows = [{**row, "share": f"{i % 40 + 1}%" if i % 2 else (i % 40 + 1) / 100} for i, row in enumerate(N)]
    put(case, "noisy.csv", lines(rows, ("id", "age", "income", "share", "label")))
    gold(case, N)


@made("421-stands-for-missing", warns("income", "-999 in 12 of 120 cells .10.0%", "empty"))
def _(case):
    rows = [{**row, "income": -999 if i % 10 == 0 else row["income"]} for i, row in enumerate(N)]
    put(case, "noisy.csv", lines(rows, COLUMNS))
    gold(case, N)


@made("422-split", lambda case: case.need(is_left_out(case[0], "split"), "the split is a feature"))
def _(case):
    rows = [{**row, "split": ("train", "train", "test", "val")[i % 4]} for i, row in enumerate(N)]
    put(case, "noisy.csv", lines(rows, ("id", "age", "income", "split", "label")))
    gold(case, N)


@made("423-objects-in-parquet", refuses("features.age, features.income", "flatten"), *check("noisy.parquet"))
def _(case):
    import pyarrow as pa
    import pyarrow.parquet as pq

    objects = [{"age": row["age"], "income": row["income"]} for row in N]
    columns = {"id": [row["id"] for row in N], "features": objects, "label": [row["label"] for row in N]}
    pq.write_table(pa.table(columns), case.folder / "noisy.parquet")
    gold(case, N)


# Labels and ids


@made("430-postgres", reads())
def _(case):
    put(case, "noisy.csv", lines({**row, "label": f"{{{row['label']}}}"} for row in R))
    gold(case)


SCALE = "--label-column response.topic.response --id-column task_id --clean-id-column id"


@made("431-scale", reads(), f"check --noisy noisy.jsonl --clean gold.csv {SCALE}")
def _(case):
    answers = [{"topic": {"type": "category", "response": [[row["label"]]]}} for row in R]
    rows = [{"task_id": r["id"], "attachment": r["text"], "response": said} for r, said in zip(R, answers, strict=True)]
    put(case, "noisy.jsonl", records(rows))
    gold(case)


@made("432-codes-and-names", refuses("is not one of the 3 classes .0, 1, 2", "--class-map FILE", "alias,class"))
def _(case):
    put(case, "noisy.csv", lines({**row, "label": list(WORDS).index(row["label"])} for row in R))
    gold(case)


LONG = [{**row, "id": 1234567890123 + 17 * i} for i, row in enumerate(R)]
CUT = [{**row, "id": f"{1234567890123 + 17 * i:.5E}"} for i, row in enumerate(R)]


@made("433-trusted-ids-cut", refuses("spreadsheet or a float has cut", "1.23457E", "1234567890123"))
def _(case):
    put(case, "noisy.csv", lines(LONG))
    gold(case, CUT)


@made("434-noisy-ids-cut", refuses("noisy.csv", "spreadsheet or a float has cut", "120 of 120"))
def _(case):
    put(case, "noisy.csv", lines(CUT))
    gold(case, LONG)


TRUTH = (TRAIN.format("noisy.csv"), "evaluate --run OUT --truth truth.csv")


@made("435-truth-of-texts", lambda case: case.worked().need(case[1].says("70 rows matched by content"), "no"), *TRUTH)
def _(case):
    put(case, "noisy.csv", lines(R))
    gold(case)
    put(case, "truth.csv", lines([{**row, "label": row["true"]} for row in R[50:]], ("text", "label")))


# Images


@made("440-spaces-as-percent-20", reads())
def _(case):
    rows = images(case, "my photos")
    named(case, [f"my%20photos/{row['id']}.png" for row in rows], [f"my photos/{row['id']}.png" for row in rows])


@made("441-of-another-computer", told("likewise", *WORDS))
def _(case):
    rows = images(case, "img")
    named(case, [f"/home/x/img/{row['id']}.png" for row in rows], [f"C:\\data\\img\\{row['id']}.png" for row in rows])


def named(case, ours, theirs):
    rows = list(zip(ours, theirs, R, strict=True))
    put(case, "noisy.csv", lines([{"image": name, "label": row["label"]} for name, _, row in rows], ("image", "label")))
    trusted = [{"image": name, "label": row["true"]} for _, name, row in rows[:45]]
    put(case, "gold.csv", lines(trusted, ("image", "label")))
