"""Tables on the web, behind signed addresses: read from servers that give parts of files and from those that do not."""

import pyarrow.parquet as pq
import pytest
from remote_tables import SECRET, everything_in

from labelfix.cli import main

SIGNED = f"?X-Amz-Signature={SECRET}"


def places_out(path):
    return pq.read_table(path).drop_columns("source_file")


@pytest.mark.parametrize("table", ["noisy.parquet", "noisy.csv"])
def test_a_run_of_signed_addresses_keeps_no_signature(web, made, here, capsys, table):
    words = ["--noisy", f"{web}/{table}{SIGNED}", "--clean", f"{web}/gold.csv{SIGNED}"]
    assert main(["check", *words, "-v"]) == 0
    assert main(["train", *words, "--out", "run", "-v"]) == 0
    assert places_out("run/corrected.parquet").equals(places_out(made / "run" / "corrected.parquet"))
    own = ["--noisy", f"{web}/{table}{SIGNED}"]
    assert main(["export", "--run", "run", *own, "--corrected-labels", "fixed.parquet"]) == 0
    assert main(["flag", "--run", "run", *own, "--format", "json=flag.json", "--format", "sarif=flag.sarif"]) == 0
    assert main(["report", "--run", "run", *own, "--out", "report.html"]) == 0
    assert main(["next", "--run", "run", *own, "--out", "next.csv"]) == 0
    said = capsys.readouterr()
    assert SECRET.encode() not in everything_in(here) + said.out.encode() + said.err.encode()
    assert f"{web}/{table}" in said.out


def test_new_rows(web, made, here):
    words = ["correct", "--run", str(made / "run")]
    assert main([*words, "--noisy", f"{web}/new.parquet{SIGNED}", "--out", "scored.parquet"]) == 0
    assert main([*words, "--noisy", str(made / "new.parquet"), "--out", "here.parquet"]) == 0
    assert places_out("scored.parquet").equals(places_out("here.parquet"))
    assert main(["flag", "--corrected", f"{web}/run/corrected.parquet{SIGNED}", "--max-issue-rate", "0"]) == 1


def test_what_goes_wrong_is_said_without_the_signature(web, made, here, capsys):
    words = ["correct", "--run", str(made / "run"), "-v", "--out"]
    assert main([*words, "out.csv", "--noisy", f"{web}/none.parquet{SIGNED}"]) == 2
    assert f"labelfix: {web}/none.parquet: there is no such file or folder" in capsys.readouterr().err
    wrong = SIGNED.replace("wJal", "xxxx")
    assert main([*words, "out.csv", "--noisy", f"{web}/new.parquet{wrong}"]) == 2
    said = capsys.readouterr().err
    assert f"labelfix: {web}/new.parquet: cannot be read: access was refused" in said
    assert wrong[-20:] not in said
    assert main([*words, f"{web}/out.csv{SIGNED}", "--noisy", str(made / "new.parquet")]) == 2
    said = capsys.readouterr().err
    assert f"labelfix: {web}/out.csv: is only read; write to a disk" in said
    assert SECRET not in said


def test_resuming_needs_the_signature_again(web, made, here, capsys):
    """What a run was begun with names no signature, so that names alone do not go on."""
    from labelfix.runs import RunOrigin
    from labelfix.settings.run import TrainSettings

    begun = RunOrigin.by(f"{web}/noisy.csv{SIGNED}", ["gold.csv"], TrainSettings(), {}, "cpu")
    assert begun.noisy == f"{web}/noisy.csv"
    noisy, clean = begun.sources(f"{web}/noisy.csv{SIGNED}", None)
    assert noisy.endswith(SIGNED)
    assert clean == ("gold.csv",)
    with pytest.raises(Exception, match="asked only for what is given"):
        begun.sources(None, None)
