"""Whatever stands in files and on the command line: nothing in it commands a terminal or a CI runner."""

import re
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelfix.cli import main
from labelfix.outputs.plain_text import json_text, printed, visible

HOSTILE = (
    "::error::owned",
    "  ::stop-commands::x",
    "##[error]owned",
    "x ##vso[task.setvariable variable=a]b",
    "\x1b[31mred",
    "\x9b31m",
    "a\rlabelfix: all is well",
    "a\n::set-output name=x::y",
    "a\u2028##[warning]b",
    "abc\u202etxt.exe",
    "\u2066a\u2069",
    "[bold]a[/bold]",
)
"""Each at most a line of something that a terminal or a runner would obey."""

COMMAND = re.compile(r"^\s*::|##\w*\[")


def harmless(text):
    for line in text.split("\n"):
        assert not COMMAND.search(line), line
        assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in line), repr(line)


texts = st.text(max_size=20) | st.sampled_from(HOSTILE) | st.tuples(st.sampled_from(HOSTILE), st.text()).map("".join)


@settings(max_examples=40)
@given(texts, texts)
def test_a_printed_line_is_one_line_that_commands_nothing(first, second):
    for line in (printed(first), printed(f"{first}{second}"), printed(f"label {visible(first)}: {second}")):
        assert "\n" not in line
        harmless(line)


@given(texts)
def test_json_commands_nothing_and_reads_the_same(text):
    import json

    shown = json_text({text: [text]})

    harmless(shown)
    assert json.loads(shown) == {text: [text]}


def test_plain_words_are_printed_as_they_are():
    for text in ("C++ ## heading", "Zürich 東京", "a::b", "#[derive]", "12:30", "x # y [z]"):
        assert printed(text) == text


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory):
    """A folder with files whose names, columns, ids, labels and texts are hostile, and a run of them."""
    folder = tmp_path_factory.mktemp("hostile")
    generator = np.random.default_rng(0)
    truth = np.arange(160) % 2
    shown = np.where(generator.random(160) < 0.2, 1 - truth, truth)
    labels = np.array(["::error::cat", "##[error]\x1b[31mdog\u202e"])
    ids = [f"{HOSTILE[row % len(HOSTILE)]} {row}" for row in range(160)]
    words = np.array([["purr meow claw", "bark fetch bone"][t] for t in truth])
    noisy = pa.table(
        {
            "##[group]id": ids,
            "::error::text": [f"{HOSTILE[row % len(HOSTILE)]} {words[row]} {row}" for row in range(160)],
            "\x1b[31mlabel": labels[shown],
        }
    )
    pq.write_table(noisy, folder / "::error::noisy\x1b[31m.parquet")
    trusted = {"##[group]id": ids[:40], "\x1b[31mlabel": labels[truth[:40]]}
    pq.write_table(pa.table(trusted), folder / "##[error]gold.parquet")
    pq.write_table(pa.table({"##[group]id": ids, "\x1b[31mlabel": labels[truth]}), folder / "truth.parquet")
    inputs = ["--noisy", "::error::noisy\x1b[31m.parquet", "--clean", "##[error]gold.parquet"]
    columns = ["--text-column", "::error::text", "--label-column", "\x1b[31mlabel", "--id-column", "##[group]id"]
    return folder, inputs, columns


@pytest.fixture
def run(hostile_run, monkeypatch, capfd):
    """Runs a command in the hostile folder, and gives what it printed, which is harmless."""
    folder, inputs, columns = hostile_run
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(folder / "cache"))

    def command(*words, code=0, own_commands=False):
        assert main(list(words)) == code
        out, err = capfd.readouterr()
        harmless(err)
        said = [line for line in out.split("\n") if not (own_commands and line.startswith("::warning file="))]
        harmless("\n".join(said))
        return out

    if not (folder / "run").exists():
        command("train", *inputs, *columns, "--out", "run", "-v")
    command.files = inputs, columns
    return command


def test_every_command_prints_hostile_files_harmlessly(run, tmp_path):
    inputs, columns = run.files
    assert "dog" in run("check", *inputs, *columns)
    assert "look wrong" in run("flag", "--run", "run")
    assert "dog" in run("flag", "--run", "run", "--format", "json")
    for name in ("sarif", "gitlab", "junit", "markdown"):
        assert "dog" in run("flag", "--run", "run", "--format", name)
    github = run("flag", "--run", "run", "--format", "github", own_commands=True)
    assert github.count("::warning file=") == sum(line.startswith("::") for line in github.split("\n"))
    run("evaluate", "--run", "run", "--truth", "truth.parquet", "--label-column", "\x1b[31mlabel")
    run("export", "--run", "run", "--corrected-labels", str(tmp_path / "##[error]\x1b[31m.parquet"))
    run("next", "--run", "run", "--count", "5", "--out", str(tmp_path / "::error::next.csv"))
    run("report", "--run", "run", "--out", str(tmp_path / "page.html"))
    run("correct", "--run", "run", *inputs[:2], "--out", str(tmp_path / "scored.parquet"), "-v")
    run("predict", "--run", "run", "--input", inputs[1], "--out", str(tmp_path / "said.csv"))
    run("flag", "--corrected", str(tmp_path / "scored.parquet"))
    run("info")


@pytest.mark.parametrize("word", HOSTILE[1::4])
def test_every_option_refuses_hostile_words_harmlessly(run, word, tmp_path):
    inputs, columns = run.files
    gone = str(tmp_path / word.replace("/", "_"))
    for words in (
        (word,),
        (f"--{word}",),
        ("check", "--noisy", gone, "--clean", gone),
        ("check", *inputs, "--label-column", word),
        ("check", *inputs, *columns[:2], "--label-column", "\x1b[31mlabel", "--clean-id-column", word),
        ("train", *inputs, *columns, "--method", word, "--out", gone),
        ("train", *inputs, *columns, "--set", word, "--out", gone),
        ("train", *inputs, *columns, "--set", f"epochs={word}", "--out", gone),
        ("train", *inputs, *columns, "--backbone", word, "--offline", "--out", gone),
        ("train", *inputs, *columns, "--config", gone),
        ("flag", "--run", gone),
        ("flag", "--corrected", gone),
        ("flag", "--run", "run", "--baseline", gone),
        ("flag", "--run", "run", "--against", gone),
        ("flag", "--run", "run", "--format", word),
        ("flag", "--run", "run", "--config", gone),
        ("export", "--run", "run", "--corrected-labels", f"{gone}.{word}"),
        ("evaluate", "--run", "run", "--truth", "truth.parquet", "--label-column", word),
        ("methods", word),
    ):
        run(*words, code=2)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_check_prints_any_table_harmlessly(data, run, tmp_path):
    """Values in every place of a table: what is right is shown, what is wrong is refused, harmlessly."""
    rows = data.draw(st.integers(1, 6))
    name = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(HOSTILE)
    column = st.lists(name, min_size=rows, max_size=rows)
    names = data.draw(st.lists(name, min_size=3, max_size=3, unique=True))
    table = pa.table([data.draw(column) for _ in names], names=names)
    pq.write_table(table, tmp_path / "noisy.parquet")
    pq.write_table(table.slice(0, 1), tmp_path / "gold.parquet")
    words = ["check", "--noisy", str(tmp_path / "noisy.parquet"), "--clean", str(tmp_path / "gold.parquet")]

    code = main([*words, "--label-column", names[0], "--text-column", names[1]])

    assert code in (0, 2)
    run("methods")  # reads what was printed so far, and looks at it
