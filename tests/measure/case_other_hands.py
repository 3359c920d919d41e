"""Inputs that another hand has spelled, counted, rounded or cut: each file reads well by itself."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from case_asks import Expectation, classes, made, rows_of, wrong
from case_found import COLUMNS, told
from case_made import TRAIN, WORDS, Case, N, R, check, gold, lines, put, reads, refuses

WRONG = sum(row["label"] != row["true"] for row in R[:45])
CORRECT = "correct --run OUT --noisy {}.csv --out OUT-{}.csv"


def joined(words: str) -> Expectation:
    """As `told`, and the rows that are wrong are wrong: each trusted one has met its own."""

    def expect(case: Case) -> None:
        told(words, *WORDS)(case)
        case.need(wrong(case[0]) == WRONG, f"{wrong(case[0])} rows are wrong, not {WRONG}")

    return expect


def same_rows(case: Case) -> None:
    case.worked()
    ours, theirs = (rows_of(case.out(f"-{name}.csv")) for name in ("same", "new"))
    differ = [one["id"] for one, two in zip(ours, theirs, strict=True) if one["label_score"] != two["label_score"]]
    case.need(not differ, f"{len(differ)} rows are judged otherwise")


@made(
    "600-later-rows-in-another-case",
    same_rows,
    TRAIN.format("noisy.csv"),
    *(CORRECT.format(n, n) for n in ("same", "new")),
)
def _(case: Case) -> None:
    rows = [{**row, "plan": ("Red", "Green")[i % 3 == 0], "on": str(i % 7 < 3)} for i, row in enumerate(N)]
    later = [{**row, "plan": row["plan"].upper(), "on": "yes" if row["on"] == "True" else "no"} for row in rows]
    names = ("id", "age", "income", "plan", "on", "label")
    for name, some in (("noisy", rows), ("same", rows), ("new", later)):
        text = lines(some, names)
        put(
            case,
            f"{name}.csv",
            text.replace("id,age,income,plan,on", "ID,Age,INCOME,Plan,On") if name == "new" else text,
        )
    gold(case, N)


@made("601-rounded-numbers", told("rows are rows of noisy.csv with rounded numbers", "no", "yes"))
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(N, COLUMNS[1:]))
    rounded = [{**row, "income": round(row["income"]), "label": row["true"]} for row in N[:45]]
    put(case, "gold.csv", lines(rounded, COLUMNS[1:]))


@made("602-counted-from-nought", refuses("with 1 added to each id", "count alike"))
def _(case: Case) -> None:
    order = np.random.default_rng(9).permutation(len(R)).tolist()
    rows = [{**R[place], "id": i} for i, place in enumerate(order)]
    put(case, "noisy.csv", lines([{**row, "id": row["id"] + 1} for row in rows]))
    gold(case, rows[1:46])


@made("603-several-ids-in-a-cell", refuses("several ids in one cell", "a row each"))
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(R))
    gold(case, [{"id": f"{R[i]['id']}; {R[i + 3]['id']}", "true": R[i]["true"]} for i in range(45)])


@made("604-answers-of-a-language-model", joined("labels that differ only in spelling from a trusted one"))
def _(case: Case) -> None:
    ways = ("{}", "**{}**", "Label: {}", "{}.", "`{}`")
    put(case, "noisy.csv", lines([{**row, "label": ways[i // 3 % 5].format(row["label"])} for i, row in enumerate(R)]))
    gold(case)


@made("605-dates-of-labels", refuses("a spreadsheet seems to have made dates of labels"))
def _(case: Case) -> None:
    put(
        case,
        "noisy.csv",
        lines([{**row, "label": {"sport": "5-9", "food": "1-4", "tech": "10-12"}[row["label"]]} for row in R]),
    )
    gold(case, [{**row, "true": {"sport": "9-May", "food": "4-Jan", "tech": "12-Oct"}[row["true"]]} for row in R])


@made("606-checked-rows-of-a-whole-table", joined("count as without a label, as their 'checked' is empty"))
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(R))
    rows = [{**row, "label": row["true" if i < 45 else "label"], "checked": "x" * (i < 45)} for i, row in enumerate(R)]
    put(case, "gold.csv", lines(rows[:80], ("id", "label", "checked")))


@made("607-texts-cut-off", joined("texts are cut off: texts of noisy.csv begin with them"))
def _(case: Case) -> None:
    put(case, "noisy.csv", lines(R, ("text", "label")))
    put(
        case,
        "gold.csv",
        lines([{"text": f"{row['text'][:30]}...", "label": row["true"]} for row in R[:45]], ("text", "label")),
    )


def texts_come_back(case: Case) -> None:
    reads()(case)
    fixed = rows_of(case.out("-fixed.csv"))
    case.need([row["text"] for row in fixed] == [row["text"] for row in R], "the export has other texts")


@made(
    "608-texts-as-bytes",
    texts_come_back,
    *check("noisy.parquet", TRAIN.format("noisy.parquet"), "export --run OUT --corrected-labels OUT-fixed.csv"),
)
def _(case: Case) -> None:
    columns = {name: pa.array([row[name].encode() for row in R]) for name in ("id", "text", "label")}
    pq.write_table(pa.table(columns), case.folder / "noisy.parquet")
    gold(case)


def one_age(case: Case) -> None:
    reads("no", "yes")(case)
    case.need(case[0].says("feature columns: Age, income"), "the parts do not share a column")


@made("609-parts-in-another-case", one_age, *check("parts"))
def _(case: Case) -> None:
    for place, name in enumerate(("Age", "age")):
        some = N[60 * place : 60 * place + 60]
        columns = {"id": "id", name: "age", "income": "income", "label": "label"}
        out = io.BytesIO()
        pq.write_table(pa.table({new: [row[old] for row in some] for new, old in columns.items()}), out)
        put(case, f"parts/{place}.parquet", out.getvalue())
    gold(case, N)


def three_classes(case: Case) -> None:
    joined("labels go by what the class map spells otherwise")(case)
    case.need(set(classes(case[0])) == set(WORDS), "the map does not hold")


@made("610-class-map-in-another-case", three_classes, "check --noisy noisy.csv --clean gold.csv --class-map map.csv")
def _(case: Case) -> None:
    put(case, "noisy.csv", lines([{**row, "label": row["label"][:2].upper()} for row in R]))
    put(case, "map.csv", "alias,class\n" + "".join(f"{word[:2]},{word}\n" for word in WORDS))
    gold(case)
