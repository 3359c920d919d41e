"""Encoded rows are computed once, found again by contents, and never trusted when damaged."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
from memory_table import image_table, png, text_table

from labelfix.errors import InputError
from labelfix.models import cache
from labelfix.models.cache import cache_folder, cached, read_entry
from labelfix.models.contents import image_bytes
from labelfix.models.encoding import encode_rows
from labelfix.models.text.hashed import HashedText
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings

TEXTS = [f"text number {i} of many" for i in range(50)]


class Told(Silent):
    """Remembers what it is told."""

    def __init__(self):
        self.warnings, self.headlines, self.stages, self.done = [], [], [], 0

    def start(self, stage, total=None, unit="rows"):
        self.stages.append((stage, total))

    def advance(self, amount=1, **facts):
        self.done += amount

    def headline(self, message):
        self.headlines.append(message)

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture
def hashed():
    return HashedText(text_table(TEXTS).spec, 64)


def entry(compute):
    (place,) = cache_folder(compute).iterdir()
    return place


def test_the_second_encoding_computes_nothing(hashed, compute, monkeypatch):
    told = Told()
    first = hashed.encode(text_table(TEXTS), compute, told)
    assert told.stages == [("encode noisy", 50)]
    assert told.done == 50
    monkeypatch.setattr(HashedText, "window", None)
    second = hashed.encode(text_table(TEXTS), compute, Silent())
    np.testing.assert_array_equal(first.features, second.features)
    assert isinstance(second.features, np.memmap)


def test_other_rows_or_another_encoding_are_other_entries(hashed, compute):
    hashed.encode(text_table(TEXTS), compute, Silent())
    hashed.encode(text_table(TEXTS[::-1]), compute, Silent())
    HashedText(hashed.spec, 66).encode(text_table(TEXTS), compute, Silent())
    assert len(list(cache_folder(compute).iterdir())) == 3


def cut(path):
    path.write_bytes(path.read_bytes()[:-4])


def flip(path):
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("rows.bin", cut),
        ("rows.bin", flip),
        ("rows.bin", os.unlink),
        ("entry.json", os.unlink),
        ("entry.json", cut),
        ("entry.json", lambda path: path.write_text("[]")),
        ("entry.json", lambda path: path.write_text('{"format": 1}')),
        ("entry.json", lambda path: path.write_text(path.read_text().replace("[50, 64]", "[50, 63]"))),
        ("entry.json", lambda path: path.write_text(path.read_text().replace('"format": 1', '"format": 0'))),
    ],
)
def test_a_damaged_entry_is_noticed_and_computed_again(hashed, compute, file, damage):
    expected = np.array(hashed.encode(text_table(TEXTS), compute, Silent()).features)
    damage(entry(compute) / file)
    assert read_entry(entry(compute)) is None
    told = Told()
    np.testing.assert_array_equal(hashed.encode(text_table(TEXTS), compute, told).features, expected)
    assert len(told.warnings) == 1
    assert "damaged; they are computed again" in told.warnings[0]
    assert read_entry(entry(compute)) is not None


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_encoding_leaves_nothing_behind(hashed, compute, monkeypatch, interruption):
    def stop(self, *rows):
        raise interruption

    monkeypatch.setattr(HashedText, "window", stop)
    with pytest.raises(interruption):
        hashed.encode(text_table(TEXTS), compute, Silent())
    assert list(cache_folder(compute).iterdir()) == []


@pytest.mark.parametrize("there", [False, True])
def test_what_a_killed_run_left_is_removed_by_the_next_one_that_makes_an_entry_or_reads_it(hashed, compute, there):
    if there:
        hashed.encode(text_table(TEXTS), compute, Silent())
    left = cache_folder(compute) / ".labelfix-0a1b2c3d.tmp" / "key"
    left.mkdir(parents=True)
    hashed.encode(text_table(TEXTS), compute, Silent())
    assert not left.parent.exists()


def test_two_runs_that_make_one_entry_at_once_both_get_it(compute):
    def make(writer):
        def other(writer):
            writer.append("rows", np.arange(3))

        if not cache_folder(compute).joinpath("key").exists():
            cached(compute, "key", "rows", other, Silent())
        writer.append("rows", np.arange(3))

    np.testing.assert_array_equal(cached(compute, "key", "rows", make, Silent())["rows"], [0, 1, 2])
    assert [path.name for path in cache_folder(compute).iterdir()] == ["key"]


def test_writing_into_an_array_does_not_change_the_entry(hashed, compute):
    inputs = hashed.encode(text_table(TEXTS), compute, Silent())
    inputs.features[:] = 7
    again = hashed.encode(text_table(TEXTS), compute, Silent())
    assert abs(again.features).max() <= 1


def test_a_table_without_rows_has_an_entry_without_rows(hashed, compute):
    for _ in range(2):
        inputs = hashed.encode(text_table([]), compute, Silent())
        assert inputs.features.shape == (0, 64)
        assert len(inputs) == 0


def test_the_setting_goes_before_the_environment_and_that_before_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "environment"))
    assert cache_folder(ComputeSettings(cache_dir=str(tmp_path / "flag"))) == tmp_path / "flag" / "features"
    assert cache_folder(ComputeSettings()) == tmp_path / "environment" / "features"
    monkeypatch.delenv("LABELFIX_CACHE_DIR")
    assert "labelfix" in str(cache_folder(ComputeSettings()))


def goes_on_without_a_cache(hashed, compute, said):
    """Two encodings give the right features, and one line says why neither is kept."""
    told = Told()
    for texts in (TEXTS, TEXTS[:9]):
        expected = hashed.window(next(text_table(texts).batches(len(texts))), 1, "t", compute)
        np.testing.assert_array_equal(hashed.encode(text_table(texts), compute, told).features, expected)
    (line,) = told.headlines
    assert line == f"{cache_folder(compute)}: the feature cache cannot be written ({said}); " + (
        "the run goes on without it (--cache-dir names another place)"
    )


def test_a_cache_folder_that_cannot_be_written_is_said_once_and_the_run_goes_on(hashed, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    goes_on_without_a_cache(hashed, ComputeSettings(cache_dir=str(tmp_path / "file")), "Not a directory")
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.parametrize("step", ["append", "close"])
def test_a_full_disk_is_said_once_and_the_run_goes_on(hashed, compute, monkeypatch, step):
    def full(self, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.EntryWriter, step, full)
    goes_on_without_a_cache(hashed, compute, "No space left on device")
    assert list(cache_folder(compute).iterdir()) == []


def test_an_entry_that_another_process_takes_away_while_it_is_used_does_not_matter(hashed, compute, monkeypatch):
    first = hashed.encode(text_table(TEXTS), compute, Silent()).features
    expected, reading, told = np.array(first), cache._read_array, Told()

    def taken_away(path, about):
        if path.parent.parent == cache_folder(compute):
            shutil.rmtree(path.parent)
        return reading(path, about)

    monkeypatch.setattr(cache, "_read_array", taken_away)
    again = hashed.encode(text_table(TEXTS), compute, told).features
    shutil.rmtree(cache_folder(compute))
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(again, expected)
    assert told.warnings == told.headlines == []


def test_an_entry_describes_its_arrays(hashed, compute):
    hashed.encode(text_table(TEXTS), compute, Silent())
    described = json.loads((entry(compute) / "entry.json").read_text())
    about = described["arrays"]["rows"]
    assert (about["dtype"], about["shape"], about["bytes"]) == ("<f4", [50, 64], 50 * 64 * 4)


def test_the_rows_read_at_once_do_not_change_a_byte(hashed, tmp_path):
    found = []
    for read_rows in (1, 7, 8192):
        compute = ComputeSettings(cache_dir=str(tmp_path / str(read_rows)), read_rows=read_rows)
        found.append(hashed.encode(text_table(TEXTS), compute, Silent()).features.tobytes())
        assert entry(compute).name == entry(dataclasses.replace(compute, read_rows=3)).name
    assert found[0] == found[1] == found[2]


def test_an_image_that_is_exchanged_after_it_was_counted_is_told_and_nothing_of_it_is_kept(compute, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(png(np.full((4, 4, 3), number, np.uint8)))
    table = image_table(paths)

    def encoded(exchange):
        def encode(batch, row):
            if exchange:
                paths[-1].write_bytes(png(np.full((4, 4, 3), 200, np.uint8)))
            return np.array([[len(data)] for data in image_bytes(batch.column(0), table.name, row)], np.float32)

        return encode_rows(table, "id", 3, np.empty((0, 1), np.float32), encode, compute, Silent())

    with pytest.raises(
        InputError, match=r"5\.png was changed while the images were being read; give the command again"
    ):
        encoded(exchange=True)
    assert not any(read_entry(place) for place in entries(compute))
    assert len(encoded(exchange=False)) == 6


def entries(compute):
    folder = cache_folder(compute)
    return list(folder.iterdir()) if folder.is_dir() else []
