"""Cases of tables of numbers and categories: odd cells, odd columns, and new rows for a finished run."""

import csv
import random

from case_asks import (
    expects,
    features,
    is_feature,
    is_left_out,
    is_read,
    leads_out,
    makes,
    parquet,
    rows_of,
    used_or_said,
)

ANSWERS = ("no", "yes")


def constants_are_few_lines(case, said):
    lines = [line for line in said.warnings if "constant" in line]
    case.need(len(lines) <= 3, f"{len(lines)} warnings of constant columns")


def write_wide(case, columns, rows, name):
    """Write noisy.csv of many numeric columns, of which the first ten tell the label, and gold.csv of some rows."""
    draw = random.Random(0)
    given, gold = [], ["id,label"]
    for row in range(rows):
        label = row % 2
        cells = [f"{draw.gauss(2.0 * label if place < 10 else 0.0, 1.0):.2f}" for place in range(columns)]
        given.append(",".join([f"r{row:04}", *cells, ANSWERS[label if row % 8 else 1 - label]]))
        if row < rows * 3 // 8:
            gold.append(f"r{row:04},{ANSWERS[label]}")
    header = ",".join(["id", *(f"{name}{place}" for place in range(columns)), "label"])
    (case.folder / "noisy.csv").write_text("\n".join([header, *given]) + "\n", encoding="utf-8")
    (case.folder / "gold.csv").write_text("\n".join(gold) + "\n", encoding="utf-8")


def odd_cells_are_named(case, said, column, value, places, warned=True):
    """Ask that a nearly numeric column is a number, and a warning, or a line, names an odd cell."""
    case.need(is_feature(said, column), f"{column} is no feature: {features(said)}")
    kinds = features(said).partition("of them categories")[2]
    case.need(column not in kinds, f"{column} is taken as a category")
    told = said.warns(column, value, places) if warned else said.line(column, value, places)
    case.need(told, f"no {'warning' if warned else 'line'} names an odd cell of {column} ({value}) and its row")


@expects("130")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    odd_cells_are_named(case, case[0], "age", r"\?", r":5\b|row 4\b", warned=False)
    odd_cells_are_named(case, case[0], "income", r"['\" ]-|missing", r":[79]\b|row [68]\b", warned=False)
    numeric = "age, income, city (3 columns, 1 of them categories (city))"
    case.need(numeric in features(case[0]) and case[1].says("inputs in 3 columns"), "both are not used as numbers")


@expects("132")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    odd_cells_are_named(case, case[0], "age", "<5", r":4\b|row 3\b")


@makes("133")
def _(case):
    write_wide(case, 2_000, 120, "gene")


@expects("133")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    case.need("(2000 columns" in features(case[0]).replace(",", ""), f"features: {features(case[0])[:100]}")
    longest = max(map(len, (case[0].everything + case[1].everything).splitlines()))
    case.need(longest < 1_000, f"a line of {longest} characters is printed")
    case.need(len(case[0].everything.splitlines()) < 60, "there are more than 60 lines of messages")


@makes("134")
def _(case):
    write_wide(case, 14_000, 40, "gene_no_")


@expects("134")
def _(case):
    is_read(case, case[0], pairs=15, rows=40, kinds=ANSWERS)
    case.need("(14000 columns" in features(case[0]).replace(",", ""), f"features: {features(case[0])[:100]}")


@expects("135")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    constants_are_few_lines(case, case[0])
    told = case[0].line(r"\b500\b|\b4\d\d more\b", "constant|single value|one value")
    case.need(told, "it is not said in one line that 500 are constant")


@expects("136")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    for column in "abc":
        case.need(is_left_out(case[0], column), f"it is not said that {column} is left out")


@expects("137")
def _(case):
    said = case[0]
    is_read(case, said, pairs=100, rows=20_000, kinds=ANSWERS)
    case.need(is_feature(said, "zip") or is_left_out(said, "zip"), "zip is neither used nor said to be left out")
    false = said.says(r"zip \(hardly any value repeats")
    case.need_clear(not false, "zip is left out with a reason that is not true: every value repeats")


@expects("138")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    used_or_said(case[0], ("iso", "eu", "ts", "epoch"))


@expects("139")
def _(case):
    for said in case.ran:
        if said.code == 0:
            case.need(said.warns("income", "infinite", "row 4|:5"), "infinite values are passed over without a word")
        else:
            leads_out(said, "row 4|:5", "'income'", "infinite", ";")


@expects("140")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)


@expects("141")
def _(case):
    case.worked()
    for ending in ("-scored.csv", "-pred.csv"):
        rows = rows_of(case.out(ending))
        case.need([row["id"] for row in rows] == ["nr0000", "nr0001", "nr0002"], f"OUT{ending} has other rows")


def predictions(case, ending):
    return {row["id"]: row["predicted_label"] for row in rows_of(case.out(ending))}


def agree(case, ours, theirs, what):
    shared = ours.keys() & theirs.keys()
    other = sorted(row for row in shared if ours[row] != theirs[row])
    case.need(shared, "no row stands in both files")
    case.need(not other, f"{what}: {len(other)} of {len(shared)} rows are predicted otherwise")


@expects("142")
def _(case):
    case.worked()
    same, new = rows_of(case.out("-same.csv")), rows_of(case.out("-new.csv"))
    agree(case, predictions(case, "-same.csv"), predictions(case, "-new.csv"), "without the category Unknown")
    sure = {row["id"]: row["confidence"] for row in same}
    close = all(abs(float(row["confidence"]) - float(sure[row["id"]])) < 1e-4 for row in new)
    case.need(close, "the confidences of the same rows differ")


@expects("145")
def _(case):
    case.worked(0)
    case.worked(1)
    case.run("predict", "--run", case.out(), "--input", "noisy.csv", "--out", case.out("-noisy.csv"))
    case.worked(3)
    wanted = predictions(case, "-noisy.csv")
    case.need(len(predictions(case, "-new.csv")) == 20, "not all 20 rows are predicted")
    agree(case, wanted, predictions(case, "-new.csv"), "decimal commas")
    if case[2].code == 0:
        # 15.830,00 is fifteen thousand and more.
        rows = rows_of(case.folder / "noisy.csv")[:20]
        plain = [{**row, "income": str(float(row["income"]) * 1000)} for row in rows]
        with open(case.folder / "plain.csv", "w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(plain[0]))
            writer.writeheader()
            writer.writerows(plain)
        case.run("predict", "--run", case.out(), "--input", "plain.csv", "--out", case.out("-plain.csv"))
        agree(case, predictions(case, "-plain.csv"), predictions(case, "-th.csv"), "points between thousands")
    else:
        leads_out(case[2], r"thousands\.csv(, row 1|:2)\b", r"15\.830,00")


@expects("146")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    constants_are_few_lines(case, case[0])


@expects("147")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    used_or_said(case[0], ("class_size", "target_price", "label_len", "index_fund", "split_ratio", "age"))


@expects("148")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    used_or_said(case[0], ("store_id", "customer_id", "age", "income"))


@expects("149")
def _(case):
    said = case[0]
    is_read(case, said, pairs=45, rows=120)
    told = said.warns("rater2") or (is_left_out(said, "rater2") and not is_feature(said, "rater2"))
    case.need_clear(told, "the votes of a second rater are a feature, and it is not said that they look like labels")


@expects("166")
def _(case):
    is_read(case, case[0], pairs=100, rows=25_500, kinds=ANSWERS)
    odd_cells_are_named(case, case[0], "age", r"n/a\?", r":25,?002\b|row 25,?001\b")


@expects("186")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    used_or_said(case[0], ("num_votes", "gold_price", "fold_change", "split_ratio"))


@expects("191")
def _(case):
    for said in (case[2], case[4]):
        case.need(said.code == 0, f"the gate ended with {said.code}: {said.last_line}")
    first = rows_of_scored(case, "-scored.parquet")
    second = rows_of_scored(case, "-scored2.parquet")
    agree(case, first, second, "one row of Unknown more")
    flagged = [row for row, label in first.items() if label != "kept"]
    case.need(not flagged, f"{len(flagged)} of {len(first)} right rows are flagged")


def rows_of_scored(case, ending):
    """What a scored file says of each row: kept, or flagged."""
    table = parquet(case.out(ending))
    flags = table.column("is_label_issue").to_pylist()
    return dict(zip(table.column("id").to_pylist(), ("flagged" if flag else "kept" for flag in flags), strict=True))
