"""How many rows a campaign hands out, and what share of wrong labels it expects before and while they are read."""

from types import SimpleNamespace

import numpy as np
import pytest

from labelfix.certificates import plan, verdict
from labelfix.certificates.campaign import rows_at_once


@pytest.mark.parametrize(("more", "rows"), [(3, 20), (21, 30), (117, 120), (500, 200), (None, 200)])
def test_rows_are_handed_out_in_tens_at_least_twenty_and_at_most_two_hundred(more, rows):
    assert rows_at_once(SimpleNamespace(verdict=SimpleNamespace(more=more))) == rows


def test_the_models_opinion_weighs_as_much_as_a_hundred_trusted_rows(monkeypatch):
    """It says .02, and 100 trusted rows .06; labels that were not judged go by the model alone."""
    monkeypatch.setattr(plan, "read_evidence", lambda _: {"ledger": {"corrected_labels": {"rows": 100, "value": 0.94}}})
    exported = SimpleNamespace(error=np.full(50, 0.02))
    assert plan.expected_rate(None, exported, as_judged=True) == pytest.approx(0.04)
    assert plan.expected_rate(None, exported, as_judged=False) == pytest.approx(0.02)


def test_what_was_expected_weighs_as_much_as_twenty_rows_that_were_read(monkeypatch):
    """.02 was expected; 20 rows read so far say .06."""
    monkeypatch.setattr(verdict, "estimate", lambda *_: 0.06)
    campaign = SimpleNamespace(
        plan=SimpleNamespace(expected=0.02), design=SimpleNamespace(below=[SimpleNamespace(counted=1.0)])
    )
    assert verdict._guess(campaign, SimpleNamespace(wrong=np.zeros(20)), None) == pytest.approx(0.04)
    assert verdict._guess(campaign, SimpleNamespace(wrong=np.zeros(0)), None) == 0.02


def test_a_weaker_bound_is_half_as_much_again_as_the_guess(monkeypatch):
    """A guess of .02 and a bound of .01 that cannot be proven: .03 is offered."""
    monkeypatch.setattr(verdict._Ahead, "rows_for", lambda self, bound: 40)
    ahead = verdict._Ahead(None, None, None, 0.0199, False)
    assert ahead.cheaper(0.01, proven=0.2) == (0.03, 40)
