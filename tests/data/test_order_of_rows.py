"""Values of rows in an order of their own come back to the order of their file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfix.data.row_order import RowOrder


@given(st.permutations(range(9)), st.integers(0, 9))
def test_each_value_lands_at_its_row_and_the_rest_says_that_it_is_missing(places, some):
    order = RowOrder(np.array(places[:some], dtype=np.int64), 9)
    values = np.column_stack([order.rows, order.rows * 10]).astype(np.float32)
    found = order.to_file(values, np.nan)
    assert found.dtype == np.float32
    for row in range(9):
        assert found[row] == pytest.approx([row, row * 10] if row in places[:some] else [np.nan] * 2, nan_ok=True)
