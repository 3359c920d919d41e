"""Exit codes hold whatever becomes of stdout and stderr: 1 is the gate's verdict and nothing else."""

import os
import subprocess
import sys

import pytest

from labelfix.cli import main

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")

METHODS, WRONG = "methods", "check --noisy nothing.csv --clean nothing.csv"


def ends(words, streams, folder, unbuffered=""):
    """The exit code of a real process, and what it says where it can be heard."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHON": sys.executable, "PYTHONUNBUFFERED": unbuffered}
    script = f'exec "$PYTHON" -m labelfix {words} {streams}'
    done = subprocess.run(["sh", "-c", script], env=environment, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("streams", ["2>/dev/full", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [(METHODS, 0), ("--help", 0), ("trian", 2), (WRONG, 2)])
def test_what_stderr_does_not_take_changes_no_exit_code(words, code, streams, tmp_path):
    found, said, errors = ends(words, streams, tmp_path)
    assert found == code
    assert errors == ""
    assert bool(said) == (code == 0 and not streams.startswith(">"))


@pytest.mark.parametrize(("words", "code"), [(METHODS, 0), ("--help", 0), (WRONG, 2)])
def test_a_closed_stdout_ends_quietly(words, code, tmp_path):
    found, _, errors = ends(words, ">&-", tmp_path)
    assert found == code
    assert (errors == "") == (code == 0)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [METHODS, "--help", "--version"])
def test_a_full_stdout_is_an_error(words, unbuffered, tmp_path):
    found, _, errors = ends(words, ">/dev/full", tmp_path, unbuffered)
    assert found == 2
    assert errors == "labelfix: stdout cannot be written (No space left on device)\n"


def broken(words, folder):
    """The exit code where the reader of stdout has gone, and what is said."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "labelfix", *words]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=folder)
    os.close(writing)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [["methods"], ["--help"], ["train", "--help"]])
def test_a_reader_that_has_gone_ends_a_command_quietly(words, tmp_path):
    assert broken(words, tmp_path) == (0, "")


@pytest.mark.parametrize(("gate", "code"), [("0", 1), ("1", 0)])
def test_a_reader_that_has_gone_leaves_the_gates_verdict(at_work, gate, code):
    words = ["flag", "--run", "run", "--max-issue-rate", gate]
    assert broken(words, ".") == (code, "")
    assert ends(" ".join(words), "2>/dev/full", ".")[0] == code
    assert ends(" ".join(words), ">/dev/full", ".")[0] == 2


def test_a_shell_that_typer_does_not_know_is_no_verdict(monkeypatch, capsys):
    from typer import _completion_shared

    monkeypatch.setattr(_completion_shared, "_get_shell_name", lambda: None)
    assert main(["--install-completion"]) == 2
    assert capsys.readouterr().out == "Shell None is not supported.\n"


def test_no_file_takes_the_place_of_a_closed_stream(at_work):
    """With stderr closed the next file opened would be number 2, and get what libraries write there."""
    out = at_work / "fixed.csv"
    code, said, _ = ends(f"export --run run --corrected-labels {out}", "2>&-", ".")
    assert (code, said) == (0, f"{out}\n")
    assert out.read_text().startswith("id,")


DYING = """
import os, sys

class Dying:
    def __del__(self, abort=os.abort):
        abort()

sys.modules["dying"] = Dying()  # is taken away with the modules, as what native threads stand on is
"""


@pytest.mark.parametrize(("words", "code"), [(["methods"], 0), (["trian"], 2)], ids=str)
@pytest.mark.parametrize("begun", [["-m", "labelfix"], ["-c", "from labelfix.cli import run_process; run_process()"]])
def test_a_process_ends_with_its_own_code_though_native_threads_would_abort_in_python_s_end(
    tmp_path, begun, words, code
):
    (tmp_path / "sitecustomize.py").write_text(DYING, encoding="utf-8")
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(tmp_path), *([inherited] if inherited else [])])
    done = subprocess.run(
        [sys.executable, *begun, *words], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == code
    assert done.stdout if code == 0 else done.stderr.startswith("labelfix: No such command")
