from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from own_process import OwnProcess

import labelfix
from labelfix.cli import main
from labelfix.errors import Defect, InputError


@pytest.fixture
def fail(monkeypatch):
    """Makes `labelfix methods` fail with an exception."""

    def make(error):
        def raises(*_):
            raise error

        monkeypatch.setattr("labelfix.cli.terminal.Voice.data", raises)

    return make


def test_the_version_is_said(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"labelfix {labelfix.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "labelfix: No such command 'trian'"),
        (["train", "--sed", "3"], "labelfix: No such option: --sed"),
        (["train", "--gold", "a.csv"], "labelfix: No such option: --gold; did you mean --clean? (see `labelfix train"),
        (["check", "--labels", "y"], "labelfix: No such option: --labels; did you mean --label-column? (see"),
        (["correct", "--labels=y"], "labelfix: No such option: --labels; did you mean --label-column? (see"),
        (["predict", "--gold", "a.csv"], "labelfix: No such option: --gold"),
        (["correct", "--input", "a.csv"], "labelfix: No such option: --input; did you mean --noisy? (see"),
        (["predict", "--noisy", "a.csv"], "labelfix: No such option: --noisy; did you mean --input? (see"),
        (["export", "--output", "a.csv"], "labelfix: No such option: --output; did you mean --corrected-labels? (see"),
        (["flag", "--threshold", "1"], "labelfix: No such option: --threshold; did you mean --min-confidence? (see"),
        (
            ["check", "a.csv"],
            "labelfix: Got unexpected extra argument(s) (a.csv); an option names each: --noisy FILE",
        ),
        (
            ["evaluate", "a.csv"],
            "labelfix: Got unexpected extra argument(s) (a.csv); an option names each: --truth FILE",
        ),
        (["check", "-noisy", "a.csv"], "labelfix: No such option: -noisy; did you mean --noisy?"),
        (["flag", "\u2013run", "a"], "labelfix: No such option: \u2013run; did you mean --run?"),
        (
            ["train", "--label-column", "a", "--label-column", "b"],
            "labelfix: --label-column is given 2 times, as a and as b, and takes one; leave the others out",
        ),
        (["-q", "check", "--noisy=a.csv", "--noisy", "b.csv"], "labelfix: --noisy is given 2 times, as a.csv and as b"),
        (
            ["bench", "run", "--out", "a", "--plan", "p", "--out", "b"],
            "labelfix: --out is given 2 times, as a and as b",
        ),
        (
            ["flag", "--max-issue-rate", "5"],
            "labelfix: Invalid value for '--max-issue-rate': it takes a share from 0 to 1",
        ),
        (["flag", "--max-issue-rate", "5%"], "labelfix: Invalid value for '--max-issue-rate': it takes a share from 0"),
        (["next", "--budget", "9"], "labelfix: No such option: --budget; did you mean --count?"),
        (
            ["export", "--answers", "a.csv"],
            "labelfix: Got unexpected extra argument(s) (a.csv); --answers takes no file",
        ),
        (["flag", "--format", "xml"], "labelfix: --format xml: there is no such format; it is one of text"),
        (["schema", "foo"], "labelfix: Invalid value for 'DOCUMENT': 'foo' is not one of 'flag', 'metrics'"),
        (["next", "--count", "x"], "labelfix: Invalid value for '--count': 'x' is not a whole number"),
        (["next", "--count", "-1"], "labelfix: Invalid value for '--count': -1 is less than 1"),
        (["flag", "--run"], "labelfix: Option '--run' requires an argument"),
        (["methods", "a", "b"], "labelfix: Got unexpected extra argument"),
        (["train", "--clean", "gold.csv"], "labelfix: --noisy is missing: name the file of rows whose labels may be"),
        (["train", "--noisy", "a.csv"], "labelfix: --clean is missing: name a small file of trusted rows"),
        (["check", "--noisy", "a.csv"], "labelfix: --clean is missing: name a small file of trusted rows"),
        (["correct", "--noisy", "a.csv"], "labelfix: --out is missing: name the file to write"),
        (["predict", "--out", "a.csv"], "labelfix: --input is missing: name the rows to predict"),
        (["evaluate"], "labelfix: --truth is missing: name a table of ids and true labels"),
        (["export"], "labelfix: there is nothing to export: --corrected-labels OUT writes"),
        (["methods", "best"], "labelfix: 'best' is not a method; it is one of mlc"),
        (["flag", "--run", "a", "--corrected", "b"], "labelfix: --run and --corrected: give one of them"),
        (["predict", "--input", "a.csv", "--out", "a.xlsx"], "labelfix: --out a.xlsx: ends in none of .parquet, .csv"),
        (
            ["predict", "--input", "a.csv", "--out", "./a.csv"],
            "labelfix: --out a.csv: is the input a.csv or lies in it",
        ),
    ],
)
def test_usage_errors_are_one_line_with_the_remedy_and_exit_2(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert output.err.startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_what_may_be_repeated_still_may(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["check", "--noisy", "a.csv", "--clean", "b.csv", "--clean", "c.csv", "--feature-columns", "x"]
    assert main([*words, "--feature-columns", "y", "--set", "seed=1", "--set", "seed=2"]) == 2
    assert "a.csv: there is no such file" in capsys.readouterr().err
    # A number or a choice that comes twice, as from a wrapper of one's own, is the last one, as everywhere.
    assert main(["info", "--seed", "1", "--seed", "2"]) == 0
    assert "seed" in capsys.readouterr().out


def test_a_bare_call_shows_the_help_and_exits_2(capsys):
    assert main([]) == 2
    assert "train" in capsys.readouterr().out


def test_an_error_of_labelfix_is_its_message_line_by_line(fail, capsys):
    fail(InputError([Defect("error", "a.csv", 7, "is wrong", "mend it"), Defect("error", "b.csv", None, "too")]))
    assert main(["methods"]) == 2
    assert capsys.readouterr().err == "labelfix: a.csv, row 7: is wrong; mend it\nlabelfix: b.csv: too\n"


def test_an_escape_sequence_in_a_message_does_not_reach_the_terminal(fail, capsys):
    fail(InputError([Defect("error", "a.csv", 7, "label '\x1b[2J' is wrong")]))
    assert main(["methods"]) == 2
    assert capsys.readouterr().err == "labelfix: a.csv, row 7: label '\\x1b[2J' is wrong\n"


def test_an_unexpected_error_exits_2_and_leaves_its_traceback_in_a_file(fail, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fail(ZeroDivisionError("division\nby zero"))
    assert main(["methods"]) == 2
    said = capsys.readouterr().err
    (file,) = tmp_path.iterdir()
    assert said == (
        "labelfix: unexpected error, ZeroDivisionError: division by zero; "
        f"please report this to the issue tracker of labelfix with the file {file}\n"
    )
    kept = file.read_text()
    assert kept.startswith("labelfix ")
    assert "Traceback (most recent call last)" in kept
    assert "ZeroDivisionError: division" in kept
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert main(["methods"]) == 2
    assert "issue tracker of labelfix; --verbose shows the traceback to send along" in capsys.readouterr().err
    assert main(["methods", "--verbose"]) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EROFS, "choose a place that may be written"), (errno.ENOSPC, "make room"), (errno.EACCES, "permissions")],
)
def test_what_a_disk_refuses_is_one_line_that_names_the_file(fail, capsys, number, remedy):
    fail(OSError(number, os.strerror(number), "run/plan.json"))
    assert main(["methods"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"labelfix: run/plan.json: {os.strerror(number)}; ")
    assert remedy in line


def test_a_broken_pipe_within_a_command_exits_2(fail):
    fail(BrokenPipeError())
    stdout = sys.stdout
    try:
        assert main(["methods"]) == 2
    finally:
        sys.stdout = stdout


def test_an_interrupt_exits_130(fail, capsys):
    fail(KeyboardInterrupt())
    assert main(["methods"]) == 130
    assert capsys.readouterr().err == "labelfix: interrupted; no file is half written; give the same command again\n"


@pytest.mark.parametrize(
    ("sent", "ended", "code"),
    [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "ended by SIGTERM", 143)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_a_training_that_is_ended_says_that_the_folder_is_unfinished_and_how_to_go_on(
    at_work, workshop, sent, ended, code
):
    run = at_work / "r"
    words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", str(run), "--set", "recipe=paper"]
    process = OwnProcess(*words, "--set", "epochs=99999", folder=workshop)
    try:
        end = time.monotonic() + 60
        while not (run / "unfinished").exists():
            assert time.monotonic() < end
            assert process.returncode is None
            time.sleep(0.05)
        os.kill(process.process.pid, sent)
        _, said = process.ended()
    finally:
        process.kill()
    assert process.returncode == code
    go_on = f"`labelfix train --resume {run}` goes on with it"
    assert said.splitlines()[-1] == f"labelfix: {ended}; {run} is unfinished; {go_on}"
    assert not list(at_work.rglob(".labelfix-*"))
    assert "Traceback" not in said
    assert main(["flag", "--run", str(run)]) == 2


def test_the_module_runs_as_a_program():
    words = [sys.executable, "-m", "labelfix", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"labelfix {labelfix.__version__}\n"
