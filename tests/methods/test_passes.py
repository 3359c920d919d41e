"""What is said to lie ahead of a fit on fixed features is about what it does: time left rests on it."""

import numpy as np
import pytest
from toy_problem import problem

from labelfix.methods.fit import passes
from labelfix.methods.table import METHODS
from labelfix.progress import Silent, counted
from labelfix.settings.methods import METHOD_SETTINGS
from labelfix.settings.run import TrainSettings

IN_BATCHES = {"joint-optimization", "mlnt", "l2rw", "meta-weight-net"}


@pytest.mark.parametrize("method", sorted(set(METHODS) - IN_BATCHES - {"mlc"}))
def test_as_many_rows_lie_ahead_as_the_fit_passes_over(method):
    if method == "confident-learning":
        pytest.importorskip("cleanlab")
    made, _ = problem(noisy=400, clean=80)
    settings = TrainSettings(method=method, method_settings=METHOD_SETTINGS[method]())
    with counted(Silent(), "fit") as count:
        METHODS[method](made, settings.method_settings, Silent())
    assert np.log2(passes(made, settings) / count.done) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("method", sorted(IN_BATCHES))
def test_methods_that_show_epochs_have_no_rows_ahead(method):
    made, _ = problem(noisy=40, clean=20)
    assert passes(made, TrainSettings(method=method, method_settings=METHOD_SETTINGS[method]())) is None
