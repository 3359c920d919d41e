"""Remote names: what is taken for one, what is shown of it, and what is refused. Nothing is asked."""

import os
import sys
from pathlib import Path

import pytest

from labelfix.cli import main
from labelfix.errors import InputError, SettingsError
from labelfix.remote import RemotePath, as_path
from labelfix.remote.filesystem import tidied
from labelfix.settings.remote_names import without_secrets
from labelfix.settings.sources import from_here


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("s3://bucket/a/b.parquet", "s3://bucket/a/b.parquet"),
        ("s3:/bucket/a.csv", "s3://bucket/a.csv"),
        ("s3://bucket/a//b.csv", "s3://bucket/a//b.csv"),
        ("gs://bucket/a?b*.csv", "gs://bucket/a?b*.csv"),
        ("hf://datasets/me/set@main/a.parquet", "hf://datasets/me/set@main/a.parquet"),
        ("https://me:word@host:8/a.csv?sig=1/2#3", "https://host:8/a.csv"),
        ("s3://KEY:WORD@bucket/a.csv", "s3://bucket/a.csv"),
        ("data/s3:/a.csv", "data/s3:/a.csv"),
        ("hub:name", "hub:name"),
    ],
)
def test_names_as_they_are_shown(given, shown):
    assert without_secrets(given) == str(as_path(given)) == shown
    assert isinstance(as_path(given), RemotePath) == given.startswith(("s3", "gs", "hf", "https"))


def test_paths_of_paths():
    path = as_path("s3://bucket/folder/a.tar.csv")
    assert (path.name, path.suffix, str(path.parent)) == ("a.tar.csv", ".csv", "s3://bucket/folder")
    assert str(path.parent / "b.csv") == "s3://bucket/folder/b.csv"
    assert str(path.relative_to(path.parent)) == "a.tar.csv"
    assert as_path(Path("s3://bucket/folder/a.tar.csv")) == path
    with pytest.raises(InputError, match="s3://bucket/folder/a.tar.csv: lies on another machine"):
        os.stat(path)


def test_names_in_a_configuration_file_count_from_nowhere():
    assert from_here("s3://bucket/a.csv", Path("conf/labelfix.toml")) == "s3://bucket/a.csv"
    assert from_here("a.csv", Path("conf/labelfix.toml")) == "conf/a.csv"


@pytest.mark.parametrize("name", ["s3://KEY:WORD@bucket/a.csv", "gs://KEY:WORD@bucket/a.csv"])
def test_a_key_in_a_name_is_refused(name):
    with pytest.raises(SettingsError, match=r"://bucket/a.csv: credentials do not belong in a name; ") as caught:
        as_path(name).exists()
    assert "WORD" not in str(caught.value)


def test_errors_of_others_lose_what_is_secret(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-word")
    url = "https://me:word-of-mine@host/a.csv?sig=abcdef"
    said = tidied(OSError(f"403, url={url!r}, very-secret-word\nand more"), url)
    assert said == "OSError: 403, url='https://host/a.csv', … and more"


@pytest.mark.parametrize("variable", ["LABELFIX_OFFLINE", "--offline"])
def test_offline_asks_no_other_machine(made, here, capsys, monkeypatch, asked, variable):
    words = ["correct", "--run", str(made / "run"), "--noisy", "s3://bucket/a.csv", "--out", "out.csv"]
    if variable.startswith("--"):
        words.append(variable)
    else:
        monkeypatch.setenv(variable, "1")
    try:
        assert main(words) == 2
    finally:
        from labelfix.settings import hub_access

        hub_access.forbid(False)
    assert "labelfix: s3://bucket/a.csv: --offline forbids what lies on another machine" in capsys.readouterr().err
    assert not asked


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("s3://bucket/a.csv", "s3fs", "s3"), ("gs://bucket/a.csv", "gcsfs", "gcs"), ("az://box/a.csv", "adlfs", "azure")],
)
def test_a_missing_package_is_named_with_its_extra(made, here, capsys, monkeypatch, name, package, extra):
    pytest.importorskip("fsspec")
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, name[:2], raising=False)
    assert main(["correct", "--run", str(made / "run"), "--noisy", name, "--out", "out.csv"]) == 2
    assert capsys.readouterr().err == (
        f"labelfix: {name}: needs a package that is not installed ({package}); pip install 'labelfix[{extra}]'\n"
    )


def test_a_run_makes_no_other_machine_be_asked_because_it_names_one(made, here, capsys, asked):
    """The rows of a run may have lain anywhere; only what is named now is asked."""
    import json
    import shutil

    shutil.copytree(made / "run", "run")
    manifest = json.loads(Path("run/run.json").read_text())
    manifest["data"]["noisy"] |= {"name": "s3://bucket/noisy.parquet", "files": ["s3://bucket/noisy.parquet"]}
    Path("run/run.json").write_text(json.dumps(manifest))
    assert main(["flag", "--run", "run"]) == 0
    assert main(["export", "--run", "run", "--corrected-labels", "fixed.csv"]) == 2
    said = capsys.readouterr().err
    assert "s3://bucket/noisy.parquet: lies on a hub or another machine" in said
    assert "name it by --noisy" in said
    assert not asked


def test_what_stays_on_a_disk_says_so(made, here, capsys):
    assert main(["flag", "--run", "s3://bucket/run"]) == 2
    assert capsys.readouterr().err == (
        "labelfix: s3://bucket/run: a run folder is read from a disk of this machine; copy it here first\n"
    )
    signed = ["--class-map", "https://host/map.csv?signature=word-of-mine"]
    assert main(["check", "--noisy", "a.csv", "--clean", "b.csv", *signed]) == 2
    said = capsys.readouterr().err
    assert "'https://host/map.csv' is kept in runs, and its signature must not be; save it here" in said
    assert "word-of-mine" not in said
