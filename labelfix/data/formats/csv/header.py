"""Whether the first row of a CSV file is a header, or data already, as in files of the UCI repository."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Sequence

from labelfix.data.formats.csv.no_rows import RULER

NAMES = frozenset(
    ("id", "ids", "idx", "index", "key", "name", "uid", "uuid", "guid", "text", "texts", "title", "body")
    + ("sentence", "review", "comment", "content", "document", "tweet", "message", "label", "labels", "class")
    + ("classes", "category", "target", "y", "x", "tag", "sentiment", "image", "img", "path", "file")
    + ("filename", "file_name", "url", "date", "time", "timestamp", "split", "score", "value", "embedding")
    + ("features", "question", "answer", "user", "source")
)
"""Titles that nobody takes for data."""

WORDS_OF_A_TITLE = 5
"""What has more words is a sentence."""

MOST_ABOVE = 30
"""Lines among which a header is looked for below a title."""

IMPORT_ID = '{"ImportId"'
"""How a cell of Qualtrics' third header row begins; the second has the questions in full."""
RESPONSES = {"Response", "Open-Ended Response"}
"""What stands in SurveyMonkey's second header row, below questions without choices."""
TYPES = frozenset(
    ("int", "integer", "int32", "int64", "long", "bigint", "float", "float64", "double", "number", "numeric", "decimal")
    + ("str", "string", "text", "varchar", "object", "bool", "boolean", "date", "datetime", "timestamp", "time")
    + ("continuous", "discrete", "c", "d", "s", "class", "meta", "ignore")
)
"""Types of columns, and the roles that Orange writes below them."""
EXPLAINED_ROWS = 5

NOTHING = frozenset(
    ("", "?", "-", "na", "n/a", "nan", "null", "none", "\\n", "missing", "unknown", "nil", "n.a.", "tbd", "inf")
)
_ENDING = re.compile(r".*[^/\\](\.[A-Za-z][A-Za-z0-9]{1,4})")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


def looks_like_data(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row of a file is a row like those below it.

    A word above numbers, or a title such as `id`, makes a header. Without, what speaks for data is a cell that recurs
    below it, and a number with decimals within the range of those below; whole numbers only count where several recur
    and they do not run on as 0, 1, 2 …, which pandas writes above columns without names.

    Args:
        rows: Some rows below it, of as many cells.
    """
    cells = [cell.strip() for cell in first]
    below = [row for row in rows if len(row) == len(cells) and [c.strip() for c in row] != cells]
    if len(cells) < 2 or len(below) < 2 or any(cell.lower() in NAMES for cell in cells):
        return False
    strong = weak = 0
    whole: list[int] = []
    for place, cell in enumerate(cells):
        if cell.lower() in NOTHING:
            continue
        column = [text for row in below if (text := row[place].strip()).lower() not in NOTHING]
        numbers = [_number(text) for text in column]
        value = _number(cell)
        if column and None not in numbers:
            if value is None:
                return False
            inside = min(n for n in numbers if n is not None) <= value <= max(n for n in numbers if n is not None)
            if cell.lstrip("+-").isdecimal():
                whole.append(int(value))
                weak += cell in column
            else:
                strong += inside
        elif value is None:
            strong += cell in column or (bool(column) and _names_a_file_as(cell, column))
    if weak == len(whole) == 1 and any(len(cell.split()) > WORDS_OF_A_TITLE for cell in cells):
        return True  # a class in numbers beside a sentence
    run = len(whole) > 1 and [n - whole[0] for n in whole] == list(range(len(whole)))
    return strong > 0 or (not run and weak > 1 and 2 * weak >= len(whole))


def _names_a_file_as(cell: str, column: Sequence[str]) -> bool:
    """Whether a cell names a file with the ending of those that a column names."""
    endings = {_ENDING.sub(r"\1", text) for text in (cell, *column) if _ENDING.fullmatch(text)}
    return len(endings) == 1 and all(map(_ENDING.fullmatch, (cell, *column)))


def explanations(rows: Sequence[Sequence[str]]) -> int:
    """How many rows right below the header explain it: questions in full, types, units, longer titles.

    What is not known by its words is one row that has words, or nothing, in every column of numbers, and words in two.

    Args:
        rows: The first rows below it.
    """
    for place, cells in enumerate(rows[:2], start=1):
        if any(cell.startswith(IMPORT_ID) for cell in cells):
            return place
    if len(rows) > 1 and not rows[0][0].strip() and any(rows[0]) and rows[1][0].strip() and not any(rows[1][1:]):
        return 2  # pandas: a second level of columns, and the name of the index below it
    typed = next((place for place, cells in enumerate(rows[:3]) if not _are_types(cells, 2 - place)), 0)
    if typed or (rows and "" in rows[0] and not RESPONSES.isdisjoint(rows[0])):
        return typed or 1
    below = [row for row in rows[1:] if len(row) == len(rows[0])]
    if len(below) < EXPLAINED_ROWS:
        return 0
    numbers = [place for place in range(len(rows[0])) if all(_number(row[place].strip()) is not None for row in below)]
    words = [cell for place in numbers if (cell := rows[0][place].strip())]
    return int(len(words) > 1 and all(any(map(str.isalpha, w)) and w.lower() not in NOTHING for w in words))


def _are_types(cells: Sequence[str], least: int) -> bool:
    filled = [cell.strip().lower() for cell in cells if cell.strip()]
    return len(filled) >= max(least, 1) and TYPES.issuperset(filled)


def lines_above(lines: Sequence[str], delimiters: Sequence[str]) -> int:
    """How many lines stand above the header: a report's title, titles of groups of columns, blank and drawn ones.

    A title is a line with one filled cell, the first; titles of groups leave cells empty where the line below them has
    none, as merged cells do. The row below is taken for the header if a word of it is a usual title, and rows as wide
    follow that are unlike it.
    """
    for delimiter in delimiters:
        others = [other for other in delimiters if other != delimiter]
        reader = csv.reader(lines[:MOST_ABOVE], delimiter=delimiter)
        try:
            rows = [([cell.strip() for cell in row], reader.line_num) for row in reader]
        except csv.Error:
            continue
        above = 0
        for place, (cells, end) in enumerate(rows):
            following = rows[place + 1][0] if place + 1 < len(rows) else []
            told = any(cells) and (_is_title(cells, others) or _are_groups(cells, following))
            if not any(cells) or told or _is_of_another_table([row for row, _ in rows[place:]]):
                above = end
                continue
            below = [other for other, _ in rows[place + 1 :] if other and not _is_drawn(other)] if above else []
            words = {word for cell in cells for word in re.findall(r"[a-z]+", cell.lower())}
            even = len(cells) > 1 and len(below) > 1 and all(len(other) == len(cells) for other in below[:-1])
            if even and words & NAMES and not looks_like_data(cells, below):
                return above
            break
    return 0


def odd_quotes(lines: Sequence[str], delimiter: str) -> tuple[str, str] | None:
    """What is wrong with lines whose quotes no way of reading takes apart, and what to do; None where nothing is."""
    sound = [line.strip() for line in lines[:MOST_ABOVE] if line.strip()]
    if len(sound) < 2:
        return None
    inner = [line[1:-1].replace('""', '"') for line in sound]
    whole = all(line[0] == line[-1] == '"' and '"' not in line[1:-1].replace('""', "") for line in sound)
    if whole and len({len(row) for row in csv.reader(sound)} | {1}) == 1 and delimiter in inner[0]:
        rows = list(csv.reader(inner, delimiter=delimiter))
        if len({len(row) for row in rows}) == 1 < len(rows[0]):
            what = f"has each line in quotes, as one cell ({sound[0][:60]})"
            return what, "take the outer quotes away, or save the table anew: it was written as CSV twice"
    spaced = f'{delimiter} "'
    if sum(spaced in line for line in sound[1:]) > len(sound[1:]) / 2 and not any(delimiter + '"' in x for x in sound):
        shown = next(line for line in sound[1:] if spaced in line)
        what = f"has a space between {delimiter!r} and a quote, where the quote is a part of the cell ({shown[:60]})"
        return what, "write the cells without spaces around them, as in pandas read_csv(skipinitialspace=True).to_csv()"
    return None


def _is_title(cells: Sequence[str], delimiters: Collection[str]) -> bool:
    """Whether a line can be a report's title, or draws one, and is no name of a column nor several cells in truth."""
    cell = cells[0]
    if not cell or any(cells[1:]):
        return False
    return cell.lower() not in NAMES and not any(delimiter in cell for delimiter in delimiters)


def _is_of_another_table(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a line is of two cells at most, as those below it are down to a blank one, and then wider ones come."""
    blank = next((place for place, cells in enumerate(rows) if not any(cells)), 0)
    wider = len(rows[blank + 1]) if blank + 1 < len(rows) else 0
    return blank > 0 and max(map(len, rows[:blank])) <= 2 < wider


def _is_drawn(cells: Sequence[str]) -> bool:
    return len(cells) == 1 and RULER.fullmatch(cells[0]) is not None


def _are_groups(cells: Sequence[str], following: Sequence[str]) -> bool:
    """Whether a line names groups of columns above the header: it has gaps as merged cells have, or repeats itself."""
    gaps, again = "" in cells, len(set(cells)) < len(cells) and len(set(following)) == len(following)
    if not (gaps or again) or "" in following or len(cells) != len(following):
        return False
    ours, below = (sum(cell.lower() in NAMES for cell in row) for row in (cells, following))
    return below > max(not again, ours)


def _number(text: str) -> float | None:
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None
