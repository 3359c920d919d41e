"""Image files that cannot be read are counted and named: an error, unless --skip-unreadable."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from labelfix.cli import main
from labelfix.data.formats import open_table
from labelfix.errors import InputError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Folders of pictures by class, sound so far."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    for part, count in (("noisy", 24), ("gold", 8)):
        for number in range(count):
            folder = tmp_path / part / ("dark", "light")[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            pixels = generator.integers(0, 120, (8, 8, 3)) + 120 * (number % 2)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{part}-{number}.png")
    return tmp_path


WAYS = {
    "a link that leads nowhere": (lambda path: path.symlink_to("gone.png"), "there is no such file"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    "nothing in it": (lambda path: path.write_bytes(b""), "it is empty, 0 bytes"),
    "something else in it": (lambda path: path.write_bytes(b"junk"), "it is no image"),
    "a pipe": (os.mkfifo, "it is no file"),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_image_that_cannot_be_read_is_an_error_that_names_it(images, way, capsys):
    make, reason = WAYS[way]
    make(images / "noisy" / "dark" / "bad.png")
    assert main(["check", "--noisy", "noisy", "--clean", "gold"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("labelfix: noisy, row 1: image dark/bad.png cannot be read (")
    assert line.endswith(f"({reason}); fix or remove it, or pass --skip-unreadable")


def test_left_out_they_are_counted_named_and_keep_their_label(images, capsys):
    for number, (make, _) in enumerate(WAYS.values()):
        make(images / "noisy" / "dark" / f"bad-{number}.png")
    (images / "gold" / "light" / "bad.png").write_bytes(b"junk")
    words = ["train", "--noisy", "noisy", "--clean", "gold", "--skip-unreadable", "--out", "r", "-v"]
    assert main([*words, "--set", "recipe=paper", "--set", "epochs=1", "--set", "warmup_steps=1"]) == 0
    said = capsys.readouterr().err
    for number in range(len(WAYS)):
        assert f"image dark/bad-{number}.png cannot be read" in said
    assert "gold, row 5: image light/bad.png cannot be read (it is no image); left out" in said
    assert "29 rows of 2 classes, 5 of them left out, as their image cannot be read" in said
    assert main(["flag", "--run", "r"]) == 0
    assert "of 29 labelled rows" in capsys.readouterr().out


def test_a_class_folder_that_is_a_link_to_nowhere_does_not_vanish(images):
    (images / "noisy" / "grey").symlink_to("unmounted")
    with pytest.raises(InputError, match=r"folder grey cannot be read \(the link leads nowhere\)"):
        open_table(images / "noisy")
