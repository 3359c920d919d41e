"""Cases of texts: long, empty, without spaces, in other scripts, beside numbers; and text encoders."""

import csv
import re
import shutil

from case_asks import expects, is_feature, is_left_out, is_read, leads_out, makes, parquet
from case_runs import Skipped

TOPICS = ("sport", "food", "tech")
WORDS = {
    "sport": ["season", "coach", "goal", "team", "league", "striker", "referee", "trophy"],
    "food": ["soup", "pepper", "baking", "garlic", "oven", "butter", "recipe", "onion"],
    "tech": ["server", "browser", "router", "laptop", "code", "compiler", "chip", "screen"],
}


def topic_rows(count):
    """Rows of id, text and label whose text tells the label."""
    rows = []
    for place in range(count):
        label = TOPICS[place % 3]
        text = " ".join(WORDS[label][(place * step + step) % 8] for step in range(1, 8))
        rows.append((f"r{place:04}", text, label))
    return rows


def write_topics(case, rows):
    """Write noisy.csv with every tenth label wrong, and gold.csv of 45 of its rows."""
    with (case.folder / "noisy.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("id", "text", "label"))
        for place, (row, text, label) in enumerate(rows):
            given = label if place % 10 else TOPICS[(TOPICS.index(label) + 1) % 3]
            writer.writerow((row, text, given))
    lines = ["id,label", *(f"{row},{label}" for row, _, label in rows[:45])]
    (case.folder / "gold.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def all_scored(case, rows):
    table = parquet(case.out() / "corrected.parquet")
    case.need(table.num_rows == rows, f"{table.num_rows} of {rows} rows are scored")
    empty = table.column("confidence").null_count
    case.need(not empty, f"{empty} rows have no confidence")


def right_out_of_fold(case, place):
    found = re.search(r"about (\d+) % are right now", case[place].err)
    return float(found[1]) if found else 0.0


@makes("150")
def _(case):
    rows = topic_rows(120)
    for place, text in ((0, "goal league referee " * 150_000), (3, "goalteam" * 50_000)):
        rows[place] = (rows[place][0], text.strip(), rows[place][2])
    write_topics(case, rows)


@expects("150")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    all_scored(case, 120)
    longest = max(map(len, (case[0].everything + case[1].everything).splitlines()))
    case.need(longest < 2_000, f"a line of {longest} characters is printed")


@expects("151")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    for said in case.ran:
        case.need(
            said.warns("'text' is empty|empty texts?", r"\b(8|12)\b"), f"{said.name} does not warn of empty texts"
        )
    all_scored(case, 120)


@expects("152")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    case.need(case[0].line("^text column: text"), "the text is not found")
    case.need(right_out_of_fold(case, 1) > 40, f"{right_out_of_fold(case, 1)} % are right: the classes are not learnt")


def found_or_asked_for(case, column):
    for said in case.ran:
        if said.code == 0:
            is_read(case, said, pairs=45, rows=120, kinds=TOPICS)
            case.need(said.line(rf"^text column: {column}\b"), f"{column} is not taken as text")
        else:
            leads_out(said, rf"\b{column}\b", "--text-column")
    case.worked(1)


@expects("153")
def _(case):
    found_or_asked_for(case, "msg")


@expects("154")
def _(case):
    found_or_asked_for(case, "q")


@expects("155")
def _(case):
    if case[0].code == 0:
        is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
        case.need(case[0].says("title", "body"), "it is not said which of the two is used")
    else:
        leads_out(case[0], "title", "body", "--text-column")


@expects("156")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    for column in ("price", "stars"):
        said = is_feature(case[0], column) or is_left_out(case[0], column)
        case.need_clear(said, f"it is not said that {column} is not used")


@expects("195")
def _(case):
    case.worked()
    all_scored(case, 90)
    case.need(right_out_of_fold(case, 0) > 60, f"{right_out_of_fold(case, 0)} % are right: nothing is learnt")


@makes("196")
def _(case):
    if case.encoder is None:
        raise Skipped("needs an encoder folder, see --encoder")
    write_topics(case, topic_rows(120))
    shutil.copytree(case.encoder, case.folder / "notok")
    for pattern in ("tokenizer*", "vocab*", "merges*", "*.model", "special_tokens_map*", "added_tokens*"):
        for each in (case.folder / "notok").rglob(pattern):
            each.unlink()
    (case.folder / "noweights").mkdir()
    shutil.copy(case.encoder / "config.json", case.folder / "noweights")


@expects("196")
def _(case):
    for said, folder, missing in (
        (case[0], "notok", "tokenizer|vocab"),
        (case[1], "noweights", "weights|safetensors|pytorch_model|tokenizer"),
        (case[2], "nowhere", "no such|not exist|not found|neither|no folder|unknown"),
    ):
        case.need(said.refused, f"{folder}: it trains all the same")
        leads_out(said, folder, missing)
