"""Which form of attention is computed.

PyTorch's fused attention is the fastest, but has neither a forward-mode derivative nor a double backward; the
finite differences of the look-ahead go through it. The plain form has both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def plain_attention() -> Iterator[None]:
    """Compute attention by matrix products and a softmax.

    All passes of a step have to be in it, or none: the two forms draw different dropout masks.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        yield
