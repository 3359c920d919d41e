"""Every malformed input is refused with one line that names the place, the value and the remedy."""

import pytest
from malformed_cases import CASES

from labelfix.data.read import read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings


def test_there_are_at_least_thirty_malformed_inputs():
    assert len(CASES) >= 30


@pytest.mark.parametrize("builder", CASES, ids=lambda builder: builder.__name__)
def test_a_malformed_input_is_refused_with_place_value_and_remedy_however_many_rows_are_read_at_once(builder, tmp_path):
    case = builder(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError) as caught:
        read_training(str(case.noisy), str(case.clean), DataSettings(**case.settings))
    said = str(caught.value)
    lines = said.splitlines()
    assert any(all(part in line for part in case.expected) for line in lines), "\n".join([*lines, str(case.expected)])
    with pytest.raises(InputError) as caught:
        read_training(str(case.noisy), str(case.clean), DataSettings(**case.settings), read_rows=3)
    assert str(caught.value) == said
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
