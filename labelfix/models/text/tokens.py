"""Tokenising texts as a transformers folder does it.

Legend: N texts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from labelfix.compute.ranks import ranks
from labelfix.data.tables import InputTable
from labelfix.errors import SettingsError, first_line
from labelfix.models.cache import Arrays, Taker, cached
from labelfix.models.contents import contents_hash, texts, windows
from labelfix.models.encoder_folder import EncoderFolder, quiet, read_config
from labelfix.models.encoding import digest
from labelfix.models.network_inputs import TokenInputs
from labelfix.models.pieces import FLAT, LENGTHS, Pieces
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings

WINDOW = 4096
"""Texts tokenised together, and sorted by length together."""

VOCABULARIES = ("tokenizer.json", "vocab*", "*.model", "*.spm", "*.tiktoken")
"""Names of files that hold a vocabulary."""

LEAST_SHARE = 0.1
"""Share of the tokens a model reads that its own tokenizer knows at least; models have a few rows to spare."""

UNSET = 1_000_000
"""A tokenizer's longest text above this means that its folder does not say."""


def load_tokenizer(folder: EncoderFolder) -> Any:  # noqa: ANN401 - transformers is untyped here
    """The folder's tokenizer, with a padding token.

    Raises:
        SettingsError: The folder has none that can be loaded, or one that does not belong to the model.
    """
    from transformers import AutoTokenizer

    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False)
            rows = getattr(read_config(folder).get_text_config(), "vocab_size", None)
    except Exception as error:  # noqa: BLE001 - tokenizers raise almost anything
        raise _misfit(folder, f"its tokenizer cannot be loaded ({first_line(error)})") from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    _check_vocabulary(folder, tokenizer, rows)
    return tokenizer


def _check_vocabulary(folder: EncoderFolder, tokenizer: Any, rows: int | None) -> None:  # noqa: ANN401
    """Refuse a vocabulary that cannot be the model's.

    Where the files of a vocabulary are missing, the library makes a tokenizer all the same, to which every word is
    unknown or nothing at all.

    Args:
        rows: How many tokens the model has embeddings of; None where it does not say.
    """
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    special = set(tokenizer.all_special_tokens) | set(tokenizer.get_added_vocab())
    words = [number for token, number in vocabulary.items() if token not in special]
    if not words or (rows is not None and len(words) < LEAST_SHARE * rows):
        of = "" if rows is None else f" of the {rows:,} tokens that the model reads"
        raise _misfit(folder, f"its tokenizer knows {len(words):,} words{of}, so that texts would say nothing")
    around = (tokenizer.pad_token_id, *tokenizer("")["input_ids"])
    highest = max([*words, *(number for number in around if number is not None)])
    if rows is not None and highest >= rows:
        raise _misfit(
            folder,
            f"its tokenizer numbers tokens up to {highest:,} and the model reads numbers below {rows:,}: they do not "
            "belong together",
        )


def _misfit(folder: EncoderFolder, what: str) -> SettingsError:
    if not any(file.is_file() for pattern in VOCABULARIES for file in folder.path.glob(pattern)):
        what = "the folder has no tokenizer files"
    return SettingsError(
        f"backbone = {folder.name!r}: {what}; copy the tokenizer's files (tokenizer.json and tokenizer_config.json, or "
        "vocab.txt, vocab.json and merges.txt, *.model) there from where the model came"
    )


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
    """Tokenise a table once; the ids are cached, and on the way what a killed run goes on from."""
    key = digest(identity, contents_hash(table, compute.read_rows, progress))
    pieces = Pieces.of(compute, key, WINDOW, progress)

    def windows_of(numbers: range) -> Iterator[Arrays]:
        for batch in itertools.islice(windows(table, WINDOW, compute.read_rows), numbers.start, numbers.stop):
            ids = tokenize(tokenizer, texts(batch), limit)
            flat = np.concatenate([np.asarray(each, dtype=np.int32) for each in ids])
            yield {LENGTHS: np.array([len(each) for each in ids], dtype=np.int64), FLAT: flat}

    def make(writer: Taker) -> None:
        writer.append("ids", np.empty(0, dtype=np.int32))
        writer.append("offsets", np.zeros(1, dtype=np.int64))
        end = 0
        progress.start(f"tokenise {table.name}", len(table))
        for arrays in pieces.through(range(-(-len(table) // WINDOW)), windows_of):
            ends = end + np.cumsum(arrays[LENGTHS])
            writer.append("ids", arrays[FLAT])
            writer.append("offsets", ends)
            end = int(ends[-1])
            progress.advance(len(ends))
        progress.finish()

    arrays = cached(compute, key, f"tokens of {table.name}", make, progress)
    if ranks().first:
        pieces.forget()
    return TokenInputs(arrays["ids"], arrays["offsets"], int(tokenizer.pad_token_id or 0))
