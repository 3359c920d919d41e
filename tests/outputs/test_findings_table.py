"""The table of `flag` fits a terminal: the text gives way first, then ids and classes, places last."""

import pytest

from labelfix.outputs.formats.text import findings_table
from labelfix.outputs.judgement import Finding
from labelfix.outputs.plain_text import shorten, width


def finding(**more):
    usual = {
        "id": "ticket-0001",
        "file": "tickets.csv",
        "row": 12,
        "given": "billing",
        "suggested": "login",
        "confidence": 0.98,
        "label_score": 0.01,
        "line": 13,
    }
    return Finding(**{**usual, **more})


def test_what_fits_is_shown_whole():
    assert findings_table([finding(snippet="I cannot log in")], 80, True) == [
        "id           where           given -> suggested  confidence",
        "ticket-0001  tickets.csv:13  billing -> login    0.980       I cannot log in",
    ]


def test_a_long_text_is_cut_and_nothing_else():
    (_, line) = findings_table([finding(snippet="word " * 12)], 80, True)
    assert width(line) <= 80
    assert line.startswith("ticket-0001  tickets.csv:13  billing -> login    0.980       word word w")
    assert line.endswith("…")


def test_the_text_goes_before_labels_are_cut():
    (_, line) = findings_table(
        [finding(given="Login & Access", suggested="Feature request", snippet="words " * 9)], 80, True
    )
    assert line == "ticket-0001  tickets.csv:13  Login & Access -> Feature request  0.980"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(columns):
    long = finding(
        id="customer/2024/" + "x" * 40,
        file="some/deep/folder/of/exports/from/the/crm/tickets-2024-11.csv",
        given="questions about invoices",
        suggested="problems with passwords",
        snippet="I was charged twice " * 3,
    )
    lines = findings_table([long, finding()], columns, True)
    assert max(map(width, lines)) <= columns
    assert "tickets-2024-11.csv:13"[-14:] in lines[1]
    assert "0.980" in lines[1]


def test_a_program_that_reads_the_lines_gets_places_whole():
    place = "some/deep/folder/of/exports/from/the/crm/tickets-2024-11.csv"
    lines = findings_table([finding(file=place, snippet="I was charged twice")], 60, False)
    assert f"{place}:13" in lines[1]
    assert "I was" not in lines[1]


def test_wide_letters_count_twice_and_columns_stay_aligned():
    rows = [finding(given="請求書", suggested="ログイン"), finding(given="bill", suggested="log in")]
    lines = findings_table(rows, 80, True)
    assert width("請求書 -> ログイン") == 18
    assert width(lines[1]) == width(lines[2])
    assert width(shorten("請求書", 4)) <= 4


@pytest.mark.parametrize(
    ("text", "columns", "head", "expected"),
    [("tickets", 7, False, "tickets"), ("tickets", 4, False, "tic…"), ("a/b/tickets.csv", 8, True, "…ets.csv")],
)
def test_what_is_cut_is_marked(text, columns, head, expected):
    assert shorten(text, columns, head) == expected
