"""Cases of delimited text and of JSON: encodings, dialects, headers, endings."""

import json
import re

from case_asks import (
    annotation_lines_are_right,
    classes,
    expects,
    features,
    is_read,
    leads_out,
    only_labels_differ,
    paired,
    rows_of,
)
from case_runs import Unclear

TOPICS = ("sport", "food", "tech")


def reads_topics(case, said, kinds=TOPICS):
    is_read(case, said, pairs=45, rows=120, kinds=kinds)


def read_or_one_message(case, said, *patterns):
    """Ask that a file is read, or refused in one message that says this."""
    if said.code == 0:
        reads_topics(case, said)
    else:
        leads_out(said, *patterns)
        errors = [line for line in said.err.splitlines() if line.startswith("labelfix: ")]
        case.need_clear(len(errors) == 1, f"{len(errors)} messages where one would do")


def encoding_is_named(case, name, flag):
    """Ask that a file in another encoding is read with the guess said, or refused with the guess and the flag."""
    said = case[0]
    if said.code == 0:
        leads_out(said, name)
        reads_topics(case, said)
        return
    leads_out(said, name, "--encoding")
    told = case.run(*said.words, "--encoding", flag)
    if told.refused:  # the flag may hold for both files
        gold = case.folder / "gold.csv"
        gold.write_bytes(gold.read_bytes().decode("utf-8").encode(flag))
        told = case.run(*said.words, "--encoding", flag)
    reads_topics(case, told)


@expects("01")
def _(case):
    encoding_is_named(case, "cp1252|windows-1252|latin.?1", "cp1252")


@expects("02")
def _(case):
    encoding_is_named(case, "utf-?16", "utf-16")


@expects("03")
def _(case):
    reads_topics(case, case[0])


@expects("04")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=("no", "yes"))
    case.need("2 numeric" in case[1].err or "1 of them" in features(case[0]), "the decimal commas are not numbers")
    only_labels_differ(case.folder / "noisy.csv", case.out("-fixed.csv"), ";")


@expects("07")
def _(case):
    read_or_one_message(case, case[0], "(ends? (in|with)|trailing|last).*(delimiter|comma|,)")


@expects("08")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=("no", "yes"))
    case.need(re.search(r": age, income, city \(3 ", features(case[0])), f"row names: {features(case[0])}")


@expects("10")
def _(case):
    case.worked()
    reads_topics(case, case[0])
    source, fixed = case.folder / "noisy.csv", case.out("-fixed.csv")
    annotation_lines_are_right(case, case[2], source)
    before, after = rows_of(source), rows_of(fixed)
    case.need(len(before) == len(after), "rows are lost")
    changed = [old["label"] != new["label"] for old, new in zip(before, after, strict=True)]
    for old, new in zip(before, after, strict=True):
        case.need((old["id"], old["text"]) == (new["id"], new["text"]), f"the text of {old['id']} changed")
    row = re.compile(rb"\n(?=r\d{4},)")
    for old, new, other in zip(
        row.split(source.read_bytes())[1:], row.split(fixed.read_bytes())[1:], changed, strict=True
    ):
        case.need(other or new.startswith(old.rstrip(b"\r\n") + b","), f"a row is written otherwise: {new[:60]!r}")


@expects("11")
def _(case):
    read_or_one_message(case, case[0], "comment|preamble|before the header")


@expects("12")
def _(case):
    said = case[0]
    leads_out(said, "header")
    if said.code == 0:
        is_read(case, said, pairs=45, rows=120, kinds=("no", "yes"))


@expects("13")
def _(case):
    case.worked()
    reads_topics(case, case[0])
    only_labels_differ(case.folder / "noisy.csv", case.out("-fixed.csv"), ",")


@expects("14")
def _(case):
    reads_topics(case, case[0])


@expects("15")
def _(case):
    case.worked()
    only_labels_differ(case.folder / "noisy.csv", case.out("-fixed.csv"), ",", kept_quotes='"')


@expects("16")
def _(case):
    reads_topics(case, case[0])
    reads_topics(case, case[1])
    settings = ("--method", "glc", "--no-side-checks")
    case.run("train", "--noisy", "noisy.jsonl", "--clean", "gold.csv", *settings, "--out", case.out())
    fixed = case.out("-fixed.jsonl")
    case.run("export", "--run", case.out(), "--corrected-labels", fixed)
    case.worked()
    before = (case.folder / "noisy.jsonl").read_text("utf-8").splitlines()
    after = fixed.read_text("utf-8").splitlines()
    case.need(len(before) == len(after), f"{len(before)} rows became {len(after)}")
    for old, new in zip(map(json.loads, before), map(json.loads, after), strict=True):
        case.need((old["id"], old["text"]) == (new["id"], new["text"]), f"row {old['id']} changed")
        case.need(new["label"] in TOPICS, f"row {old['id']} has the label {new['label']!r}")


@expects("17")
def _(case):
    if case[0].code == 0:
        reads_topics(case, case[0])
    else:
        leads_out(case[0], "zero byte|NUL", r"row 100\b|:101\b|line 101\b")


@expects("158")
def _(case):
    for said in case.ran:
        file = said.words[2]
        if said.code == 0:
            reads_topics(case, said)
            continue
        own = {"data.parquet.gzip": "Parquet", "data.parq": "Parquet"}.get(file)
        if own:
            raise Unclear(f"{file} is {own}, which labelfix reads: {said.last_line}")
        case.need(file != "DATA.CSV", f"{file} is refused: {said.last_line}")
        leads_out(said, re.escape(file), "it reads|unpack|unzip|rename|save|write|convert|ending")


@expects("159")
def _(case):
    case.worked()
    reads_topics(case, case[0])
    only_labels_differ(case.folder / "noisy.tsv", case.out("-fixed.tsv"), "\t")


@expects("160")
def _(case):
    case.worked()
    names = {'Sport, "team"', "Food/Drink", "Tech\nIT"}
    before, after = rows_of(case.folder / "noisy.csv"), rows_of(case.out("-fixed.csv"))
    case.need([row["text"] for row in before] == [row["text"] for row in after], "texts changed")
    case.need({row["label"] for row in after} == names, f"labels read back: {sorted({r['label'] for r in after})}")
    moved = [row for row in after if row["given_label"] != row["label"]]
    case.need({row["given_label"] for row in moved} == names, "the given labels do not read back")
    annotation_lines_are_right(case, case[3], case.folder / "noisy.csv")
    case.need(len(classes(case[4])) == 3 and paired(case[4]) == 45, "the export is not read back as it was written")


@expects("168")
def _(case):
    case.worked()
    reads_topics(case, case[0])
    annotation_lines_are_right(case, case[2], case.folder / "noisy.csv")
