"""Tokenising goes on where a killed run left it: nothing is tokenised twice, and the ids are the same."""

import numpy as np
import pytest
from memory_table import text_table

from labelfix.models import cache, pieces
from labelfix.models.text import tokens
from labelfix.progress import Silent

WINDOW = 8
TEXTS = [" ".join(["word"] * (row % 4)) for row in range(45)]


class Tokenizer:
    """Gives each word a number; can be killed.

    Args:
        most: Windows that it tokenises before it is killed.
    """

    pad_token_id = 0

    def __init__(self, most=99):
        self.most, self.seen = most, 0

    def __call__(self, rows, **_):
        if not self.most:
            raise KeyboardInterrupt
        self.most -= 1
        self.seen += len(rows)
        return {"input_ids": [[*range(1, len(row.split()) + 1)] for row in rows]}


@pytest.mark.parametrize("most", [0, 1, 3, 5])
def test_a_killed_run_tokenises_only_what_is_left(most, compute, monkeypatch):
    monkeypatch.setattr(pieces, "KEPT_EVERY", 0.0)
    monkeypatch.setattr(tokens, "WINDOW", WINDOW)
    table = text_table(TEXTS)
    with pytest.raises(KeyboardInterrupt):
        tokens.encode_tokens(table, Tokenizer(most), 16, "same", compute, Silent())
    again = Tokenizer()
    found = tokens.encode_tokens(table, again, 16, "same", compute, Silent())
    assert again.seen == len(TEXTS) - most * WINDOW
    fresh = tokens.encode_tokens(table, Tokenizer(), 16, "another", compute, Silent())
    assert np.array_equal(found.ids, fresh.ids)
    assert np.array_equal(found.offsets, fresh.offsets)
    assert found.offsets.tolist() == np.cumsum([0, *(row % 4 for row in range(45))]).tolist()
    assert not list(cache.cache_folder(compute).glob("*.pieces"))
