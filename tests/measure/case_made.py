"""Inputs as tools and people write them, made here: exports of databases, offices, annotation tools and models."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from case_asks import Expectation, is_feature, is_left_out, is_read, leads_out, made, paired, parquet, rows_of
from case_runs import Case

Row = dict[str, Any]

WORDS = {
    "sport": ["goal", "striker", "season", "coach", "match", "stadium", "league", "referee"],
    "food": ["soup", "pepper", "baking", "garlic", "oven", "recipe", "flour", "butter"],
    "tech": ["server", "laptop", "software", "browser", "update", "kernel", "router", "battery"],
}
FILL = ["a", "the", "our", "with", "this", "some", "quite", "about"]
TRAIN = "train --noisy {} --clean gold.csv --method glc --no-side-checks --overwrite --out OUT"
EXPORT = "export --run OUT --corrected-labels OUT-fixed"


def topics(seed: int = 1) -> list[Row]:
    """120 texts of three topics; one in seven given labels is wrong."""
    draw = random.Random(seed)
    rows = []
    for i in range(120):
        true = list(WORDS)[i % 3]
        text = " ".join(draw.sample(WORDS[true], 4) + draw.sample(FILL, 4))
        given = true if draw.random() > 1 / 7 else draw.choice([topic for topic in WORDS if topic != true])
        rows.append({"id": f"r{i:04d}", "text": text, "label": given, "true": true})
    return rows


def numbers(seed: int = 2) -> list[Row]:
    """120 rows of two numbers and a label yes or no."""
    draw = random.Random(seed)
    rows = []
    for i in range(120):
        true = i % 2
        age, income = round(draw.gauss(40 + 8 * true, 6), 1), round(draw.gauss(3000 + 900 * true, 500), 2)
        given = true if draw.random() > 1 / 7 else 1 - true
        rows.append(
            {"id": 1000 + i, "age": age, "income": income, "label": ("no", "yes")[given], "true": ("no", "yes")[true]}
        )
    return rows


R, N = topics(), numbers()


def put(case: Case, name: str, content: str | bytes, encoding: str = "utf-8") -> None:
    path = case.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))


def lines(rows: Iterable[Mapping[str, Any]], names: Sequence[str] = ("id", "text", "label"), **dialect: Any) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n", **dialect)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def records(rows: Iterable[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def gold(case: Case, rows: Sequence[Row] = R, id_name: str = "id", label: str = "label", count: int = 45) -> None:
    put(case, "gold.csv", lines([{id_name: row["id"], label: row["true"]} for row in rows[:count]], (id_name, label)))


def reads(*kinds: str, pairs: int = 45, rows: int = 120) -> Expectation:
    """All rows, these classes, all pairs; and whatever else was run ended well."""

    def expect(case: Case) -> None:
        is_read(case, case[0], pairs, rows, kinds or tuple(WORDS))
        case.worked()

    return expect


def refuses(*patterns: str) -> Expectation:
    """One line says all this."""

    def expect(case: Case) -> None:
        case.need(case[0].refused, "it is not refused")
        leads_out(case[0], *patterns)

    return expect


def refuses_last(*patterns: str) -> Expectation:
    """The last command is refused, and one line of it says all this."""
    return lambda case: leads_out(case[len(case.ran) - 1], *patterns)


def gives_back(name: str) -> Expectation:
    """The export holds the source's rows, with their own cells."""

    def expect(case: Case) -> None:
        reads()(case)
        fixed = rows_of(case.out(name))
        case.need([row["id"] for row in fixed] == [row["id"] for row in R], "the export has other rows")
        case.need([row["text"] for row in fixed] == [row["text"] for row in R], "the export has other texts")

    return expect


def warns(*patterns: str) -> Expectation:
    def expect(case: Case) -> None:
        case.worked()
        case.need(case[0].warns(*patterns), f"no warning says {', '.join(patterns)}")

    return expect


def writes(name: str) -> Callable[[Expectation], Expectation]:
    """An input that is one file beside the trusted ids and labels."""

    def wrap(work: Callable[[], str | bytes]) -> Expectation:
        def make(case: Case) -> None:
            put(case, name, work())
            gold(case)

        return make

    return wrap


def check(name: str, *more: str) -> tuple[str, ...]:
    return (f"check --noisy {name} --clean gold.csv", *more)


# Offices and databases


@made("201-empty-rows-and-columns", reads("no", "yes"))
def _(case: Case) -> None:
    body = [f"{row['id']};{row['age']};{row['income']};{row['label']};;".replace(".", ",") for row in N]
    put(case, "noisy.csv", "\ufeff" + "\r\n".join(["id;age;income;label;;", *body, *[";;;;;"] * 5]) + "\r\n")
    put(
        case,
        "gold.csv",
        "id;label;\r\n" + "".join(f"{row['id']};{row['true']};\r\n" for row in N[:45]) + ";;\r\n;;\r\n",
    )


@made("202-report-footer", gives_back("-fixed.csv"), *check("noisy.csv", TRAIN.format("noisy.csv"), EXPORT + ".csv"))
@writes("noisy.csv")
def _() -> str:
    return lines(R, quoting=csv.QUOTE_ALL) + '\n\n"Copyright (c)"\n"Confidential"\n"Generated By: A, B"\n'


@made("203-concatenated", gives_back("-fixed.csv"), *check("noisy.csv", TRAIN.format("noisy.csv"), EXPORT + ".csv"))
@writes("noisy.csv")
def _() -> str:
    return "\ufeff" + lines(R[:60]) + "\ufeff" + lines(R[60:])


@made("204-concatenated-numbers", reads("no", "yes"))
def _(case: Case) -> None:
    names = ("id", "age", "income", "label")
    put(case, "noisy.csv", lines(N[:60], names) + lines(N[60:], names))
    gold(case, N)


@made("205-markdown", reads(), *check("noisy.md"))
@writes("noisy.md")
def _() -> str:
    return "| id | text | label |\n|---|---|:--:|\n" + "".join(
        "| {id} | {text} | {label} |\n".format(**row) for row in R
    )


@made("206-psql", reads(), *check("noisy.txt"))
@writes("noisy.txt")
def _() -> str:
    return (
        " id | text | label\n----+------+-----\n"
        + "".join(" {id} | {text} | {label}\n".format(**r) for r in R)
        + "(120 rows)\n"
    )


@made("207-mysql", reads(), *check("noisy.txt"))
@writes("noisy.txt")
def _() -> str:
    rule = "+----+----+----+\n"
    body = "".join("| {id} | {text} | {label} |\n".format(**row) for row in R)
    return f"{rule}| id | text | label |\n{rule}{body}{rule}120 rows in set (0.01 sec)\n"


@made("208-merged-header", reads())
@writes("noisy.csv")
def _() -> str:
    return "Ticket,,Labelling,\n" + lines([{**row, "rater": "x"} for row in R], ("id", "text", "label", "rater"))


@made("209-formula-ids", reads())
def _(case: Case) -> None:
    put(case, "noisy.csv", lines([{**row, "id": f'="{i:05d}"'} for i, row in enumerate(R)]))
    gold(case, [{**row, "id": f"{i:05d}"} for i, row in enumerate(R)])


@made("210-written-twice", refuses("quotes", "twice|again|anew"))
@writes("noisy.csv")
def _() -> str:
    return "".join(
        '"' + line.replace('"', '""') + '"\n' for line in lines(R, quoting=csv.QUOTE_NONNUMERIC).splitlines()
    )


@made("211-space-before-quotes", refuses("space", "quote"))
@writes("noisy.csv")
def _() -> str:
    return "id, text, label\n" + "".join('{id}, "{text}, so", {label}\n'.format(**row) for row in R)


@made("212-two-label-columns", refuses("label \\(2\\)", "--label-column"))
@writes("noisy.csv")
def _() -> str:
    return lines(R, ("id", "text", "label", "true")).replace("label,true", "label,label", 1)


@made("213-sign-in-page", refuses("web page|HTML", "download|save"))
@writes("noisy.csv")
def _() -> str:
    return "<!DOCTYPE html>\n<html><body><form>, please</form></body></html>\n"


@made("214-lfs-pointer", refuses("LFS", "git lfs pull"), *check("noisy.parquet"))
@writes("noisy.parquet")
def _() -> str:
    return "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@made("215-redshift-unload", reads(), *check("unload"), *check("'unload/t_0*'"))
def _(case: Case) -> None:
    for part in range(2):
        put(case, f"unload/t_000{part}_part_00", lines(R[part * 60 : part * 60 + 60], delimiter="|"))
    put(case, "unload/t_manifest", '{"entries": []}')
    gold(case)


@made("216-snowflake-unload", reads(), *check("unload"))
def _(case: Case) -> None:
    upper = [{name.upper(): value for name, value in row.items()} for row in R]
    for part in range(2):
        half = lines(upper[part * 60 : part * 60 + 60], ("ID", "TEXT", "LABEL"), quoting=csv.QUOTE_ALL)
        put(case, f"unload/data_0_{part}_0.csv.gz", gzip.compress(half.encode()))
    gold(case, R, "ID", "LABEL")


@made("217-mongo", reads(), *check("noisy.jsonl"))
def _(case: Case) -> None:
    named = [{**row, "id": f"65a{i:021x}"} for i, row in enumerate(R)]
    put(case, "noisy.jsonl", records({"_id": {"$oid": r["id"]}, "text": r["text"], "label": r["label"]} for r in named))
    gold(case, named, "_id")


@made(
    "218-search-answer",
    reads(),
    "check --noisy noisy.json --clean gold.csv --label-column _source.label --id-column _id --clean-id-column id",
)
@writes("noisy.json")
def _() -> str:
    hits = [{"_id": row["id"], "_source": {"text": row["text"], "label": row["label"]}} for row in R]
    return json.dumps({"took": 3, "_shards": {"total": 1}, "hits": {"total": {"value": 120}, "hits": hits}})


@made("219-graphql", reads(), *check("noisy.json"))
@writes("noisy.json")
def _() -> str:
    nodes = [{name: row[name] for name in ("id", "text", "label")} for row in R]
    return json.dumps({"data": {"tickets": {"nodes": nodes, "pageInfo": {"hasNextPage": False}}}})


@made("220-pipe", refuses("pipe", "file"), *check("/dev/stdin"))
def _(case: Case) -> None:
    gold(case)


@made("221-index-without-title", reads("no", "yes"))
def _(case: Case) -> None:
    drawn = random.Random(3).sample(range(120), 45)
    put(case, "noisy.csv", lines([{**row, "": i} for i, row in enumerate(N)], ("", "age", "income", "label")))
    put(case, "gold.csv", lines([{"": i, "label": N[i]["true"]} for i in drawn], ("", "label")))


# Tools that annotate, and models that do


@made(
    "230-sagemaker", reads(), "check --noisy output.manifest --clean gold.csv --label-column topic-metadata.class-name"
)
def _(case: Case) -> None:
    meta = {"job-name": "labeling-job/topic", "human-annotated": "yes"}
    rows = [{"source": r["text"], "topic-metadata": {"class-name": r["label"], **meta}} for r in R]
    put(case, "output.manifest", records(rows))
    put(case, "gold.csv", lines([{"source": r["text"], "label": r["true"]} for r in R[:45]], ("source", "label")))


@made("231-prodigy-rejected", refuses("not accepted", "accept"), "check --noisy noisy.csv --clean gold.jsonl")
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(R, ("text", "label")))
    said = [
        {"text": r["text"], "label": r["label"], "answer": "accept" if r["label"] == r["true"] else "reject"} for r in R
    ]
    put(case, "gold.jsonl", records(said[:60]))


@made("232-label-studio-tasks", refuses("Label Studio", "CSV|JSON-MIN"), *check("noisy.json"))
@writes("noisy.json")
def _() -> str:
    return json.dumps([{"id": i, "data": {"text": row["text"]}, "annotations": []} for i, row in enumerate(R)])


@made("233-one-hot", refuses("single 1", "one column"))
@writes("noisy.csv")
def _() -> str:
    return lines([{**r, **{t: int(r["label"] == t) for t in WORDS}} for r in R], ("id", "text", *WORDS))


@made("234-fasttext", refuses("fastText", "CSV"), *check("train.txt"))
@writes("train.txt")
def _() -> str:
    return "".join("__label__{label} {text}\n".format(**row) for row in R)


@made("235-two-labels-in-two-rows", refuses("row 8", "2 of 120", "one label a row"), *check("noisy.jsonl"))
@writes("noisy.jsonl")
def _() -> str:
    return records({**r, "label": ["sport", "food"] if i in (7, 9) else [r["label"]]} for i, r in enumerate(R))


@made("236-joined-labels", refuses("several labels a row"))
@writes("noisy.csv")
def _() -> str:
    return lines({**r, "label": "sport; food"} if i % 4 == 0 and i > 45 else r for i, r in enumerate(R))


@made("237-answers-that-are-no-classes", warns("ERROR", "--class-map", "alias,class"))
@writes("noisy.csv")
def _() -> str:
    odd = {50: "ERROR", 60: "unknown", 70: "I'm sorry"}
    return lines({**r, "label": odd.get(i, r["label"])} for i, r in enumerate(R))


@made("238-look-alike-letters", warns("sport,|,sport", "--class-map"))
@writes("noisy.csv")
def _() -> str:
    return lines({**r, "label": {51: "sp\u043ert", 52: "sport\u200e"}.get(i, r["label"])} for i, r in enumerate(R))


@made(
    "239-output-as-input",
    refuses_last("labelfix says", "export"),
    TRAIN.format("noisy.csv"),
    "check --noisy OUT/corrected.parquet --clean gold.csv",
)
@writes("noisy.csv")
def _() -> str:
    return lines(R)


# Columns


@made("250-label-in-codes", lambda case: case.need(is_left_out(case[0], "code"), "the label's own codes are a feature"))
def _(case: Case) -> None:
    put(
        case,
        "noisy.csv",
        lines([{**r, "code": int(r["label"] == "yes")} for r in N], ("id", "age", "income", "code", "label")),
    )
    gold(case, N)


def embeddings(case: Case, way: Callable[[list[str]], str]) -> None:
    draw = random.Random(5)
    vectors = [[f"{draw.gauss(2 * list(WORDS).index(r['true']), 1):.4f}" for _ in range(8)] for r in R]
    rows = [{**r, "embedding": way(vector)} for r, vector in zip(R, vectors, strict=True)]
    put(case, "noisy.csv", lines(rows, ("id", "embedding", "label")))
    gold(case)


@made("251-postgres-vectors", reads())
def _(case: Case) -> None:
    embeddings(case, lambda vector: "{" + ",".join(vector) + "}")


@made("252-bare-vectors", reads())
def _(case: Case) -> None:
    embeddings(case, " ".join)


@made(
    "253-vectors-cut-short",
    refuses("left out"),
    "check --noisy noisy.csv --clean gold.csv --embedding-column embedding",
)
def _(case: Case) -> None:
    embeddings(case, lambda vector: f"[{vector[0]} {vector[1]} ... {vector[7]}]")


def keeps_categories(case: Case) -> None:
    reads()(case)
    fixed = parquet(case.out("-fixed.parquet"))
    case.need(fixed.column("id").to_pylist() == [row["id"] for row in R], "the export has other rows")
    case.need(paired(case[0]) == 45, "not all trusted rows are paired")


@made(
    "254-polars-categories",
    keeps_categories,
    *check("noisy.arrow", TRAIN.format("noisy.arrow"), EXPORT + ".parquet"),
)
def _(case: Case) -> None:
    import pyarrow as pa

    label = pa.array([row["label"] for row in R]).dictionary_encode()
    label = pa.DictionaryArray.from_arrays(label.indices.cast(pa.uint32()), label.dictionary.cast(pa.string_view()))
    columns = {name: pa.array([row[name] for row in R], pa.string_view()) for name in ("id", "text")}
    table = pa.table({**columns, "label": label})
    with pa.ipc.new_file(str(case.folder / "noisy.arrow"), table.schema) as writer:
        writer.write_table(table)
    gold(case)


# Surveys, reports and what people write into trusted files


def survey(rows: Sequence[Row] = R) -> str:
    head = [["StartDate", "ResponseId", "Q1", "Q2"], ["Start Date", "Response ID", "What happened?", "Topic, please"]]
    head.append([json.dumps({"ImportId": name}) for name in ("startDate", "_recordId", "QID1_TEXT", "QID2")])
    out = io.StringIO(newline="")
    csv.writer(out).writerows([*head, *(["2024-01-02 10:00:00", r["id"], r["text"], r["label"]] for r in rows)])
    return out.getvalue()


@made("260-qualtrics", reads(), "check --noisy noisy.csv --clean gold.csv --label-column Q2")
def _(case: Case) -> None:
    put(case, "noisy.csv", survey())
    gold(case, R, "ResponseId", "Q2")


@made("261-orange-tab", reads("no", "yes"), *check("noisy.tab"))
def _(case: Case) -> None:
    types = "string\tcontinuous\tcontinuous\tdiscrete\nmeta\t\t\tclass\n"
    put(case, "noisy.tab", lines(N, ("id", "age", "income", "label"), delimiter="\t").replace("\n", f"\n{types}", 1))
    gold(case, N)


@made("262-total", gives_back("-fixed.csv"), *check("noisy.csv", TRAIN.format("noisy.csv"), EXPORT + ".csv"))
@writes("noisy.csv")
def _() -> str:
    return lines(R) + "Total,,120\n"


@made("263-units-row", reads("no", "yes"))
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(N, ("id", "age", "income", "label")).replace("\n", "\n,years,USD,\n", 1))
    gold(case, N)


@made("264-yes-and-t", reads("f", "t"))
def _(case: Case) -> None:
    spelled = [{**row, "label": {"no": "f", "yes": "t"}[row["label"]]} for row in N]
    put(case, "noisy.csv", lines(spelled, ("id", "age", "income", "label")))
    gold(case, N)


@made("265-yes-among-ones", warns('"1".* as "yes"', '"0".* as "no"', "--class-map"))
def _(case: Case) -> None:
    mixed = [{**row, "label": row["label"] if i % 9 == 0 else int(row["label"] == "yes")} for i, row in enumerate(N)]
    put(case, "noisy.csv", lines(mixed, ("id", "age", "income", "label")))
    gold(case, N)


@made("266-labels-by-hand", reads("Ball Sports", "Food &amp; Drink", "T\u00e9chnique"))
def _(case: Case) -> None:
    written = {"sport": "Ball Sports", "food": "Food &amp; Drink", "tech": "T\u00e9chnique"}
    by_hand = {"sport": "ball_sports", "food": "food & drink", "tech": '"TECHNIQUE"'}
    put(case, "noisy.csv", lines([{**row, "label": written[row["label"]]} for row in R]))
    gold(case, [{**row, "true": by_hand[row["true"]]} for row in R])


@made("267-whole-table-checked", reads(pairs=40), *check("noisy.csv", TRAIN.format("noisy.csv")))
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(R))
    put(case, "gold.csv", lines({**row, "label": row["true"] if i % 3 == 0 else "?"} for i, row in enumerate(R[:120])))


SAME = "check --noisy noisy.csv --clean noisy.csv --clean-label-column seen"


@made("268-column-of-checked-labels", reads(pairs=40), SAME)
def _(case: Case) -> None:
    rows = [{**row, "seen": row["true"] if i % 3 < 2 and i < 60 else ""} for i, row in enumerate(R)]
    put(case, "noisy.csv", lines(rows, ("id", "text", "label", "seen")))


@made("269-corrected-beside-given", refuses("corrected label", "--clean-label-column"))
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(R))
    rows = [{**row, "corrected label": row["true"]} for row in R[:45]]
    put(case, "gold.csv", lines(rows, ("id", "text", "label", "corrected label")))


@made("270-right-or-wrong", refuses("not accepted", "correct", "write the right one"))
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(R))
    rows = [{**row, "correct": "yes" if row["label"] == row["true"] else "no"} for row in R[:45]]
    put(case, "gold.csv", lines(rows, ("id", "label", "correct")))


@made("271-label-studio-project", reads(), "check --noisy noisy.csv --clean project")
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(R, ("text", "label")))
    tasks = []
    for row in R[:45]:
        result = [{"type": "choices", "from_name": "topic", "value": {"choices": [row["true"]]}}]
        tasks.append({"id": len(tasks), "data": {"text": row["text"]}, "annotations": [{"result": result}]})
    put(case, "project/info.json", '{"project": {"title": "topics"}}')
    put(case, "project/export.json", json.dumps(tasks))


@made("272-argilla-parquet", reads(), "check --noisy noisy.csv --clean records.parquet")
def _(case: Case) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    put(case, "noisy.csv", lines(R, ("text", "label")))
    flat = {"id": [f"uuid-{i}" for i in range(45)], "text": [row["text"] for row in R[:45]]}
    answers = {"topic.responses": [[row["true"]] for row in R[:45]], "topic.responses.status": [["submitted"]] * 45}
    pq.write_table(pa.table({**flat, **answers}), case.folder / "records.parquet")


@made("273-label-studio-csv", reads(), "check --noisy noisy.csv --clean gold.csv")
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(R, ("text", "label")))
    rows = [{**r, "id": i, "annotator": 1, "annotation_id": i, "sentiment": r["true"]} for i, r in enumerate(R[:45])]
    put(case, "gold.csv", lines(rows, ("annotation_id", "annotator", "id", "sentiment", "text")))


@made("274-texts-in-folders", refuses("120 texts, each a file", "one table"), "check --noisy train --clean gold.csv")
def _(case: Case) -> None:
    (case.folder / "train").mkdir()
    for row in R:
        put(case, f"train/{row['label']}/{row['id']}.txt", row["text"])
    gold(case)


@made("275-base64", refuses("base64", "file of its own"))
@writes("noisy.csv")
def _() -> str:
    return lines([{**row, "text": f"data:image/png;base64,iVBORw0KGgo{row['id']}"} for row in R])


@made("276-sounds", refuses("sounds", "embedding"))
def _(case: Case) -> None:
    put(case, "noisy.csv", lines([{**row, "file": f"clips/{row['id']}.wav"} for row in R], ("file", "label")))
    rows = [{"file": f"clips/{row['id']}.wav", "label": row["true"]} for row in R[:45]]
    put(case, "gold.csv", lines(rows, ("file", "label")))


@made("277-lost-zeros", reads())
def _(case: Case) -> None:
    put(case, "noisy.csv", lines([{**row, "id": f"{i:06d}"} for i, row in enumerate(R)]))
    gold(case, [{**row, "id": i} for i, row in enumerate(R)])


@made(
    "278-baseline-of-every-row",
    refuses_last("accepts every one", "looked at"),
    TRAIN.format("noisy.csv"),
    "flag --run OUT --baseline noisy.csv",
)
@writes("noisy.csv")
def _() -> str:
    return lines(R)


@made("279-yes-no-feature", lambda case: case.need(is_feature(case[0], "smoker"), "smoker is no feature"))
def _(case: Case) -> None:
    rows = [{**row, "smoker": ("no", "yes")[i // 2 % 2]} for i, row in enumerate(N)]
    put(case, "noisy.csv", lines(rows, ("id", "age", "income", "smoker", "label")))
    gold(case, N)
