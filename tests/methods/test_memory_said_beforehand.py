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


def test_it_follows_from_what_is_held():
    """The features four times, and numbers of rows and classes, of classes and classes; of very many classes fewer."""
    features = 800_000_000 + 4 * 60_000 * 64 * 4
    assert fit.memory_needed(60_000, 64, 100, 2000) == features + 16 * 60_000 * 100 + 300 * 100**2
    of_classes = 2 * 60_000 + 36 * 2000 + 200 * 64 + 50 * 1000
    assert fit.memory_needed(60_000, 64, 1000, 2000) == features + of_classes * 1000
