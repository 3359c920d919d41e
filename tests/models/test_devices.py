from __future__ import annotations

import pytest
import torch

from labelfix.devices import pick_device
from labelfix.errors import SettingsError


def test_auto_takes_a_gpu_where_there_is_one_and_the_cpu_elsewhere(monkeypatch):
    for present, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda present=present: present)
        assert pick_device("auto").type == expected
        assert pick_device("cpu").type == "cpu"


def test_a_gpu_that_is_not_there_is_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="torch sees no CUDA GPU here; use --device cpu, or auto"):
        pick_device("cuda")


def test_an_unknown_device_is_refused():
    with pytest.raises(SettingsError, match="'tpu' is not one of auto, cpu, cuda"):
        pick_device("tpu")
