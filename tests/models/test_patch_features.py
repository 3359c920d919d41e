"""Patch features of images: what they are, what they do not depend on, and what they bear."""

import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
import torch
from memory_table import image_table, png, random_images
from PIL import Image

from labelfix.data.inputs import HeldInputs
from labelfix.data.tables import ClassNames
from labelfix.errors import RunError, SettingsError
from labelfix.models.choice import choose_representation
from labelfix.models.images import patch_components, patch_fit
from labelfix.models.images.patch_code import PatchDescriber, PatchRules, quarter_means, without_contrast
from labelfix.models.images.patches import PatchFeatures
from labelfix.models.trained import TrainedClassifier
from labelfix.progress import Silent
from labelfix.settings.model import ModelSettings

CPU = torch.device("cpu")


MEASURED = {name: getattr(patch_fit, name) for name in ("ATOMS", "ROUNDS")}


@pytest.fixture(autouse=True)
def fewer_atoms(monkeypatch):
    """Learning 400 takes seconds."""
    monkeypatch.setattr(patch_fit, "ATOMS", 40)
    monkeypatch.setattr(patch_fit, "ROUNDS", 3)


def choose(table, compute, **settings):
    return choose_representation(table, ModelSettings(**settings), compute, Silent())


def features(table, compute, representation=None, **settings):
    representation = representation or choose(table, compute, **settings)
    return representation.encode(table, compute, Silent()).features


@pytest.fixture(scope="module")
def table():
    return image_table([png(pixels) for pixels in random_images(60, 20)])


@pytest.mark.parametrize(("side", "seen"), [(8, 16), (20, 20), (64, 64), (90, 64)])
def test_images_without_weights_are_seen_at_their_own_size_within_bounds(side, seen, compute):
    chosen = choose(image_table([png(pixels) for pixels in random_images(3, side)]), compute)
    assert isinstance(chosen, PatchFeatures)
    assert chosen.frozen
    assert chosen.code.rules.side == seen
    assert f"{seen}×{seen} pixels" in chosen.description


def test_the_size_can_be_chosen(table, compute):
    assert choose(table, compute, image_size=24).code.rules.side == 24


def test_a_size_that_no_patch_could_tell_anything_of_is_refused(table, compute):
    with pytest.raises(SettingsError, match="image_size = 1025: patches takes at most 1024"):
        choose(table, compute, image_size=1025)


def test_features_have_length_one_and_differ(table, compute):
    chosen = choose(table, compute)
    found, handed = chosen.split(features(table, compute, chosen))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.square(handed).sum(axis=1).mean(), 1, atol=1e-5)
    assert len(np.unique(found, axis=0)) == len(found)


def test_shuffled_rows_have_the_same_features_to_the_last_bit(table, compute, tmp_path):
    """Also with another number of threads, and without anything kept from before."""
    order = np.random.default_rng(0).permutation(len(table))
    shuffled = dataclasses.replace(table, rows=table.rows.take(order))
    elsewhere = dataclasses.replace(compute, cache_dir=str(tmp_path / "other"), workers=3)
    before = torch.get_num_threads()
    first, other = choose(table, compute), choose(shuffled, elsewhere)
    torch.set_num_threads(2)
    try:
        found = features(shuffled, elsewhere, other)
    finally:
        torch.set_num_threads(before)
    assert first.identity == other.identity
    np.testing.assert_array_equal(found, features(table, compute, first)[order])


def test_a_repeated_image_changes_nothing_that_is_learned(table, compute):
    twice = dataclasses.replace(table, rows=table.rows.take([*range(len(table)), 3, 3, 5]))
    assert choose(twice, compute).identity == choose(table, compute).identity


def test_other_images_teach_something_else(table, compute):
    fewer = dataclasses.replace(table, rows=table.rows.slice(1))
    assert choose(fewer, compute).identity != choose(table, compute).identity


def test_of_many_images_some_are_learned_from_whatever_their_order(table, compute, monkeypatch):
    monkeypatch.setattr(patch_fit, "IMAGES", 20)
    chosen = patch_fit._smallest_hashes(table, 7, Silent())
    assert len(chosen) == 20
    turned = dataclasses.replace(table, rows=table.rows.take(np.arange(len(table))[::-1]))
    again = patch_fit._smallest_hashes(turned, 100, Silent())
    assert list(again) == list(chosen)
    assert [len(table) - 1 - row for row in again.values()] == list(chosen.values())


def test_new_rows_in_blocks_have_the_features_that_they_have_in_one_file(table, compute):
    representation = choose(table, compute)
    whole = features(table, compute, representation)
    held = HeldInputs(table.spec, "new", tuple(table.rows.slice(11, 9).to_batches(max_chunksize=4)))
    np.testing.assert_array_equal(features(held, compute, representation), whole[11:20])


def test_what_was_learned_is_kept_and_learned_again_where_it_is_damaged(table, compute, monkeypatch, tmp_path):
    compute = dataclasses.replace(compute, cache_dir=str(tmp_path / "own"))
    first = choose(table, compute)
    with monkeypatch.context() as patch:
        patch.setattr(patch_fit, "learn", None)
        assert choose(table, compute).identity == first.identity
    for kept in (tmp_path / "own").rglob("filters.bin"):
        kept.write_bytes(kept.read_bytes()[:-4])
    assert choose(table, compute).identity == first.identity


def test_every_kind_of_image_has_features(compute):
    grey = np.arange(20 * 13, dtype=np.uint8).reshape(20, 13)
    clear = np.dstack([np.full((9, 30, 3), 90, np.uint8), np.linspace(0, 255, 270).reshape(9, 30).astype(np.uint8)])
    made = [grey, clear, np.full((1, 1, 3), 7, np.uint8), random_images(1, 40)[0], (grey > 99)]
    cells = [png(pixels) for pixels in made]
    palette = io.BytesIO()
    Image.fromarray(grey).quantize(8).save(palette, "PNG")
    found = features(image_table([*cells, palette.getvalue()]), compute)
    assert found.shape[0] == 6
    assert np.isfinite(found).all()
    assert len(np.unique(found, axis=0)) == 6


def test_images_of_one_colour_are_told_apart_by_it(compute):
    colours = [0, 60, 120, 180, 240]
    found = features(image_table([png(np.full((12, 12, 3), grey, np.uint8)) for grey in colours]), compute)
    assert np.isfinite(found).all()
    assert found[0] @ found[-1] < -0.9


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_images_are_enough_to_learn_from(count, compute):
    cells = [png(np.full((1, 1, 3), 50 * number, np.uint8)) for number in range(2)]
    representation = choose(image_table(cells[:count]), compute)
    assert representation.code.widths == (1, 1)
    found = features(image_table(cells), compute, representation)
    assert found.shape == (2, 2)
    assert np.isfinite(found).all()


def test_fewer_patches_than_atoms_are_all_atoms(compute, monkeypatch):
    monkeypatch.setattr(patch_fit, "ATOMS", 400)
    one = choose(image_table([png(random_images(1, 16)[0])]), compute)
    assert one.code.atoms == (11 * 11, 3 * 3)
    assert len(one.code.offsets) == 11 * 11 + 3 * 3


def test_an_image_is_described_by_what_the_definition_says():
    """Coates, Lee and Ng's steps one by one in float64, against the two matrix products."""
    generator = torch.Generator().manual_seed(0)
    images = random_images(3, 15)
    rules = PatchRules(15, patch=4)
    drawn = torch.rand(48, 300, generator=generator) * 255
    patches = torch.from_numpy(without_contrast(drawn.T.numpy(), rules.contrast)).T
    filters, offsets = patch_fit.dictionary(patches, generator)
    centred = (patches - patches.mean(dim=1, keepdim=True)).double().numpy()
    values, vectors = np.linalg.eigh(centred @ centred.T / 300)
    whitening = vectors / np.sqrt(values + patch_fit.WHITENING) @ vectors.T
    atoms = np.linalg.solve(whitening, filters.astype(np.float64).T).T
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, rtol=1e-4)
    pixels = images[0].astype(np.float64)
    seen = np.zeros((12, 12, len(atoms)))
    for row in range(12):
        for column in range(12):
            patch = pixels[row : row + 4, column : column + 4].transpose(2, 0, 1).ravel()
            patch = (patch - patch.mean()) / np.sqrt(patch.var() + 10)
            seen[row, column] = atoms @ whitening @ (patch - patches.mean(dim=1).numpy())
    parts = []
    for sign in (1, -1):
        counted = np.maximum(sign * seen - 0.25, 0)
        halves = [slice(0, 6), slice(6, 12)]
        parts += [np.sqrt(counted[a, b].mean(axis=(0, 1)) + 0.01) for a in halves for b in halves]
    colours = [pixels[a, b].mean(axis=(0, 1)) for a in (slice(0, 7), slice(7, 15)) for b in (slice(0, 7), slice(7, 15))]
    raw = PatchDescriber(rules, (len(atoms),), filters, offsets).raw(images[0])
    np.testing.assert_allclose(raw, np.concatenate([*parts, *colours]), rtol=2e-5, atol=2e-6)


def test_quarters_of_an_odd_side_cover_it_once():
    means = quarter_means(5)
    np.testing.assert_allclose(means.sum(axis=1), 1, rtol=1e-6)
    assert [int((row > 0).sum()) for row in means] == [4, 6, 6, 9]


def test_flat_patches_teach_nothing():
    """Half of the image is a background with a tremor: no atom is spent on it."""
    generator = np.random.default_rng(0)
    image = generator.integers(0, 2, (32, 32, 3)).astype(np.uint8)
    shown = image.copy()
    shown[:16] = generator.integers(0, 255, (16, 32, 3))
    drawn = patch_fit._draw([shown, image], PatchRules(32), torch.Generator().manual_seed(0))
    assert drawn.shape[1] < 27 * 27
    assert float(drawn.var(dim=0, correction=0).min()) > 0.9 * patch_fit.FLAT / (patch_fit.FLAT + 10)
    assert patch_fit._draw([image], PatchRules(32), torch.Generator().manual_seed(0)).shape[1] == 1


@pytest.fixture
def saved(table, compute, tmp_path):
    representation = choose(table, compute)
    module = representation.new_classifier(2, torch.Generator().manual_seed(0))
    TrainedClassifier(representation, representation.predictor(module, CPU), ClassNames(("a", "b")), 1.0).save(
        tmp_path / "classifier"
    )
    return tmp_path / "classifier"


def change(folder, **arrays):
    from safetensors.numpy import load_file, save_file

    path = folder / "patches.safetensors"
    kept = {name: np.array(array) for name, array in load_file(path).items()} | arrays
    save_file({name: array for name, array in kept.items() if array is not None}, path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "patches.safetensors").unlink(), "the tensors cannot be read"),
        (lambda folder: (folder / "patches.safetensors").write_bytes(b"\0" * 50), "the tensors cannot be read"),
        (lambda folder: change(folder, offsets=None), "tensor offsets: is missing"),
        (lambda folder: change(folder, filters=np.zeros((3, 108), np.float32)), "tensor filters: has shape"),
        (lambda folder: change(folder, mean=np.full(8 * (40 + 40) + 12, np.nan, np.float32)), "tensor mean: holds NaN"),
        (lambda folder: change(folder, more=np.zeros(2, np.float32)), "tensor more: is not one of them"),
    ],
)
def test_damaged_arrays_are_named(saved, damage, said):
    damage(saved)
    with pytest.raises(RunError, match=said):
        TrainedClassifier.load(saved)


@pytest.mark.parametrize(
    ("field", "value"),
    [("side", 4), ("side", 1025), ("patch", 20), ("patch", "six"), ("contrast", 0), ("atoms", -1), ("width", None)],
)
def test_damaged_rules_are_named(saved, field, value):
    about = json.loads((saved / "labelfix.json").read_text(encoding="utf-8"))
    about["encoding"][field] = value
    (saved / "labelfix.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(RunError, match=r"labelfix.json: is damaged \(encoding"):
        TrainedClassifier.load(saved)


def test_constants_are_kept_with_the_classifier(saved, table, compute, monkeypatch):
    """A later version may have others."""
    before = TrainedClassifier.load(saved).representation
    monkeypatch.setattr(PatchRules.__init__, "__defaults__", (7, 1.0, 0.9, 0.5))
    after = TrainedClassifier.load(saved).representation
    assert after.identity == before.identity
    shutil.rmtree(compute.cache_dir)
    np.testing.assert_array_equal(features(table, compute, after), features(table, compute, before))


@pytest.mark.parametrize(("images", "width"), [(1, 1), (3, 2), (9, 8), (30, 8), (40, 10), (400, 100)])
def test_of_few_images_few_components_are_kept(images, width):
    raw = np.random.default_rng(0).normal(size=(images, 332)).astype(np.float32)
    assert patch_components.components(raw, (40,))[1].shape == (332, width)


@pytest.mark.parametrize(("images", "width"), [(1, 1), (9, 8), (160, 10), (800, 50)])
def test_handed_components_are_a_quarter_as_many(images, width):
    raw = np.random.default_rng(0).normal(size=(images, 332)).astype(np.float32)
    assert patch_components.handed_components(raw, (40,)).shape == (332, width)


def test_handed_components_are_not_centred():
    """What stands on the same side in all images is news of an image that is mirrored."""
    unlike = np.full((50, 332), 0.5, np.float32)
    mirrored = -unlike[:1] @ patch_components.handed_components(unlike, (40,))
    np.testing.assert_allclose(np.linalg.norm(mirrored), 1, rtol=1e-5)


def test_the_image_at_half_its_size_weighs_seven_tenths_and_more_atoms_weigh_no_more():
    deviation = np.ones(8 * (4 + 2) + 12)
    scale = patch_components._scale(np.zeros_like(deviation), deviation, (4, 2))
    whole, half, colours = np.split(scale, [32, 48])
    lengths = [np.linalg.norm(part) / np.linalg.norm(whole) for part in (whole, half, colours)]
    np.testing.assert_allclose(lengths, [1, 0.7, 0.5])


def test_components_are_evened_out_half_way_and_colours_weigh_half_as_much_as_patches():
    generator = np.random.default_rng(0)
    raw = generator.normal(size=(4000, 44)).astype(np.float32)  # 32 figures of patches, 12 of colours
    raw[:, 1] = raw[:, 0]
    mean, projection = patch_components.components(raw, (4,))
    spread = np.linalg.norm((raw - mean) @ projection, axis=0) / 4000**0.5
    lengths = spread / spread[0]
    # The doubled figure has √2 the deviation of a single one, a colour 0.5 · √(32 / 12); of that, the square root.
    np.testing.assert_allclose(lengths[1:31].mean(), 2**-0.25, rtol=0.03)
    np.testing.assert_allclose(lengths[31:].mean(), (0.5 * (32 / 12) ** 0.5 / 2**0.5) ** 0.5, rtol=0.03)


@pytest.mark.parametrize(
    ("of", "name", "value"),
    [
        (patch_fit, "ATOMS", 400),
        (patch_fit, "ROUNDS", 10),
        (patch_fit, "WHITENING", 0.1),
        (patch_fit, "FLAT", 1.0),
        (patch_fit, "PATCHES", 50_000),
        (patch_fit, "IMAGES", 2048),
        (patch_components, "IMAGES_A_COMPONENT", 4),
        (patch_components, "IMAGES_A_HANDED_COMPONENT", 16),
        (patch_components, "FEWEST", 8),
        (patch_components, "HALF_SIZE", 0.7),
        (patch_components, "COLOURS", 0.5),
        (patch_components, "EVENNESS", 0.5),
        (patch_fit, "SMALLEST_SIDE", 16),
        (patch_fit, "LARGEST_SIDE", 64),
        (PatchRules(0), "patch", 6),
        (PatchRules(0), "contrast", 10.0),
        (PatchRules(0), "threshold", 0.25),
        (PatchRules(0), "softening", 0.01),
    ],
)
def test_the_constants_are_those_that_were_measured(of, name, value):
    """`docs/decisions/patch-features.md`; the figures of `docs/benchmarks.md` are theirs."""
    assert MEASURED.get(name, getattr(of, name)) == value
