"""Cases of Parquet, of dataset folders, of folders of parts and of embeddings."""

import base64
import json
import re

from case_asks import (
    classes,
    expects,
    features,
    is_feature,
    is_read,
    keeps_types,
    leads_out,
    parquet,
    rows_of,
    unlabelled,
    used_or_said,
    wrong,
)
from case_runs import Unmet

TOPICS = ("sport", "food", "tech")
ANSWERS = ("no", "yes")


def dataset(folder):
    """The rows of a saved dataset, in the order of its shards."""
    import pyarrow as pa

    shards = [pa.ipc.open_stream(path).read_all() for path in sorted(folder.glob("*.arrow"))]
    return pa.concat_tables(shards).replace_schema_metadata(shards[0].schema.metadata)


def parts(folder, pattern):
    import pyarrow as pa

    return pa.concat_tables([parquet(path) for path in sorted(folder.rglob(pattern))])


def class_names(table):
    """The names that the metadata of a dataset declare for its labels."""
    metadata = (table.schema.metadata or {}).get(b"huggingface")
    declared = json.loads(metadata)["info"]["features"]["label"] if metadata else {}
    return declared.get("names") if declared.get("_type") == "ClassLabel" else None


def only_those_splits(case, said, splits):
    """Ask that splits are named, with what to do, and not read as one table."""
    case.need(said.refused, "several splits are read as one table")
    leads_out(said, *(rf"\b{split}\b" for split in splits), "--split|give one")


def one_split(case, folder, rows, pairs):
    said = case.run("check", "--noisy", folder, "--clean", "gold.csv", "--split", "train")
    is_read(case, said, pairs=pairs, rows=rows, kinds=TOPICS)


# Datasets


@expects("100")
def _(case):
    only_those_splits(case, case[0], ("train", "test"))
    for place in (1, 2, 3):
        case.worked(place)
    is_read(case, case[1], pairs=30, rows=80, kinds=TOPICS)
    source, fixed = dataset(case.folder / "ds" / "train"), parquet(case.out("-fixed.parquet"))
    keeps_types(source, fixed)
    case.need(class_names(fixed) == class_names(source), "the ClassLabel is lost in the export")


@expects("101")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    case.need(unlabelled(case[0]) == 20, f"{unlabelled(case[0])} rows are without a label, not 20")
    source, fixed = dataset(case.folder / "ds"), parquet(case.out("-fixed.parquet"))
    keeps_types(source, fixed)
    case.need(set(fixed.column("label").to_pylist()) == {0, 1, 2}, "the export has other codes than 0, 1, 2")
    case.need(class_names(fixed) == list(TOPICS), "the ClassLabel is lost in the export")


@expects("102")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=30, rows=120, kinds=("sport", "food", "None"))
    case.need(classes(case[0])["None"] == 42 and unlabelled(case[0]) == 0, f"the classes are {classes(case[0])}")
    case.need(not case[1].says("[1-9] filled in"), "rows of the class None are filled in")
    fixed = parquet(case.out("-fixed.parquet"))
    case.need(class_names(fixed) == ["sport", "food", "None"], "the ClassLabel is lost in the export")
    kept = fixed.column("label").to_pylist().count(2)
    case.need(kept > 10, f"{kept} of 42 rows keep the class None")


@expects("104")
def _(case):
    is_read(case, case[0], pairs=45, rows=120)
    case.need(case[0].line("^text column: text"), "the text is not the input")
    case.need(len(classes(case[0])) == 3, f"the classes are {classes(case[0])}")


@expects("105")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    case.need(case[0].says("number", "0 (as|is|=) sport"), "it is not said that numbers are met with names")
    case.need(wrong(case[0]) == 6, f"{wrong(case[0])} of 45 labels are wrong")


@expects("106")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    case.need(wrong(case[0]) == 6, f"{wrong(case[0])} of 45 labels are wrong: joined by number?")


@expects("108")
def _(case):
    """A setting that nothing reads is refused by name; without it all goes well."""
    leads_out(case[1], "epochs", "ridge")
    words = [word for word in case[1].words if word not in ("--set", "epochs=1")]
    for line in (words, case[2].words):
        case.need(case.run(*line).code == 0, f"{line[0]} ended with an error: {case.ran[-1].last_line}")
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    source, fixed = parquet(case.folder / "noisy.parquet"), parquet(case.out("-fixed.parquet"))
    keeps_types(source, fixed)
    case.need(class_names(fixed) == list(TOPICS), "the ClassLabel is lost in the export")


# Types


@expects("70")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    keeps_types(parquet(case.folder / "noisy.parquet"), parquet(case.out("-fixed.parquet")))


@expects("71")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    case.need(case[0].line(r"^embedding column: embedding \(16"), "the embedding is not the input")
    keeps_types(parquet(case.folder / "noisy.parquet"), parquet(case.out("-fixed.parquet")))


def numbers_are_used(case, wanted):
    """Ask that these columns are features, and every other one is, or is said to be left out."""
    for column in wanted:
        case.need(
            is_feature(case[0], column), f"{column} is no feature; {features(case[0]) or 'no columns of features'}"
        )
    source = parquet(case.folder / "noisy.parquet")
    used_or_said(case[0], [name for name in source.schema.names if name not in ("id", "label")])
    keeps_types(source, parquet(case.out("-fixed.parquet")))


@expects("72")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    numbers_are_used(case, ("age", "income", "city"))


@expects("184")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    numbers_are_used(case, ("age", "income", "city", "h", "old"))
    case.need(len(rows_of(case.out("-fixed.csv"))) == 120, "the CSV export has other rows")


@expects("74")
def _(case):
    for said in case.ran:
        if said.code == 0:
            is_read(case, said, pairs=45, rows=120, kinds=TOPICS)
            case.need(said.line("^text column: text"), "the text is not the input")
        else:
            leads_out(said, "'text'", "binary", ";")


@expects("95")
def _(case):
    case.worked()
    source = parquet(case.folder / "noisy.parquet")
    keeps_types(source, parquet(case.out("-fixed.parquet")))
    binary_is_readable(source, "x_fsb16", rows_of(case.out("-fixed.csv")))


def binary_is_readable(source, column, rows):
    for value, row in zip(source.column(column).to_pylist(), rows, strict=True):
        if base64.b64decode(row[column], validate=True) != (value or b""):
            raise Unmet(f"{column}: {row[column]!r} is not {value!r} in base64")


@expects("187")
def _(case):
    case.worked()
    binary_is_readable(parquet(case.folder / "noisy.parquet"), "md5", rows_of(case.out("-fixed.csv")))
    is_read(case, case[2], pairs=45, rows=120, kinds=ANSWERS)


@expects("96")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    source = parquet(case.folder / "noisy.parquet")
    count = re.search(r"\((\d+) columns", features(case[0]))
    case.need(count and int(count[1]) >= 15, f"fewer features than 15: {features(case[0])}")
    if "..." not in features(case[0]):
        used_or_said(case[0], [name for name in source.schema.names if name not in ("id", "label")])
    keeps_types(source, parquet(case.out("-fixed.parquet")))
    case.need(len(rows_of(case.out("-scored.csv"))) == 120, "not all rows are scored")


@expects("97")
def _(case):
    case.worked()
    for place in (0, 1):
        is_read(case, case[place], pairs=45, rows=120, kinds=ANSWERS)
        used_or_said(case[place], ("age", "income", "city", "account", "seen_ns"))


@expects("91")
def _(case):
    for place in range(4):
        case.worked(place)
    for said in case.ran[:2]:
        is_read(case, said, pairs=45, rows=120, kinds=ANSWERS)
        case.need(": age, income, city (3 " in features(said), f"the index is a feature: {features(said)}")
    source, fixed = parquet(case.folder / "noisy.parquet"), parquet(case.out("-fixed.parquet"))
    keeps_types(source, fixed)
    kept = json.loads((fixed.schema.metadata or {}).get(b"pandas", b"{}"))
    case.need(kept.get("index_columns") == ["id"], "the pandas index is lost in the export")
    if case[4].refused:
        leads_out(case[4], "label", "--label-column")


@expects("93")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)


# Folders of parts


@expects("75")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    keeps_types(parts(case.folder / "out", "part-*.parquet"), parquet(case.out("-fixed.parquet")))


@expects("76")
def _(case):
    for said in case.ran:
        is_read(case, said, pairs=45, rows=120, kinds=TOPICS)


@expects("77")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    wanted = {}
    for path in (case.folder / "out").rglob("*.parquet"):
        country = path.parent.name.removeprefix("country=")
        wanted |= dict.fromkeys(parquet(path).column("id").to_pylist(), country)
    fixed = parquet(case.out("-fixed.parquet"))
    case.need("country" in fixed.schema.names, "the export lacks the column country")
    there = dict(zip(fixed.column("id").to_pylist(), fixed.column("country").to_pylist(), strict=True))
    case.need(there == wanted, "the export has other countries")


@expects("78")
def _(case):
    only_those_splits(case, case[0], ("train", "test", "validation"))
    only_those_splits(case, case[1], ("train", "test", "validation"))
    is_read(case, case[2], pairs=30, rows=80, kinds=TOPICS)
    one_split(case, "repo", rows=80, pairs=30)


@expects("79")
def _(case):
    only_those_splits(case, case[0], ("train", "test"))
    rows = len(rows_of(case.folder / "set" / "train.csv"))
    one_split(case, "set", rows=rows, pairs=30)


@expects("80")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)


@expects("82")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=ANSWERS)
    case.need(is_feature(case[0], "age"), f"age is no feature: {features(case[0])}")


@expects("84")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    fixed = parquet(case.out("-fixed.parquet"))
    labels = fixed.column("label").to_pylist()
    case.need(len(labels) == 120 and set(labels) == set(TOPICS), f"the export has {sorted(set(labels))}")
    texts = [text for part in range(3) for text in _texts(case.folder / "out" / f"{part}.parquet")]
    case.need(fixed.column("text").to_pylist() == texts, "the rows of the export are in another order")


def _texts(path):
    return parquet(path).column("text").to_pylist()


@expects("167")
def _(case):
    is_read(case, case[0], pairs=41, rows=110, kinds=TOPICS)
    case.run("train", "--noisy", "shards", "--clean", "gold.csv", "--method", "glc", "--no-side-checks", "--out", "run")
    case.worked()
    ids = parquet(case.folder / "run" / "corrected.parquet").column("id").to_pylist()
    case.need(ids == sorted(ids), "the shards are not read in natural order")


# Embeddings


def uses_embedding(case, said, width=16):
    is_read(case, said, pairs=45, rows=120, kinds=TOPICS)
    case.need(said.line(rf"^embedding column: embedding \({width}"), "the embedding is not the input")


@expects("85")
def _(case):
    for said in case.ran:
        if said.code == 0:
            uses_embedding(case, said)
        else:
            leads_out(said, "'embedding'", "flatten|list of lists|nested|one list of numbers")


@expects("86")
def _(case):
    case.worked()
    uses_embedding(case, case[0])
    uses_embedding(case, case[3])
    keeps_types(parquet(case.folder / "noisy.parquet"), parquet(case.out("-fixed.parquet")))


@expects("88")
def _(case):
    if case[0].code == 0:
        case.need(case[0].warns("row 8", "embedding"), "a missing number is filled in without a word")
    else:
        leads_out(case[0], "row 8", "'embedding'", "NaN|null|missing|empty")


@expects("89")
def _(case):
    for said in case.ran:
        if said.code == 0:
            uses_embedding(case, said)
        else:
            leads_out(said, "embedding", "comma|numpy")


@expects("90")
def _(case):
    uses_embedding(case, case[0])
    if case[1].code == 0:
        uses_embedding(case, case[1])
    else:
        leads_out(case[1], "embedding", r"np\.float|numpy")
