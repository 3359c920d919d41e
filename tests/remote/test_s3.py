"""Tables on S3: a real server of its protocol on this machine."""

import gzip
import re
import shlex
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from remote_tables import BUCKET, KEY, SECRET, everything_in

from labelfix.cli import main

AT = f"s3://{BUCKET}"


@pytest.fixture
def filled(s3, made, here):
    """The bucket with the tables of `made`."""
    for name in ("noisy.parquet", "noisy.csv", "gold.csv", "truth.csv", "new.parquet"):
        s3.put_file(str(made / name), f"{BUCKET}/{name}")
    return s3


def read(s3, key):
    with s3.open(f"{BUCKET}/{key}") as stream:
        return pq.read_table(stream)


def test_round_trip(filled, made, here, capsys):
    words = ["--noisy", f"{AT}/noisy.parquet", "--clean", f"{AT}/gold.csv"]
    assert main(["check", *words]) == 0
    assert main(["train", *words, "--out", "run"]) == 0
    ours, theirs = pq.read_table("run/corrected.parquet"), pq.read_table(made / "run" / "corrected.parquet")
    assert ours.drop_columns("source_file").equals(theirs.drop_columns("source_file"))
    assert set(ours["source_file"].to_pylist()) == {f"{AT}/noisy.parquet"}

    assert main(["correct", "--run", "run", "--noisy", f"{AT}/new.parquet", "--out", f"{AT}/out/scored.parquet"]) == 0
    assert main(["correct", "--run", "run", "--noisy", str(made / "new.parquet"), "--out", "scored.parquet"]) == 0
    drop = ["source_file"]
    assert (
        read(filled, "out/scored.parquet").drop_columns(drop).equals(pq.read_table("scored.parquet").drop_columns(drop))
    )
    assert main(["predict", "--run", "run", "--input", f"{AT}/new.parquet", "--out", f"{AT}/out/said.csv.gz"]) == 0
    with filled.open(f"{BUCKET}/out/said.csv.gz") as stream:
        assert gzip.decompress(stream.read()).count(b"\n") == 51

    capsys.readouterr()
    assert main(["evaluate", "--run", "run", "--truth", f"{AT}/truth.csv"]) == 0
    assert "160 rows matched by id" in capsys.readouterr().err
    assert main(["flag", "--corrected", f"{AT}/out/scored.parquet", "--format", f"sarif={AT}/out/labels.sarif"]) == 0
    assert filled.exists(f"{BUCKET}/out/labels.sarif")
    own = ["--noisy", f"{AT}/noisy.parquet"]
    assert main(["export", "--run", "run", *own, "--corrected-labels", f"{AT}/out/fixed.parquet"]) == 0
    assert main(["export", "--run", str(made / "run"), "--corrected-labels", "fixed.parquet"]) == 0
    assert read(filled, "out/fixed.parquet").equals(pq.read_table("fixed.parquet"))
    assert main(["next", "--run", "run", *own, "--count", "7", "--out", f"{AT}/out/to_label.csv"]) == 0
    said = capsys.readouterr()
    kept = everything_in(here) + said.out.encode() + said.err.encode()
    assert SECRET.encode() not in kept
    assert KEY.encode() not in kept


def test_a_csv_file_comes_back_as_it_was(filled, made, here):
    words = ["--noisy", f"{AT}/noisy.csv", "--clean", f"{AT}/gold.csv", "--out", "run", "-q"]
    assert main(["train", *words]) == 0
    out = ["--noisy", f"{AT}/noisy.csv", "--corrected-labels", f"{AT}/fixed.csv"]
    assert main(["export", "--run", "run", *out]) == 0
    with filled.open(f"{BUCKET}/fixed.csv") as stream:
        fixed = stream.read().decode().splitlines()
    before = (made / "noisy.csv").read_text().splitlines()
    assert fixed[0] == before[0] + ",given_label"
    assert [line.rsplit(",", 2)[0] for line in fixed[1:]] == [line.rsplit(",", 1)[0] for line in before[1:]]


@pytest.mark.parametrize("noisy", ["parts", "parts/*.parquet"], ids=["folder", "glob"])
def test_parts_are_one_table(s3, made, here, noisy):
    table = pq.read_table(made / "new.parquet")
    for number in range(3):
        with s3.open(f"{BUCKET}/parts/part-{number}.parquet", "wb") as stream:
            pq.write_table(table.slice(20 * number, 20), stream)
    with s3.open(f"{BUCKET}/parts/_SUCCESS", "wb") as stream:
        stream.write(b"")
    words = ["correct", "--run", str(made / "run")]
    assert main([*words, "--noisy", f"{AT}/{noisy}", "--out", "parts.parquet"]) == 0
    assert main([*words, "--noisy", str(made / "new.parquet"), "--out", "whole.parquet"]) == 0
    places = ["source_file", "source_row"]
    parts, whole = pq.read_table("parts.parquet"), pq.read_table("whole.parquet")
    assert parts.drop_columns(places).equals(whole.drop_columns(places))
    assert parts["source_file"].to_pylist()[-1] == f"{AT}/parts/part-2.parquet"
    assert parts["source_row"].to_pylist()[-1] == 10


def test_what_is_there_is_replaced_only_when_asked(filled, made, here, capsys):
    words = ["correct", "--run", str(made / "run"), "--noisy", f"{AT}/new.parquet", "--out"]
    filled.pipe_file(f"{BUCKET}/there.csv", b"old")
    assert main([*words, f"{AT}/there.csv"]) == 2
    assert f"{AT}/there.csv: exists already; pass --overwrite" in capsys.readouterr().err
    assert filled.cat_file(f"{BUCKET}/there.csv") == b"old"
    assert main([*words, f"{AT}/there.csv", "--overwrite"]) == 0
    assert filled.cat_file(f"{BUCKET}/there.csv").count(b"\n") == 51


@pytest.mark.parametrize("noisy", ["new.parquet", "*w.parquet"])
def test_an_input_is_never_replaced(filled, made, here, capsys, noisy):
    before = filled.cat_file(f"{BUCKET}/new.parquet")
    words = ["correct", "--run", str(made / "run"), "--noisy", f"{AT}/{noisy}", "--overwrite", "--out"]
    assert main([*words, f"{AT}/new.parquet"]) == 2
    assert "which is never changed" in capsys.readouterr().err
    assert filled.cat_file(f"{BUCKET}/new.parquet") == before


def test_what_is_not_there(s3, made, here, capsys):
    words = ["correct", "--run", str(made / "run"), "--out"]
    assert main([*words, "out.csv", "--noisy", f"{AT}/none.parquet"]) == 2
    assert f"labelfix: {AT}/none.parquet: there is no such file or folder; check the name\n" in capsys.readouterr().err
    assert main([*words, "s3://no-such-bucket/out.csv", "--noisy", str(made / "new.parquet")]) == 2
    assert "s3://no-such-bucket/out.csv: cannot be written; there is no such bucket" in capsys.readouterr().err
    assert main(["train", "--noisy", "a.csv", "--clean", "b.csv", "--out", f"{AT}/run"]) == 2
    assert f"{AT}/run: a run folder lies on a disk of this machine" in capsys.readouterr().err


def test_a_failed_write_leaves_what_was_there(filled, made, here):
    """New rows are corrected block by block; one that cannot be read ends the work after the first were written."""
    from labelfix.data.formats import write_batches
    from labelfix.remote import as_path

    table = pq.read_table(made / "new.parquet")
    filled.pipe_file(f"{BUCKET}/out.parquet", b"old")

    def batches():
        yield from table.to_batches()
        raise RuntimeError("the disk of another machine has gone")

    for name in ("out.parquet", "fresh.parquet", "fresh.csv.gz"):
        with pytest.raises(RuntimeError):
            write_batches(as_path(f"{AT}/{name}"), table.schema, batches())
    assert filled.cat_file(f"{BUCKET}/out.parquet") == b"old"
    assert sorted(filled.find(f"{BUCKET}")) == sorted(
        f"{BUCKET}/{name}"
        for name in ("gold.csv", "new.parquet", "noisy.csv", "noisy.parquet", "out.parquet", "truth.csv")
    )


def test_refused_keys_are_said_in_one_line(s3, made, here, capsys, monkeypatch):
    """Where there are no credentials at all, the error says how they are given."""
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    s3fs.S3FileSystem.clear_instance_cache()
    assert main(["correct", "--run", str(made / "run"), "--noisy", f"{AT}/new.parquet", "--out", "o.csv"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"labelfix: {AT}/new.parquet: cannot be read: access was refused, or no credentials were found; set "
        "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for public data FSSPEC_S3_ANON=true"
    ]


def test_the_commands_of_the_page_run(s3, made, here):
    """docs/how-to/remote.md, with this bucket in place of its own."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "remote.md").read_text(encoding="utf-8")
    block = re.search(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1]
    s3.put_file(str(made / "noisy.parquet"), f"{BUCKET}/votes.parquet")
    s3.put_file(str(made / "new.parquet"), f"{BUCKET}/new/1.parquet")
    shutil.copyfile(made / "gold.csv", "gold.csv")
    codes = [main(shlex.split(line)[1:]) for line in block.replace("s3://bucket/", f"{AT}/").splitlines()]
    assert codes == [0, 0, 1, 0], "three in ten labels are wrong, and the gate lets one in twenty through"
    assert len(read(s3, "scored.parquet")) == 50
    assert len(read(s3, "fixed.parquet")) == 160


def test_no_name_becomes_a_folder_here(filled, made, here, capsys):
    """Whatever writes, and whatever cannot be written there, nothing is laid down under a folder called `s3:`."""
    own = ["--run", str(made / "run"), "--noisy", str(made / "noisy.parquet")]
    main(["certify", *own, "--out", f"{AT}/to_check.csv"])
    main(["export", *own, "--tasks", "csv", "--out", f"{AT}/tasks.csv"])
    main(["export", *own, "--tasks", "label-studio", "--out", f"{AT}/tasks"])
    main(["export", *own, "--classifier", f"{AT}/classifier"])
    main(
        [
            "noise",
            "--input",
            str(made / "truth.csv"),
            "--label-column",
            "label",
            "--rate",
            "0.2",
            "--out",
            f"{AT}/noisy2.csv",
        ]
    )
    main(["demo", "--out", f"{AT}/demo"])
    assert "unexpected error" not in capsys.readouterr().err
    assert not any(here.iterdir())
    assert filled.exists(f"{BUCKET}/noisy2.csv")
