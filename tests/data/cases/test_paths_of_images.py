"""Tables name images by paths of many kinds; trusted files name them by others; folders may hold no classes."""

import csv
import json
import os
import shutil
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from labelfix.cli import main

NAMES = [f"{label}/photo {label} {n} ü.png" for n in range(12) for label in ("dark", "light")]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project: photos in a folder, tables in another, as people keep them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    for name in NAMES:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 120, (8, 8, 3)) + 120 * ("light" in name)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    (tmp_path / "lists").mkdir()
    return tmp_path


def table(path, rows, title="path"):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[title, "label"], *rows])
    return str(path)


def listed(paths):
    return [[path, name.split("/")[0]] for path, name in zip(paths, NAMES, strict=True)]


def check(capsys, noisy, clean, *words):
    code = main(["check", "--noisy", str(noisy), "--clean", str(clean), *words])
    said = capsys.readouterr()
    return code, said.out, said.err


WAYS = {
    "from the table's folder on": lambda name, _: f"../photos/{name}",
    "from the top of the project on": lambda name, _: f"photos/{name}",
    "whole": lambda name, top: str(top / "photos" / name),
    "as addresses of files": lambda name, top: "file://" + quote(str(top / "photos" / name)),
    "with backslashes": lambda name, _: f"..\\photos\\{name}".replace("/", "\\"),
}


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_a_table_names_its_images_in_any_way_and_from_any_folder(place, way, elsewhere, capsys, monkeypatch):
    noisy = table("lists/noisy.csv", listed([WAYS[way](name, place) for name in NAMES]))
    clean = table("gold.csv", listed([WAYS[way](name, place) for name in NAMES])[:8])
    if elsewhere:
        monkeypatch.chdir(place.parent)
    code, out, err = check(capsys, place / noisy, place / clean)
    assert code == 0, err
    assert "8 stand in the noisy file" in out
    assert ("count from" in err) == (way == "from the top of the project on")


def test_a_path_is_not_looked_for_further_up_where_its_own_folder_is_there(place, capsys):
    """The photo that is lost beside the table is another one than that of the same name above."""
    (place / "lists" / "photos" / "dark").mkdir(parents=True)
    for name in NAMES[2:]:
        path = place / "lists" / "photos" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((place / "photos" / name).read_bytes())
    noisy = table("lists/noisy.csv", listed([f"photos/{name}" for name in NAMES]))
    code, _, err = check(capsys, noisy, table("lists/gold.csv", listed([f"photos/{name}" for name in NAMES])[2:8]))
    assert code == 2
    assert f"noisy.csv, row 1: image photos/{NAMES[0]} cannot be read (there is no such file)" in err


PATHS = f"the {len(NAMES)} paths in column 'path' "
LOST = {
    **{
        address: (f"{PATHS}are addresses such as {address}", "download them")
        for address in ("s3://bucket/a.png", "https://example.org/a.png", "az://container/a.png")
    },
    "C:\\Users\\me\\a.png": (
        f"{PATHS}are of another computer, such as C:/Users/me/a.png",
        "write them from the table's",
    ),
    "a.png": (f"{PATHS}lead to no file: the first is looked for at ", "paths count from the folder of their table"),
}


@pytest.mark.parametrize("first", LOST)
def test_where_no_path_leads_to_an_image_one_error_says_why(place, first, capsys):
    paths = [first.replace("a.png", f"{number}a.png" if number else "a.png") for number in range(len(NAMES))]
    noisy = table("lists/noisy.csv", listed(paths))
    code, _, err = check(capsys, noisy, table("gold.csv", listed([f"photos/{name}" for name in NAMES])[:8]), "-q")
    (line,) = err.splitlines()
    assert code == 2
    assert line.startswith(f"labelfix: lists/noisy.csv: {LOST[first][0]}")
    assert LOST[first][1] in line


SHORT = {
    "beside the table": lambda name: name,
    "in another case": lambda name: name.replace(".png", ".PNG").upper(),
    "without ending": lambda name: name.removesuffix(".png"),
}


@pytest.mark.parametrize("way", SHORT)
def test_bare_names_are_images_in_a_folder_beside_the_table(place, way, capsys):
    """As on Kaggle: a table of ids and labels, and a folder of images."""
    names = [SHORT[way](os.path.basename(name)) for name in NAMES]
    noisy = table("noisy.csv", listed(names), "id")
    (place / "all").mkdir()
    for name in NAMES:
        (place / "photos" / name).rename(place / "all" / os.path.basename(name))
    code, out, err = check(capsys, noisy, table("gold.csv", listed(names)[:8], "id"))
    assert code == 0, err
    assert f"image {names[0]!r} is all/{os.path.basename(NAMES[0])}, and others likewise" in err
    assert "8 stand in the noisy file" in out


def test_a_folder_of_trusted_images_meets_a_table_that_names_others(place, capsys):
    noisy = table("photos/labels.csv", listed(NAMES), "filename")
    for name in NAMES[:8]:
        (place / "gold" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(place / "photos" / name, place / "gold" / name)
    code, out, err = check(capsys, noisy, "gold")
    assert code == 0, err
    assert "gold: its images are the 'filename' of the other file" in err
    assert "8 stand in the noisy file" in out


@pytest.mark.parametrize("short", ["{0}", "dark-and-light\\{0}", "./{0}"])
def test_a_trusted_file_names_images_of_a_table_from_wherever_it_lies(place, short, capsys):
    """Its paths lead nowhere from its own folder, but say which rows are meant."""
    noisy = table("photos/labels.csv", listed(NAMES), "filename")
    names = [short.format(os.path.basename(name)) for name in NAMES]
    rows = [row for row in listed(names) if row[0]][:8]
    if "\\" in short:
        rows = [[name.replace("/", "\\"), row[1]] for name, row in zip(NAMES, rows, strict=False)]
    code, out, err = check(capsys, noisy, table("lists/gold.csv", rows, "filename"))
    assert code == 0, err
    assert "8 stand in the noisy file (joined by id)" in out


def test_of_a_trusted_file_of_names_those_are_told_that_are_not_in_the_folder(place, capsys):
    rows = [[os.path.basename(name), name.split("/")[0]] for name in NAMES[:7]] + [["gone.png", "dark"]]
    code, _, err = check(capsys, "photos", table("gold.csv", rows, "filename"), "-q")
    (line,) = err.splitlines()
    assert code == 2
    assert line.startswith('labelfix: gold.csv, row 8: id "gone.png" does not stand in photos')


@pytest.mark.parametrize("lines", [None, 1])
def test_a_json_object_from_images_to_labels_is_read(place, lines, capsys):
    Path("gold.json").write_text(json.dumps({name: name.split("/")[0] for name in NAMES[:14]}, indent=lines))
    code, out, err = check(capsys, "photos", "gold.json")
    assert code == 0, err
    assert "14 stand in the noisy file (joined by id)" in out


def test_a_coco_file_is_named_as_such(place, capsys):
    coco = {
        "images": [{"id": n, "file_name": f"photos/{name}"} for n, name in enumerate(NAMES)],
        "annotations": [{"id": n, "image_id": n, "category_id": n % 2} for n in range(len(NAMES))],
        "categories": [{"id": 0, "name": "dark"}, {"id": 1, "name": "light"}],
    }
    Path("coco.json").write_text(json.dumps(coco))
    code, _, err = check(capsys, "coco.json", "photos", "-q")
    (line,) = err.splitlines()
    assert code == 2
    assert "coco.json: is a COCO file" in line
    assert "write a row for each image" in line


@pytest.mark.parametrize(
    ("folder", "where"), [("photos/dark", "in it, not in"), ("photos", 'in one folder only ("dark")')]
)
def test_a_folder_without_classes_is_one_error(place, folder, where, capsys):
    for name in NAMES if folder == "photos" else ():
        if "light" in name:
            (place / "photos" / name).unlink()
    clean = table("gold.csv", [[name, name.split("/")[0]] for name in NAMES[:8]], "id")
    code, _, err = check(capsys, folder, clean, "-q")
    (line, *more) = err.splitlines()
    assert code == 2
    assert line.startswith(f"labelfix: {folder}: its images lie {where}")
    assert "FOLDER/class/file.png" in line
    assert all("warning" in other for other in more)


def test_an_export_leaves_out_links_to_nowhere_that_the_run_left_out(place, capsys):
    (place / "photos" / "dark" / "gone.png").symlink_to("nowhere.png")
    clean = table("gold.csv", [[name, name.split("/")[0]] for name in NAMES[:8]], "id")
    words = ["train", "-q", "--noisy", "photos", "--clean", clean, "--skip-unreadable", "--out", "run"]
    assert main([*words, "--method", "glc", "--no-side-checks"]) == 0
    assert main(["export", "--run", "run", "--corrected-labels", "fixed"]) == 0
    assert "1 image is left out: a link that leads nowhere, such as" in capsys.readouterr().err
    assert len(list((place / "fixed").rglob("*.png"))) == len(NAMES)


def test_names_of_images_that_are_not_there_may_be_ids_beside_features(tmp_path, capsys):
    lines = [f"img_{i}.jpg,{i * 7 % 30}.5,{'xy'[i % 2]}" for i in range(30)]
    (tmp_path / "noisy.csv").write_text("\n".join(["Label,Area,Type", *lines]) + "\n")
    gold = [f"img_{i}.jpg,{'xy'[i % 2]}" for i in range(12)]
    (tmp_path / "gold.csv").write_text("\n".join(["Label,Type", *gold]) + "\n")
    files = ["check", "--noisy", str(tmp_path / "noisy.csv"), "--clean", str(tmp_path / "gold.csv")]
    assert main(files) == 2
    assert "if they are but names of the rows, name the inputs, such as --feature-columns" in capsys.readouterr().err
    assert main([*files, "--feature-columns", "Area"]) == 0
    said = capsys.readouterr()
    assert "12 stand in the noisy file (joined by id)" in said.out
    assert "label column: Type" in said.err
