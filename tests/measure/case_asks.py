"""What the expectations have in common: reading a summary, an exported file, the lines of a source.

An expectation is a function of one case. It is registered under the number of its case and raises `Unmet` with the
reason where the outcome is not what the owner of the input needs.
"""

import csv
import io
import re
from collections.abc import Callable
from itertools import pairwise

from case_runs import Case, Unclear, Unmet

Expectation = Callable[[Case], None]

EXPECTATIONS: dict[str, Expectation] = {}
INPUTS: dict[str, Expectation] = {}
MADE: dict[str, tuple[str, ...]] = {}
"""Cases that make their inputs themselves, and their commands."""

csv.field_size_limit(1 << 28)


def expects(number):
    """Register the expectation of a case."""

    def register(work):
        assert number not in EXPECTATIONS, number
        EXPECTATIONS[number] = work
        return work

    return register


def made(name, expectation, *lines):
    """Register a case that makes its own input, with what has to come out; by default of a `check`."""

    def register(work):
        MADE[name] = lines or ("check --noisy noisy.csv --clean gold.csv",)
        expects(name.split("-")[0])(expectation)
        return makes(name.split("-")[0])(work)

    return register


def makes(number):
    """Register what makes the input of a case, or the part of it that is not shipped."""

    def register(work):
        INPUTS[number] = work
        return work

    return register


# What `check` says


def paired(said):
    """Trusted rows that stand in the noisy file."""
    found = re.search(r"trusted rows: .*?; ([\d,]+) stands? in", said.out)
    return int(found[1].replace(",", "")) if found else 0


def noisy_rows(said):
    found = re.search(r"noisy rows: ([\d,]+)", said.out)
    return int(found[1].replace(",", "")) if found else 0


def unlabelled(said):
    found = re.search(r"noisy rows: .*?\(([\d,]+) without a label", said.out)
    return int(found[1].replace(",", "")) if found else 0


def classes(said):
    """The classes of the summary and how often each is given."""
    rows = re.findall(r"(?m)^  (\S.*?) +([\d,]+) given", said.out)
    return {name: int(count.replace(",", "")) for name, count in rows}


def wrong(said):
    """Paired rows whose given label differs from the trusted one."""
    found = re.search(r"wrong given labels: ([\d,]+) of", said.out)
    return int(found[1].replace(",", "")) if found else -1


def features(said):
    """The line that lists the feature columns, or nothing."""
    return said.line(r"^feature columns?:")


def is_feature(said, column):
    return re.search(rf"[:,] {re.escape(column)}(?=,| \()", features(said).split("of them categories")[0]) is not None


def is_left_out(said, column):
    """Whether a line says that a column is no feature."""
    word = rf"(?<![\w/.-]){re.escape(column)}(?![\w-])"
    return bool(
        said.line(r"not used|left out|leaves? out|unused|ignored|passed over|no features?\b|not features", word)
    )


def used_or_said(said, columns):
    """Ask that every column is a feature, or said to be none."""
    for column in columns:
        if not is_feature(said, column) and not is_left_out(said, column):
            raise Unmet(f"column {column} is neither used nor said to be left out")


def is_read(case, said, pairs, rows=0, kinds=()):
    """Ask that a check went well, with so many pairs, rows and these classes."""
    case.need(said.code == 0, f"refused: {said.last_line}")
    case.need(paired(said) == pairs, f"{paired(said)} of {pairs} trusted rows are paired")
    if rows:
        case.need(noisy_rows(said) == rows, f"{noisy_rows(said)} rows are read, not {rows}")
    if kinds:
        case.need(set(classes(said)) == set(kinds), f"the classes are {', '.join(classes(said))}")


def leads_out(said, *patterns):
    """Ask of a refusal that one line of it says all this."""
    if not said.line(*patterns):
        raise Unclear(f"{said.name} does not say what to do ({', '.join(patterns)}): {said.last_line}")


CHANGED = r"^[\d,]+ of [\d,]+ labels changed"


def judged(said):
    """What a training says of its labels."""
    return said.line(CHANGED)


# What is written


def rows_of(path, delimiter=",", **dialect):
    """The rows of an exported text file, as a strict reader sees them."""
    text = path.read_bytes().decode("utf-8-sig")
    if "\0" in text:
        raise Unmet(f"{path.name} holds zero bytes")
    table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, **dialect))
    if not table or any(len(row) != len(table[0]) for row in table):
        raise Unmet(f"the rows of {path.name} differ in their number of cells")
    return [dict(zip(table[0], row, strict=True)) for row in table[1:]]


def only_labels_differ(source, fixed, delimiter, kept_quotes=""):
    """Ask that an export is its source, byte by byte, but for the labels that changed and one new last column.

    The label is the last column of the source, and no cell holds a line break.

    Args:
        source: The file of the owner.
        fixed: The export.
        delimiter: Between the cells.
        kept_quotes: What stands around every cell of the source.
    """
    before, after = source.read_bytes(), fixed.read_bytes()
    if before.startswith(b"\xef\xbb\xbf") != after.startswith(b"\xef\xbb\xbf"):
        raise Unmet("the byte order mark is lost")
    end = b"\r\n" if b"\r\n" in before else b"\n"
    if end == b"\r\n" and after.count(b"\n") != after.count(b"\r\n"):
        raise Unmet("the line ends CRLF are lost")
    ours, theirs = before.split(end), after.split(end)
    if len(ours) != len(theirs):
        raise Unmet(f"{len(ours)} lines became {len(theirs)}")
    cut = delimiter.encode()
    changed = 0
    for place, (old, new) in enumerate(zip(ours, theirs, strict=True)):
        if not old:
            continue
        start, _, added = new.rpartition(cut)
        if start == old:
            _same_quotes(added, kept_quotes.encode(), place)
            continue
        changed += 1
        if start.rpartition(cut)[0] != old.rpartition(cut)[0] or added != old.rpartition(cut)[2]:
            raise Unmet(f"line {place + 1} of the export differs in more than its label: {new[:80]!r}")
    if not 0 < changed < len(ours) / 2:
        raise Unmet(f"{changed} lines of the export differ from the source")


def _same_quotes(cell, quotes, place):
    if quotes and cell and not (cell.startswith(quotes) and cell.endswith(quotes)):
        raise Unmet(f"line {place + 1}: the new cell is not quoted as the others are")


def parquet(path):
    """A Parquet file as an Arrow table."""
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(path).read()


def keeps_types(source, fixed, changes=("label",)):
    """Ask that an export has every column of its source in its type, and the values where no label stands there."""
    missing = [name for name in source.schema.names if name not in fixed.schema.names]
    if missing:
        raise Unmet(f"the export lacks {', '.join(missing)}")
    for place, field in enumerate(source.schema):
        there = fixed.schema.field(field.name)
        if there.type != field.type:
            raise Unmet(f"column {field.name} is {there.type} in the export, not {field.type}")
        if field.name not in changes and fixed.column(field.name).to_pylist() != source.column(place).to_pylist():
            raise Unmet(f"column {field.name} has other values in the export")


# GitHub annotations


def annotation_lines_are_right(case, said, source):
    """Ask that every annotation points at the line where its row begins."""
    starts = line_of_ids(source)
    notes = [line for line in said.out.splitlines() if line.startswith("::")]
    case.need(notes, "there are no annotations")
    for note in notes:
        found = re.match(r"::(?:warning|error|notice) file=noisy\.csv,line=(\d+)\D.*?::.*?\bid (\w+)", note)
        case.need(found, f"an annotation is malformed: {note[:100]}")
        line, row = int(found[1]), found[2]
        case.need(line == starts[row], f"row {row} begins in line {starts[row]}, but the annotation says {line}")


def line_of_ids(source):
    """The line where the row of each id begins."""
    reader = csv.reader(io.StringIO(source.read_bytes().decode("utf-8-sig"), newline=""))
    ends = [0]
    found = {}
    for row in reader:
        ends.append(reader.line_num)
        if row:
            found[row[0]] = ends[-2] + 1
    assert all(first <= second for first, second in pairwise(ends))
    return found
