"""What is written as TOML is read back by Python's own reader."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfix.settings.run import to_document

texts = st.text(st.characters(codec="utf-8"))
plain = st.text(st.characters(codec="utf-8")) | st.booleans() | st.integers(-(2**63), 2**63 - 1)
numbers = st.floats(allow_nan=False)
values = st.recursive(plain | numbers, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
tables = st.dictionaries(texts, values | st.dictionaries(texts, values, max_size=3), max_size=4)


@given(st.dictionaries(texts, values | tables, max_size=5))
def test_a_document_says_what_the_values_are(document):
    assert tomllib.loads(to_document(document)) == document


def test_tables_stand_below_the_values_of_the_top_whatever_their_order():
    document = to_document({"compute": {"device": "cpu"}, "seed": 0, "mlc": {}})
    assert document == 'seed = 0\n\n[compute]\ndevice = "cpu"\n\n[mlc]\n'


def test_what_toml_cannot_hold_is_refused():
    with pytest.raises(TypeError, match="TOML has no NoneType"):
        to_document({"a": None})
