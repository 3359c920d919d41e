"""Only this process's own flags and variables decide what may touch the network."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.main import get_command

from labelfix.cli import main
from labelfix.cli.app import application
from labelfix.runs.origin import UNFINISHED
from labelfix.settings import hub_access


def commands(command, path=()):
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
    for name, each in (below or {}).items():
        yield from commands(each, (*path, name))


def test_every_command_takes_offline():
    for path, command in commands(get_command(application())):
        assert any("--offline" in param.opts for param in command.params), path


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "LABELFIX_OFFLINE"])
def test_a_variable_keeps_hubs_out_of_every_command(variable, at_work, asked, monkeypatch, capsys):
    monkeypatch.setenv(variable, "1")
    assert main(["check", "--noisy", "hub:no/such", "--clean", "gold.csv"]) == 2
    assert "may not ask" in capsys.readouterr().err
    assert not asked


def test_offline_keeps_hubs_out_of_this_command_only(at_work, asked, capsys):
    assert main(["check", "--noisy", "hub:no/such", "--clean", "gold.csv", "--offline"]) == 2
    assert hub_access.forbidden()
    assert not asked
    assert main(["check", "--noisy", "hub:no/such", "--clean", "gold.csv"]) == 2
    assert not hub_access.forbidden()
    assert "cannot be loaded from the hub" in capsys.readouterr().err
    assert asked


@pytest.fixture
def copied(at_work, workshop):
    import shutil

    shutil.copytree(workshop / "run", at_work / "run")
    return at_work / "run"


@pytest.mark.parametrize("command", [("check", "--noisy", "hub:no/such"), ("correct", "--noisy", "hub:no/such")])
def test_a_configuration_file_keeps_hubs_out(command, at_work, asked, capsys):
    (at_work / "own.toml").write_text("[compute]\noffline = true\n")
    rest = ["--clean", "gold.csv"] if command[0] == "check" else ["--run", "run", "--out", str(at_work / "o.csv")]
    assert main([*command, *rest, "--config", str(at_work / "own.toml")]) == 2
    assert "may not ask" in capsys.readouterr().err
    assert not asked


def test_a_run_that_names_a_hub_asks_none(copied, asked, capsys):
    manifest = json.loads((copied / "run.json").read_text())
    for which in ("noisy", "clean"):
        manifest["data"][which] |= {"name": "hub:no/such", "files": ["hub:no/such"], "format": "hugging_face"}
    (copied / "run.json").write_text(json.dumps(manifest))

    assert main(["export", "--run", str(copied), "--corrected-labels", str(copied.parent / "out.csv")]) == 2
    assert "never asked for what only a run names" in capsys.readouterr().err
    assert main(["next", "--run", str(copied), "--out", str(copied.parent / "next.csv")]) == 2
    assert main(["report", "--run", str(copied)]) == 0
    assert main(["flag", "--run", str(copied)]) == 0
    assert not asked


@pytest.mark.parametrize("key", ["noisy", "backbone"])
def test_an_unfinished_run_that_names_a_hub_asks_none(key, at_work, asked, capsys):
    run = at_work / "run"
    words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", str(run), "--set", "recipe=paper"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labelfix.pipeline.carry_out", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(words) == 130
    values = json.loads((run / UNFINISHED).read_text())
    if key == "noisy":
        values["noisy"] = "hub:no/such"
    else:
        values["settings"]["model"] |= {"backbone": "hf:no/such"}
        values["settings"]["data"] |= {"text_column": "id"}
    (run / UNFINISHED).write_text(json.dumps(values))

    assert main(["train", "--resume", str(run)]) == 2
    assert {"noisy": "asked only for what is given", "backbone": "is not on this disk"}[key] in capsys.readouterr().err
    assert not asked


def test_scored_rows_are_looked_up_on_a_hub_only_where_it_is_named(at_work, asked, capsys):
    scored = str(at_work / "scored.parquet")
    assert main(["correct", "--run", "run", "--noisy", "new.parquet", "--out", scored]) == 0
    # A table of numbers has no texts to show; a source that is a text file has lines.
    table = pq.read_table(scored)
    place = table.schema.get_field_index("source_file")
    files = pa.array(["hub:no/such.csv"] * len(table)).dictionary_encode().cast(table.schema.field(place).type)
    changed = table.set_column(place, table.schema.field(place), files).replace_schema_metadata(table.schema.metadata)
    pq.write_table(changed, scored)

    assert main(["flag", "--corrected", scored, "--min-confidence", "0"]) == 0
    assert "texts are not shown" in capsys.readouterr().err
    assert not asked
    assert main(["flag", "--corrected", scored, "--min-confidence", "0", "--noisy", "hub:no/such.csv"]) == 0
    assert "texts are not shown" not in capsys.readouterr().err
