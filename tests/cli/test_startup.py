"""`labelfix --help` and `labelfix flag` run on every commit of somebody's project: they must start at once."""

import json
import subprocess
import sys

import pytest
from typer.main import get_command

from labelfix.cli.app import PANELS, _listed, application

HEAVY = [
    "torch",
    "torchvision",
    "transformers",
    "timm",
    "sklearn",
    "scipy",
    "pandas",
    "datasets",
    "pyarrow.dataset",
    "pyarrow.compute",
    "numpy.ma",
    "pydantic",
]
PROGRAM = """
import json, sys
from labelfix.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def modules(*words):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["train", "--help"], 0),
        (["methods", "mlc"], 0),
        (["schema", "flag"], 0),
        (["flag", "--run", "run"], 0),
        (["flag", "--run", "run", "--max-issue-rate", "0"], 1),
        (["flag", "--corrected", "run/corrected.parquet", "--min-confidence", "0.9", "--format", "json"], 0),
        (["flag", "--run", "run", "--format", "github"], 0),
        (["flag", "--run", "run", "--format", "sarif", "--baseline", "run/corrected.parquet"], 0),
        (["flag", "--run", "run", "--format", "junit", "--max-noise-rate", "1", "--show", "3"], 0),
    ],
)
def test_nothing_heavy_is_imported(at_work, words, code):
    ended, loaded = modules(*words)
    assert ended == code
    assert [name for name in HEAVY if name in loaded] == []


def test_judging_a_folder_of_images_imports_nothing_heavy_either(at_work):
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = at_work / "images" / "cat" / "1.png"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"\x89PNG")
    table = pq.read_table("run/corrected.parquet")
    schema = table.schema
    about = {**json.loads(schema.metadata[b"labelfix"]), "input_kind": "image", "input_columns": ["image"]}
    columns = {
        "id": pa.repeat("cat/1.png", len(table)).cast(pa.string()),
        "source_file": pa.repeat(str(at_work / "images"), len(table)),
        "source_row": pa.repeat(1, len(table)),
    }
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    pq.write_table(table.replace_schema_metadata({b"labelfix": json.dumps(about)}), at_work / "images.parquet")
    ended, loaded = modules("flag", "--corrected", str(at_work / "images.parquet"))
    assert ended == 0
    assert [name for name in HEAVY if name in loaded and name != "pyarrow.compute"] == []


def test_lines_of_a_csv_file_bring_no_reader_of_tables(at_work):
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = pq.read_table("noisy.parquet", columns=["id"])["id"].to_pylist()
    (at_work / "noisy.csv").write_text("id,x,label\n" + "".join(f"{name},1,cat\n" for name in names))
    table = pq.read_table("run/corrected.parquet")
    place = table.column_names.index("source_file")
    table = table.set_column(place, "source_file", pa.repeat(str(at_work / "noisy.csv"), len(table)))
    pq.write_table(table, at_work / "a.parquet")
    ended, loaded = modules("flag", "--corrected", str(at_work / "a.parquet"), "--format", "sarif")
    assert ended == 0
    assert [name for name in HEAVY if name in loaded] == []
    assert "labelfix.data.formats.opening" not in loaded


def test_only_the_command_that_is_called_is_loaded(at_work):
    loaded = modules("flag", "--run", "run")[1]
    assert {
        name for name in loaded if name in ("labelfix.cli.train", "labelfix.cli.bench", "labelfix.settings.resolve")
    } == set()


def test_rich_is_not_imported_to_judge(at_work):
    assert [name for name in modules("flag", "--run", "run")[1] if name.startswith("rich")] == []


def test_the_help_of_the_whole_imports_no_command(at_work):
    ended, loaded = modules("--help")
    assert ended == 0
    commands = {name for names in PANELS.values() for name in names}
    assert not {f"labelfix.cli.{name}" for name in commands} & set(loaded)
    assert not {"pyarrow", "numpy", "msgspec"} & set(loaded)


def test_the_help_of_the_whole_says_of_each_command_what_it_says_itself():
    whole, listed = (get_command(app()) for app in (application, _listed))
    assert list(listed.commands) == list(whole.commands)
    for name, command in whole.commands.items():
        assert listed.commands[name].help == command.help.split("\n\n")[0], name
