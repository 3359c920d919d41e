import os
import subprocess
import sys

import pytest
import torch

from labelfix.compute.devices import full_precision, pick_device
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


CUDA = torch.device("cuda")
PLACES = {
    "everywhere": torch.backends,
    "cudnn": torch.backends.cudnn,
    "conv": torch.backends.cudnn.conv,
    "rnn": torch.backends.cudnn.rnn,
    "matmul": torch.backends.cuda.matmul,
    "matmul on CPUs": torch.backends.mkldnn.matmul,
}
"""Where PyTorch's newer interface keeps how float32 is computed, general places first."""


def precision():
    """What both interfaces say; of the older one that it refuses to answer, where the two contradict each other."""
    said = {name: place.fp32_precision for name, place in PLACES.items()}
    older = {
        "products": torch.get_float32_matmul_precision,
        "products in TF32": lambda: torch.backends.cuda.matmul.allow_tf32,
        "convolutions in TF32": lambda: torch.backends.cudnn.allow_tf32,
    }
    for name, ask in older.items():
        try:
            said[name] = ask()
        except RuntimeError:
            said[name] = "refused"
    return said


@pytest.fixture
def precision_is_put_back():
    """As PyTorch starts."""
    yield
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True
    values = {"conv": "tf32", "rnn": "tf32"}
    for name, place in PLACES.items():
        place.fp32_precision = values.get(name, "none")


def older_high():
    torch.set_float32_matmul_precision("high")


def older_medium():
    torch.set_float32_matmul_precision("medium")


def older_flag():
    torch.backends.cuda.matmul.allow_tf32 = True


def older_flag_of_convolutions():
    torch.backends.cudnn.allow_tf32 = False


def newer():
    torch.backends.cuda.matmul.fp32_precision = "tf32"


def newer_everywhere():
    torch.backends.fp32_precision = "tf32"


def both_in_contradiction():
    torch.set_float32_matmul_precision("high")
    torch.backends.cuda.matmul.fp32_precision = "ieee"


WAYS = [
    lambda: None,
    older_high,
    older_medium,
    older_flag,
    older_flag_of_convolutions,
    newer,
    newer_everywhere,
    both_in_contradiction,
]


@pytest.mark.filterwarnings("ignore:.*new API settings")
@pytest.mark.parametrize("way", WAYS)
def test_float32_keeps_its_digits_on_a_gpu_whatever_was_said_before_and_says_it_again_afterwards(
    way, precision_is_put_back
):
    way()
    before = precision()
    with full_precision(CUDA):
        inside = precision()
    assert [inside[name] for name in ("conv", "rnn", "matmul")] == ["ieee"] * 3
    # Kernels ask the older interface, which refuses to answer where the newer one contradicts it.
    assert inside["products"] == "highest"
    assert inside["products in TF32"] is inside["convolutions in TF32"] is False
    assert precision() == before
    with pytest.raises(KeyError), full_precision(CUDA), full_precision(CUDA):
        raise KeyError
    assert precision() == before


@pytest.mark.filterwarnings("ignore:.*new API settings")
@pytest.mark.parametrize("way", WAYS)
def test_what_followed_a_general_setting_follows_it_still(way, precision_is_put_back):
    found = []
    for entered in (False, True):
        way()
        before = torch.backends.fp32_precision
        if entered:
            with full_precision(CUDA):
                pass
        torch.backends.fp32_precision = "ieee"
        found.append(precision())
        torch.backends.fp32_precision = before
    assert found[0] == found[1]


def test_the_variable_that_turns_tf32_on_is_overruled_too():
    code = (
        "import torch; from labelfix.compute.devices import full_precision\n"
        "with full_precision(torch.device('cuda')):\n"
        "    print(torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)\n"
        "print(torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["False", "False", "True", "True"]


def test_on_a_cpu_nothing_is_touched():
    before = precision()
    with full_precision(torch.device("cpu")):
        assert precision() == before
