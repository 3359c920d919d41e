"""Texts in several columns, and text, numbers and categories of one row together, from reading to new rows."""

import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
import pytest
from PIL import Image

import labelfix
from labelfix.cli import main

ROWS, TRUSTED = 90, 30
WORDS = {"ant": ["tiny", "hill"], "bee": ["honey", "hive"], "cat": ["purr", "milk"]}


@pytest.fixture(scope="module")
def table():
    """Title and body each tell a part; the numbers tell ants from the others, and so does the colour for cats."""
    generator = np.random.default_rng(0)
    truth = np.arange(ROWS) % 3
    names = np.array(sorted(WORDS))
    given = np.where(generator.random(ROWS) < 0.2, (truth + 1) % 3, truth)
    fill = generator.choice(["over there", "again today", "once more", "as ever"], (ROWS, 2))
    told = [WORDS[names[k]][int(generator.integers(2))] for k in truth]
    return pa.table(
        {
            "id": [f"r{row:03d}" for row in range(ROWS)],
            "title": [f"a note {a}" for a in fill[:, 0]],
            "body": [f"the {word} we saw {b}" for word, b in zip(told, fill[:, 1], strict=True)],
            "size": np.round(generator.normal(size=ROWS) + 4 * (truth == 0), 3),
            "colour": np.where(truth == 2, "grey", generator.choice(["red", "black"], ROWS)),
            "label": names[given],
            "truth": names[truth],
        }
    )


def write(table, path):
    if path.suffix == ".csv":
        pa.csv.write_csv(table, path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()), encoding="utf-8")
    else:
        pq.write_table(table, path)
    return path


def trusted(table):
    return table.select(["id", "truth"]).slice(0, TRUSTED).rename_columns(["id", "label"])


COLUMNS = ["--text-column", "title", "--text-column", "body", "--feature-columns", "size,colour"]


def trained(folder, table, ending, *more):
    noisy = write(table.drop_columns(["truth"]), folder / f"noisy{ending}")
    clean = write(trusted(table), folder / "gold.csv")
    words = ["train", "--noisy", str(noisy), "--clean", str(clean), "--out", str(folder / "run"), *COLUMNS, *more]
    assert main([*words, "--cache-dir", str(folder / "cache"), "-q"]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory, table):
    return trained(tmp_path_factory.mktemp("several"), table, ".csv")


def about(run):
    return json.loads((run / "classifier" / "labelfix.json").read_text(encoding="utf-8"))


def test_every_kind_is_a_view_of_its_own(run):
    found = about(run)
    assert found["input"]["kind"] == "text"
    assert found["input"]["columns"] == ["title", "body"]
    assert [part["columns"] for part in found["input"]["beside"]] == [["size", "colour"]]
    assert [view["family"] for view in found["encoding"]["views"]] == ["lexical", "table"]


def test_the_columns_together_say_what_no_kind_says_alone(run, table):
    right = labelfix.load_run(run).corrected
    assert np.mean(np.array(right["corrected_label"]) == np.array(table["truth"])) > 0.95


def test_new_rows_are_read_by_the_same_columns(run, table, tmp_path):
    new = write(table.drop_columns(["truth"]).slice(40), tmp_path / "new.jsonl")
    assert main(["predict", "--run", str(run), "--input", str(new), "--out", str(tmp_path / "said.parquet"), "-q"]) == 0
    words = ["correct", "--run", str(run), "--noisy", str(new), "--out", str(tmp_path / "new.parquet"), "-q"]
    assert main(words) == 0
    own = pa.Table.from_pylist(labelfix.load_run(run).corrected.to_pylist()).slice(40)
    again = pq.read_table(tmp_path / "new.parquet")
    assert again["predicted_label"].to_pylist() == own["predicted_label"].to_pylist()
    # The run's own rows are judged by models that left each of them out, so doubtful ones may come out otherwise.
    same = np.array(again["suggested_label"]) == np.array(own["suggested_label"])
    assert same.mean() > 0.9
    assert pq.read_table(tmp_path / "said.parquet")["predicted_label"].to_pylist() == own["predicted_label"].to_pylist()


@pytest.mark.parametrize("column", ["title", "body", "size", "colour"])
def test_new_rows_without_a_column_are_refused_by_its_name(run, table, column, tmp_path, capsys):
    new = write(table.drop_columns([column]), tmp_path / "new.parquet")
    assert main(["predict", "--run", str(run), "--input", str(new), "--out", str(tmp_path / "said.csv")]) == 2
    assert f"has no column '{column}'" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".parquet", ".jsonl"])
def test_the_same_rows_in_another_format_and_order_give_the_same_labels(run, table, ending, tmp_path):
    order = np.random.default_rng(3).permutation(ROWS)
    trusted_first = np.concatenate([order[order < TRUSTED], order[order >= TRUSTED]])
    other = trained(tmp_path, table.take(trusted_first), ending)
    one, two = (labelfix.load_run(each).corrected.sort_by("id") for each in (run, other))
    for name in ("suggested_label", "corrected_label", "action"):
        assert one[name].to_pylist() == two[name].to_pylist()
    np.testing.assert_allclose(np.array(one["confidence"]), np.array(two["confidence"]), atol=1e-5)


def test_the_readme_rebuilds_the_features_of_all_kinds(run, table):
    readme = (run / "classifier" / "README.md").read_text(encoding="utf-8")
    assert '`probabilities` takes a dictionary of "text": a list of strings' in readme
    assert "a line for each of the columns title, body" in readme
    defined = readme_code(run)
    texts = [f"{title}\n{body}" for title, body in zip(*(table[c].to_pylist() for c in ("title", "body")), strict=True)]
    frame = pd.DataFrame(table.select(["size", "colour"]).to_pydict())
    said = defined["probabilities"]({"text": texts, "table": frame}, str(run / "classifier"))
    names = np.array(about(run)["classes"])
    assert names[said.argmax(axis=1)].tolist() == labelfix.load_run(run).corrected["predicted_label"].to_pylist()


def test_images_stand_beside_texts_and_numbers(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(5)
    for row, name in enumerate(table["truth"].to_pylist()):
        shade = {"ant": 40, "bee": 120, "cat": 200}[name]
        pixels = generator.integers(shade - 30, shade + 30, (16, 16, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(f"{row}.png")
    paths = [f"{row}.png" for row in range(ROWS)]
    seen = table.append_column("photo", [paths])
    pa.csv.write_csv(seen.drop_columns(["truth"]), "noisy.csv")
    write(trusted(table), tmp_path / "gold.csv")
    words = ["--text-column", "body", "--image-column", "photo", "--feature-columns", "size"]
    files = ["--noisy", "noisy.csv", "--clean", "gold.csv", "--out", "run", "--cache-dir", "cache", "-q"]
    assert main(["train", *files, *words]) == 0
    found = about(tmp_path / "run")
    assert [view["family"] for view in found["encoding"]["views"]] == ["patches", "lexical", "table"]
    said = labelfix.load_run("run").predict("noisy.csv")["predicted_label"].to_pylist()
    assert np.mean(np.array(said) == np.array(table["truth"])) > 0.9
    code = readme_code(tmp_path / "run")
    inputs = {
        "image": paths,
        "text": table["body"].to_pylist(),
        "table": pd.DataFrame({"size": table["size"].to_pylist()}),
    }
    again = code["probabilities"](inputs, "run/classifier").argmax(axis=1)
    assert np.array(found["classes"])[again].tolist() == said


def readme_code(run):
    readme = (run / "classifier" / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    defined = {}
    exec(code, defined)  # noqa: S102 - what the README says is run as a reader would
    return defined


def test_what_comes_after_shows_all_columns(run, tmp_path):
    assert main(["report", "--run", str(run), "--out", str(tmp_path / "report.html"), "-q"]) == 0
    assert main(["next", "--run", str(run), "--out", str(tmp_path / "next.csv"), "-q"]) == 0
    header = (tmp_path / "next.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert {"title", "body", "size", "colour"} <= set(header)


def test_check_says_which_views_there_are(table, tmp_path, capsys):
    noisy = write(table.drop_columns(["truth"]), tmp_path / "noisy.csv")
    clean = write(
        table.select(["id", "truth"]).slice(0, TRUSTED).rename_columns(["id", "label"]), tmp_path / "gold.csv"
    )
    files = ["check", "--noisy", str(noisy), "--clean", str(clean)]
    assert main([*files, *COLUMNS]) == 0
    said = capsys.readouterr().err
    assert "views of a row, side by side: text in 'title', 'body'; table in 'size', 'colour'" in said
    assert main([*files, "--text-column", "title,body", "--set", "model.backbone=some/encoder"]) == 0
    said = capsys.readouterr().err
    assert "text columns: title, body" in said
    assert "views of a text, side by side: some/encoder and lexical" in said
    assert main([*files, "--text-column", "body"]) == 0
    assert "a text is read by: lexical" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--text-column", "body", "--feature-columns", "size,body"], "name the column 'body' twice"),
        (["--text-column", "body", "--text-column", "body"], "names the column 'body' twice"),
        (["--text-column", "body", "--feature-columns", "hue"], "has no column 'hue'"),
        ([*COLUMNS, "--backbone", "mlp"], "reads none of several kinds of inputs"),
        ([*COLUMNS, "--backbone", "timm:resnet18"], "reads images, and no image column is named"),
        ([*COLUMNS, "--no-freeze"], "--no-freeze trains an encoder along, and there is no encoder"),
    ],
)
def test_columns_and_backbones_that_do_not_fit_are_refused(words, message, table, tmp_path, capsys):
    noisy = write(table.drop_columns(["truth"]), tmp_path / "noisy.csv")
    clean = write(
        table.select(["id", "truth"]).slice(0, TRUSTED).rename_columns(["id", "label"]), tmp_path / "gold.csv"
    )
    files = ["train", "--noisy", str(noisy), "--clean", str(clean), "--out", str(tmp_path / "run")]
    assert main([*files, *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_numbers_beside_a_text_are_named_with_the_flag_that_uses_them(table, tmp_path, capsys):
    noisy = write(table.select(["id", "body", "size", "label"]), tmp_path / "noisy.csv")
    clean = write(
        table.select(["id", "truth"]).slice(0, TRUSTED).rename_columns(["id", "label"]), tmp_path / "gold.csv"
    )
    assert main(["check", "--noisy", str(noisy), "--clean", str(clean)]) == 0
    said = capsys.readouterr().err
    assert "not used: size (--text-column body with --feature-columns NAMES uses them)" in said
