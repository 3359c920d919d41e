import os
import sys

import pytest
import torch

sys.path.insert(0, os.path.dirname(__file__))  # separate_device and its neighbours, whatever the import mode

from separate_device import separate_device  # noqa: E402
from training_paths import ON_A_GPU  # noqa: E402


@pytest.fixture(params=["separate", pytest.param("cuda", marks=ON_A_GPU)])
def device(request):
    """The stand-in for a GPU; and, where there is one, a GPU."""
    if request.param == "cuda":
        yield torch.device("cuda")
        return
    with separate_device() as found:
        yield found
