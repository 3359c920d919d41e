"""A run that somebody else made may name any file of this machine; none but those beside it are read unasked."""

import json
import shutil
import stat

import pytest

from labelfix.cli import main
from labelfix.runs import made_here
from labelfix.runs.seal import sealed


@pytest.fixture
def other_key(monkeypatch, tmp_path):
    """From here on another user works."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def strange(at_work, workshop):
    """A copy of a run, elsewhere."""
    shutil.copytree(workshop / "run", at_work / "theirs" / "run")
    return at_work / "theirs" / "run"


def asks(run, folder, capsys):
    """What export, next and report say and show."""
    codes = [
        main(["export", "--run", str(run), "--corrected-labels", str(folder / "out.parquet")]),
        main(["next", "--run", str(run), "--out", str(folder / "next.csv")]),
        main(["report", "--run", str(run), "--out", str(folder / "page.html"), "--overwrite"]),
    ]
    return codes, capsys.readouterr().err


def test_a_run_made_here_finds_its_inputs_from_anywhere(strange, at_work, capsys):
    codes, _ = asks(strange, at_work, capsys)
    assert codes == [0, 0, 0]


def test_a_strangers_run_reads_nothing_that_is_not_beside_it(strange, at_work, other_key, capsys):
    codes, said = asks(strange, at_work, capsys)
    assert codes == [2, 2, 0]
    assert "is not beside the run, which was not made here, so that it may name any file" in said
    assert "--noisy" in said
    assert not (at_work / "out.parquet").exists()


def test_inputs_beside_it_or_named_are_read(strange, at_work, workshop, other_key, capsys):
    for name in ("noisy.parquet", "gold.csv"):
        shutil.copy(workshop / name, strange.parent)
    assert asks(strange, at_work, capsys)[0] == [0, 0, 0]
    (strange.parent / "noisy.parquet").unlink()
    words = ["export", "--run", str(strange), "--corrected-labels", str(at_work / "again.parquet")]
    assert main([*words, "--noisy", "noisy.parquet"]) == 0


def test_a_link_beside_it_does_not_count_as_beside(strange, at_work, workshop, other_key, capsys):
    (strange.parent / "noisy.parquet").symlink_to(workshop / "noisy.parquet")
    assert asks(strange, at_work, capsys)[0][:2] == [2, 2]


def test_a_run_made_here_that_was_changed_counts_as_a_strangers(strange, at_work, workshop, capsys):
    secret = at_work / "secret.csv"
    shutil.copy(workshop / "noisy.parquet", secret)
    manifest = json.loads((strange / "run.json").read_text())
    assert made_here(manifest)
    manifest["data"]["noisy"] |= {"name": str(secret), "files": [str(secret)]}
    (strange / "run.json").write_text(json.dumps(manifest))

    assert not made_here(manifest)
    assert asks(strange, at_work, capsys)[0][:2] == [2, 2]


def test_a_strangers_glob_is_not_looked_through(strange, at_work, other_key, monkeypatch):
    import glob

    manifest = json.loads((strange / "run.json").read_text())
    manifest["data"]["noisy"] |= {"name": "/**", "files": ["/**"]}
    (strange / "run.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(glob, "glob", lambda *_, **__: pytest.fail("looked through the disk"))

    assert main(["report", "--run", str(strange), "--out", str(at_work / "page.html")]) == 0


def test_scored_rows_of_a_stranger_show_no_lines_of_other_folders(at_work, workshop, monkeypatch, capsys):
    words = ["correct", "--run", "run", "--noisy", "noisy.parquet", "--out", str(at_work / "theirs.parquet")]
    assert main(words) == 0
    (at_work / "elsewhere").mkdir()
    monkeypatch.chdir(at_work / "elsewhere")
    import pyarrow as pa
    import pyarrow.parquet as pq

    scored = pq.read_table(at_work / "theirs.parquet")
    secret = at_work / "elsewhere" / "deep" / "secret.csv"
    secret.parent.mkdir()
    secret.write_text("id,x\n" + "".join(f"item-{row:03d},token{row}\n" for row in range(160)))
    for named, shown in ((str(secret), True), (str(workshop / "truth.csv"), False)):
        files = pa.array([named] * len(scored)).dictionary_encode()
        place = scored.schema.get_field_index("source_file")
        field = scored.schema.field(place)
        changed = scored.set_column(place, field, pa.chunked_array([files.cast(field.type)]))
        pq.write_table(changed.replace_schema_metadata(scored.schema.metadata), at_work / "elsewhere" / "s.parquet")
        capsys.readouterr()
        assert main(["flag", "--corrected", "s.parquet", "--format", "json", "--show", "3"]) == 0
        out, err = capsys.readouterr()
        assert all((found["line"] is not None) == shown for found in json.loads(out)["findings"])
        assert ("texts are not shown" in err) != shown


def test_the_key_is_the_users_own(other_key, tmp_path):
    about = sealed({"run_id": "1", "data": {}})
    key = next((tmp_path / "state").rglob("origin.key"))

    assert made_here(about)
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert [path.name for path in key.parent.iterdir()] == ["origin.key"]


def test_without_a_home_nothing_was_made_here(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    about = sealed({"run_id": "1", "data": {}})
    assert "origin" not in about
    assert not made_here(about)
