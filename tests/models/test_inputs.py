"""Batches of features, tokens and images."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labelfix.models.features import FeatureInputs, select
from labelfix.models.images.augment import Key, crop_and_flip, crop_draws
from labelfix.models.network_inputs import ImageInputs, TokenInputs, lengths, pieces


def rows_of(*rows):
    return np.array(rows, dtype=np.int64)


def token_inputs(*texts):
    flat = np.array([token for text in texts for token in text], dtype=np.int32)
    return TokenInputs(flat, np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64), 9)


def image_inputs(count=6, side=8, margin=2):
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return ImageInputs(pixels, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), margin)


def test_a_batch_of_features_is_those_rows_in_that_order():
    inputs = FeatureInputs(np.arange(12, dtype=np.float32).reshape(4, 3))
    assert inputs.batch(rows_of(2, 0, 2)).tolist() == [[6, 7, 8], [0, 1, 2], [6, 7, 8]]


def test_texts_are_padded_to_the_longest_of_the_batch_only():
    inputs = token_inputs([1, 2], [3, 4, 5, 6], [7])
    batch = inputs.batch(rows_of(2, 0))
    assert batch.input_ids.tolist() == [[7, 9], [1, 2]]
    assert batch.attention_mask.tolist() == [[1, 0], [1, 1]]
    assert inputs.batch(rows_of(1)).input_ids.tolist() == [[3, 4, 5, 6]]


def test_a_text_without_tokens_is_one_padding_token():
    batch = token_inputs([], [1]).batch(rows_of(0))
    assert batch.input_ids.tolist() == [[9]]
    assert batch.attention_mask.tolist() == [[0]]


def test_images_are_normalised_channel_by_channel():
    inputs = image_inputs()
    batch = inputs.batch(rows_of(4, 1))
    assert batch.shape == (2, 3, 8, 8)
    assert batch.dtype == torch.float32
    expected = (inputs.pixels[4, 3, 5, 2] / 255 - 0.3) / 0.4
    assert float(batch[0, 2, 3, 5]) == pytest.approx(expected, abs=1e-6)


def test_augmented_images_are_crops_of_the_reflect_padded_image_or_its_mirror():
    """Every augmented image is compared with all (2·2 + 1)² · 2 = 50 that are possible, made with `np.pad`."""
    images = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (40, 6, 6, 3), dtype=np.uint8))
    out = crop_and_flip(images, *crop_draws(Key(0, 0, 0), 40, 2, images.device), 2).numpy()
    chosen = []
    for image, augmented in zip(images.numpy(), out, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        crops = {
            (down, across, flipped): padded[down : down + 6, across : across + 6][:, :: -1 if flipped else 1]
            for down in range(5)
            for across in range(5)
            for flipped in (False, True)
        }
        matches = [key for key, crop in crops.items() if np.array_equal(crop, augmented)]
        assert len(matches) == 1
        chosen += matches
    assert {down for down, _, _ in chosen} == set(range(5))
    assert {across for _, across, _ in chosen} == set(range(5))
    assert 8 < sum(flipped for _, _, flipped in chosen) < 32


def test_the_place_in_the_run_alone_decides_the_augmentation():
    inputs = image_inputs()
    first, second = (inputs.batch(rows_of(0, 1, 2), Key(5, 1, 2, 0)) for _ in range(2))
    assert torch.equal(first, second)
    for other in (Key(6, 1, 2, 0), Key(5, 0, 2, 0), Key(5, 1, 3, 0), Key(5, 1, 2, 1)):
        assert not torch.equal(first, inputs.batch(rows_of(0, 1, 2), other))


def test_selected_rows_are_inputs_of_their_own_and_can_be_selected_from_again():
    inputs = FeatureInputs(np.arange(5, dtype=np.float32)[:, None])
    selected = select(select(inputs, rows_of(4, 2, 0)), rows_of(2, 1))
    assert len(selected) == 2
    assert selected.batch(rows_of(1, 0)).ravel().tolist() == [2, 0]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200))
def test_pieces_cover_every_position_once_and_put_texts_of_one_length_together(lengths):
    inputs = token_inputs(*[[1] * length for length in lengths])
    chosen = rows_of(*range(len(lengths)))[::-1]
    parts = pieces(select(inputs, chosen), np.arange(len(lengths)))
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(lengths)))
    ordered = [lengths[chosen[position]] for part in parts for position in part]
    assert ordered == sorted(lengths)


def test_large_images_go_through_in_smaller_pieces():
    small, large = image_inputs(6, 8), ImageInputs(np.zeros((6, 300, 300, 3), np.uint8), (0, 0, 0), (1, 1, 1))
    assert [len(part) for part in pieces(small, np.arange(6))] == [6]
    assert [len(part) for part in pieces(large, np.arange(6))] == [2, 2, 2]


def test_only_texts_have_lengths_and_selected_texts_keep_theirs():
    inputs = token_inputs([1, 2], [3, 4, 5, 6], [7])
    assert lengths(select(inputs, rows_of(2, 1))).tolist() == [1, 4]
    assert lengths(image_inputs()) is None


def test_pieces_of_no_rows_are_none():
    assert pieces(FeatureInputs(np.empty((0, 3), np.float32)), rows_of()) == []
