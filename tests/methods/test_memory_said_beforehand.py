"""What fits on fixed features need is said before they begin, where the machine has less."""

import pytest
from toy_problem import problem

from labelfix.methods import fit
from labelfix.progress import Silent


class Heard(Silent):
    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


@pytest.mark.parametrize(("there", "warned"), [(10_000, True), (10_000_000_000, False), (None, False)])
def test_more_than_the_machine_has_is_said(monkeypatch, there, warned):
    made, _ = problem(noisy=900, clean=90)
    monkeypatch.setattr(fit, "machine_memory", lambda: there)
    heard = Heard()
    fit._warn_of_memory(made, heard)
    assert bool(heard.warnings) == warned
    if warned:
        assert "900 rows of 8 numbers and 3 classes" in heard.warnings[0]
        assert "train on fewer rows" in heard.warnings[0]


def test_it_is_what_the_process_takes_the_features_four_times_16_bytes_a_row_and_class_and_matrices_of_classes():
    found = fit.memory_needed(60_000, 64, 1000)
    assert found == 800_000_000 + 4 * 60_000 * 64 * 4 + 16 * 60_000 * 1000 + 300 * 1000**2
