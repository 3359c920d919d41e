"""Inputs that say what they mean in another way: keys of several columns, units, bare names of images, odd labels."""

import io

from case_asks import is_feature, made
from case_made import EXPORT, TRAIN, WORDS, N, R, check, gold, lines, put, reads, records, refuses, refuses_last

COLUMNS = ("id", "age", "income", "label")


def used(*columns):
    """The rows are read and these columns are features."""

    def expect(case):
        reads("no", "yes")(case)
        for column in columns:
            case.need(is_feature(case[0], column), f"{column} is no feature")

    return expect


def told(words, *kinds):
    """The rows are read, and a line says how."""

    def expect(case):
        reads(*kinds)(case)
        case.need(words in case[0].err + case[0].out, f"no line says {words!r}")

    return expect


def respelled(ours, theirs):
    def make(case):
        put(case, "noisy.csv", lines({**row, "id": ours(i)} for i, row in enumerate(R)))
        gold(case, [{**row, "id": theirs(i)} for i, row in enumerate(R)])

    return make


# Which row is meant


@made("300-two-columns-name-a-row", told("'doc' and 'part' say which row", *WORDS))
def _(case):
    rows = [{**row, "doc": f"d{i // 6}", "part": i % 6} for i, row in enumerate(R)]
    put(case, "noisy.csv", lines(rows, ("doc", "part", "text", "label")))
    put(case, "gold.csv", lines([{**row, "label": row["true"]} for row in rows[:45]], ("doc", "part", "label")))


made("301-half-of-the-zeros-lost", told("23 of 45 ids differ", *WORDS))(
    respelled(lambda i: f"{i + 1:05d}", lambda i: f"{i + 1:05d}" if i % 2 else i + 1)
)
made("302-addresses", reads())(respelled(lambda i: f"https://e.com/{i}", lambda i: f"http://www.e.com/{i}/"))
made("303-files-without-ending", reads())(respelled(lambda i: f"doc_{i}.txt", lambda i: f"doc_{i}"))


@made("304-ids-of-another-column", told("('uuid' in noisy.csv) says which row", *WORDS))
def _(case):
    rows = [{**row, "id": i, "uuid": f"{i * 2654435761 % 2**32:08x}-k"} for i, row in enumerate(R)]
    put(case, "noisy.csv", lines(rows, ("id", "uuid", "text", "label")))
    gold(case, [{**row, "id": row["uuid"]} for row in rows])


@made("305-text-under-another-name", reads())
def _(case):
    put(case, "noisy.csv", lines([{**row, "review": row["text"]} for row in R], ("review", "label")))
    put(case, "gold.csv", lines([{**row, "label": row["true"]} for row in R[:45]], ("text", "label")))


@made("306-texts-rewritten", told("but for case, punctuation", *WORDS))
def _(case):
    put(case, "noisy.csv", lines([{**r, "text": r["text"].title() + " & so on."} for r in R], ("text", "label")))
    rows = [{"text": row["text"] + " &amp; so on", "label": row["true"]} for row in R[:45]]
    put(case, "gold.csv", lines(rows, ("text", "label")))


@made("307-row-numbers-of-its-own", refuses("in another row", "take the id column out"))
def _(case):
    put(case, "noisy.csv", lines([{**row, "id": i} for i, row in enumerate(N)], COLUMNS))
    rows = [{**row, "id": i, "label": row["true"]} for i, row in enumerate(N[60:105])]
    put(case, "gold.csv", lines(rows, COLUMNS))


@made("308-rows-of-another-table", refuses('"r0000"', "29 more of its 75", "remove the rows"))
def _(case):
    put(case, "noisy.csv", lines(R[30:]))
    gold(case, count=75)


@made(
    "309-truth-in-another-spelling",
    lambda case: case.worked(),
    TRAIN.format("noisy.csv"),
    "evaluate --run OUT --truth truth.csv",
)
def _(case):
    respelled(lambda i: f"{i + 1:05d}", lambda i: f"{i + 1:05d}")(case)
    put(case, "truth.csv", lines([{"id": i + 1, "label": row["true"]} for i, row in enumerate(R)], ("id", "label")))


# Numbers


def amounts(name, way):
    @made(name, used("income"))
    def _(case):
        put(case, "noisy.csv", lines([{**row, "income": way(row["income"])} for row in N], COLUMNS))
        gold(case, N)


amounts("320-units", lambda value: f"{value:.1f} kWh")
amounts("321-thousands-and-millions", lambda v: f"{v / 1e3:.2f}k" if v < 3500 else f"{v / 1e6:.5f}M")
amounts("322-arabic-digits", lambda value: f"{value:.1f}".translate(str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")))
amounts("323-francs", lambda value: f"CHF {value:,.2f}".replace(",", "'"))


@made("324-totals-between", used("income"), *check("noisy.csv", TRAIN.format("noisy.csv"), EXPORT + ".csv"))
def _(case):
    body = lines(N, COLUMNS).splitlines()
    for place in (91, 61, 31):
        body.insert(place, "Subtotal,,93123.5,")
    put(case, "noisy.csv", "\n".join([*body, "Grand total,,370000,"]) + "\n\x1a")
    gold(case, N)


@made("325-levels-of-pandas", used("income"))
def _(case):
    rows = "".join(f"{row['id']},{row['age']},{row['age']},{row['income']},{row['label']}\n" for row in N)
    put(case, "noisy.csv", f",age,age,income,label\n,mean,max,mean,first\nid,,,,\n{rows}")
    gold(case, N)


# Labels


@made("340-one-column-of-few-values", told("'sentiment' is the label", *WORDS))
def _(case):
    put(case, "noisy.csv", lines([{**r, "sentiment": r["label"]} for r in R], ("text", "sentiment")))
    put(case, "gold.csv", lines([{**r, "sentiment": r["true"]} for r in R[:45]], ("text", "sentiment")))


@made("341-numbered-classes", reads("001.sport", "002.food", "003.tech"))
def _(case):
    numbered = {word: f"{place:03d}.{word}" for place, word in enumerate(WORDS, start=1)}
    put(case, "noisy.csv", lines({**row, "label": numbered[row["label"]]} for row in R))
    gold(case)


def shares(case):
    rows = [{**row, **{f"p_{word}": 0.8 if word == row["label"] else 0.1 for word in WORDS}} for row in R]
    put(case, "noisy.csv", lines(rows, ("id", "text", *(f"p_{word}" for word in WORDS))))
    gold(case)


made("342-shares", refuses("add up to 1", "one column"))(shares)
SEVERAL = "check --noisy noisy.csv --clean gold.csv --label-columns p_*"
made("343-shares-as-sources", refuses_last('no source says "sport"', "0.8"), SEVERAL)(shares)


@made("344-no-header-of-sentences", refuses("no header"))
def _(case):
    codes = {word: place for place, word in enumerate(WORDS, start=1)}
    body = "".join(f'"{codes[r["label"]]}","{r["text"][:9]}","{r["text"]}"\n' for r in R)
    put(case, "noisy.csv", body)
    put(case, "gold.csv", body)


# Images


def images(case, folder):
    from PIL import Image

    rows = [{"id": f"{i * 7919:08x}", "breed": row["label"], "true": row["true"]} for i, row in enumerate(R)]
    for i, row in enumerate(rows):
        data = io.BytesIO()
        Image.new("RGB", (12, 12), (70 * list(WORDS).index(row["true"]) + 40, 100, i)).save(data, "PNG")
        put(case, f"{folder}/{row['id']}.png", data.getvalue())
    gold(case, rows, label="breed")
    return rows


@made("360-kaggle", told("00000000.png, and others likewise", *WORDS))
def _(case):
    put(case, "noisy.csv", lines(images(case, "train"), ("id", "breed")))


@made("361-endings-in-another-case", reads())
def _(case):
    rows = [{"file": f"photos/{row['id']}.PNG", **row} for row in images(case, "photos")]
    put(case, "noisy.csv", lines(rows, ("file", "breed")))
    rows = [{**row, "breed": row["true"]} for row in rows[:45]]
    put(case, "gold.csv", lines(rows, ("file", "breed")))


@made("362-names-inside-parquet", told("('image' in noisy.parquet) says which row", *WORDS), *check("noisy.parquet"))
def _(case):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = images(case, "train")
    read = [{"bytes": (case.folder / f"train/{r['id']}.png").read_bytes(), "path": f"{r['id']}.png"} for r in rows]
    table = pa.table({"image": read, "label": [row["breed"] for row in rows]})
    pq.write_table(table, case.folder / "noisy.parquet")
    put(case, "gold.csv", lines([{"path": f"{r['id']}.png", "label": r["true"]} for r in rows[:45]], ("path", "label")))


# Files


@made("380-empty-part", reads(), *check("out"))
def _(case):
    put(case, "out/part-00000.csv", lines(R))
    put(case, "out/part-00001.csv", "")
    put(case, "out/_SUCCESS", "")
    gold(case)


@made("381-sql", refuses("SQL", "CSV"), *check("dump.sql"))
def _(case):
    put(case, "dump.sql", "CREATE TABLE t (id text);\n" + "".join(f"INSERT INTO t VALUES ('{r['id']}');\n" for r in R))
    gold(case)


@made("382-replaced-files", refuses("Delta Lake", "one Parquet file"), *check("table"))
def _(case):
    put(case, "table/part-0.jsonl", records(R))
    (case.folder / "table" / "_delta_log").mkdir()
    put(case, "table/_delta_log/00.json", '{"add": {"path": "part-1"}}\n{"remove": {"path": "part-0"}}\n')
    gold(case)
