"""Columns whose titles repeat get names of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfix.data.formats.titles import unique_names


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        (["id", "text"], ("id", "text")),
        (["x", "y", "x", "x"], ("x", "y", "x (2)", "x (3)")),
        (["x", "x", "x (2)"], ("x", "x (3)", "x (2)")),
        (["x (2)", "x", "x"], ("x (2)", "x", "x (3)")),
        (["", "x"], ("", "x")),
        (["", "x", "", ""], ("", "x", "unnamed", "unnamed (2)")),
        (["id", "", ""], ("id", "unnamed", "unnamed (2)")),
        (["unnamed", "", "unnamed"], ("unnamed", "unnamed (2)", "unnamed (3)")),
        ([], ()),
    ],
)
def test_later_columns_of_a_title_are_numbered(titles, names):
    assert unique_names(titles) == names


@given(st.lists(st.sampled_from(["", "x", "x (2)", "x (3)", "unnamed", "unnamed (2)", "y"]), max_size=8))
def test_names_are_as_many_and_all_different_and_the_first_of_a_title_keeps_it(titles):
    names = unique_names(titles)
    assert len(names) == len(titles)
    assert len(set(names)) == len(names)
    for title in set(titles) - {""}:
        assert names[titles.index(title)] == title
