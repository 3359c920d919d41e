"""Tokenising texts as a transformers folder does it.

Legend: N texts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfix.data.tables import InputTable
from labelfix.errors import SettingsError
from labelfix.models.cache import EntryWriter, cached
from labelfix.models.contents import contents_hash, texts, windows
from labelfix.models.encoder_folder import EncoderFolder, quiet
from labelfix.models.encoding import digest
from labelfix.models.features import TokenInputs
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings

WINDOW = 4096
"""Texts tokenised together, and sorted by length together."""

UNSET = 1_000_000
"""A tokenizer's longest text above this means that its folder does not say."""


def load_tokenizer(folder: EncoderFolder) -> Any:  # noqa: ANN401 - transformers is untyped here
    """The folder's tokenizer, with a padding token.

    Raises:
        SettingsError: The folder has none that can be loaded.
    """
    from transformers import AutoTokenizer

    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # noqa: BLE001 - tokenizers raise almost anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingsError(
            f"backbone = {folder.name!r}: its tokenizer cannot be loaded ({reason}); copy the tokenizer files there"
        ) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def longest(folder: EncoderFolder, tokenizer: Any, max_tokens: int) -> int:  # noqa: ANN401
    """Tokens of the longest text: the setting, or less where the model reads less."""
    limits = [max_tokens]
    if tokenizer.model_max_length < UNSET:
        limits.append(int(tokenizer.model_max_length))
    elif folder.config.get("max_position_embeddings"):
        limits.append(int(folder.config["max_position_embeddings"]) - 2)  # some models count positions from 2
    sentence = folder.optional_json("sentence_bert_config.json") or {}
    if sentence.get("max_seq_length"):
        limits.append(int(sentence["max_seq_length"]))
    return max(min(limits), 1)


def tokenize(tokenizer: Any, rows: list[str], limit: int) -> list[list[int]]:  # noqa: ANN401
    """Token ids of each text, cut at `limit` tokens."""
    encoded = tokenizer(rows, truncation=True, max_length=limit, padding=False, return_attention_mask=False)
    return list(encoded["input_ids"])


def encode_tokens(
    table: InputTable,
    tokenizer: Any,  # noqa: ANN401
    limit: int,
    identity: str,
    compute: ComputeSettings,
    progress: Progress,
) -> TokenInputs:
    """Tokenise a table once; the ids are cached."""
    key = digest(identity, contents_hash(table, compute.read_rows, progress))

    def make(writer: EntryWriter) -> None:
        writer.append("ids", np.empty(0, dtype=np.int32))
        writer.append("offsets", np.zeros(1, dtype=np.int64))
        end = 0
        progress.start(f"tokenise {table.name}", len(table))
        for batch in windows(table, WINDOW, compute.read_rows):
            ids = tokenize(tokenizer, texts(batch.column(0)), limit)
            ends = end + np.cumsum([len(each) for each in ids], dtype=np.int64)
            writer.append("ids", np.concatenate([np.asarray(each, dtype=np.int32) for each in ids]))
            writer.append("offsets", ends)
            end = int(ends[-1])
            progress.advance(batch.num_rows)
        progress.finish()

    arrays = cached(compute, key, f"tokens of {table.name}", make, progress)
    return TokenInputs(arrays["ids"], arrays["offsets"], int(tokenizer.pad_token_id or 0))
