"""The documentation says what is so: links lead somewhere, commands exist, tables agree with the code."""

import ast
import io
import itertools
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import reference_pages
import rooms

import labelfix
from labelfix.outputs.corrected_schema import COLUMNS, OPTIONAL
from labelfix.runs import RunFolder
from labelfix.settings.resolve import all_fields

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

TRY_IT = "pip install '.[train]' && labelfix demo"
TEST_IT = "pip install '.[test]' && pytest"


def _blocks(page, *languages):
    """The contents of a page's code blocks of the given languages."""
    text = page.read_text(encoding="utf-8")
    return [body for language, body in FENCE.findall(text) if language in languages]


def _prose(page):
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def _anchors(page):
    """What GitHub makes of the page's headings."""
    headings = re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _section(page, heading):
    text = page.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no section {heading!r}"
    return found[1]


def _commands(page):
    """The labelfix commands in a page's code blocks, as lists of words after `labelfix`."""
    for body in _blocks(page, "sh", "console", "yaml"):
        for line in body.replace("\\\n", " ").splitlines():
            line = line.strip().removeprefix("- run: ").removeprefix("run: ").removeprefix("$ ")
            for part in line.split(" && "):
                if part.startswith("labelfix "):
                    yield shlex.split(part, comments=True)[1:]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    for target in LINK.findall(_prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in _anchors(place), f"{page.name} links to {target}, which has no such heading"


def test_every_page_can_be_reached_from_the_readme():
    seen, ahead = set(), [README]
    while ahead:
        page = ahead.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = [target.partition("#")[0] for target in LINK.findall(_prose(page)) if ":" not in target]
        ahead += [p for t in targets if t.endswith(".md") and (p := (page.parent / t).resolve()).is_file()]
    assert set(PAGES) <= seen, f"nothing leads to {sorted(str(p.relative_to(ROOT)) for p in set(PAGES) - seen)}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_shown_exists_with_its_flags_and_settings(page):
    known = reference_pages.commands()
    settings = {name for key in all_fields("mlc") for name in (key, key.removeprefix("mlc."))}
    for words in _commands(page):
        words = [word for word in words if word not in ("-q", "-v", "--quiet", "--verbose")]
        if words in (["--help"], ["--version"], ["--install-completion"]):
            continue
        name = next((name for name in (" ".join(words[:2]), words[0]) if name in known), None)
        assert name is not None, f"{page.name}: labelfix {words[0]}"
        flags = {flag for p in reference_pages.parameters(known[name]) for flag in p.flags} | {"--help"}
        for word, after in itertools.pairwise([*words[1:], ""]):
            if word.startswith("--"):
                assert word in flags, f"{page.name}: labelfix {words[0]} {word}"
            if word == "--set":
                assert after.partition("=")[0] in settings, f"{page.name}: --set {after}"


@pytest.mark.parametrize("page", [README, ROOT / "docs" / "tutorial.md"], ids=["README", "tutorial"])
def test_the_pages_that_teach_the_main_job_show_it(page):
    shown = [words[0] for words in _commands(page) if not words[0].startswith("-")]
    assert {"check", "train", "flag", "export"} <= set(shown)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_examples_are_python_and_use_public_names(page):
    for body in _blocks(page, "python"):
        tree = ast.parse(body)
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "labelfix"
        }
        assert used <= set(labelfix.__all__), f"{page.name} uses {sorted(used - set(labelfix.__all__))}"


def test_the_architecture_page_shows_every_module():
    assert rooms.PAGE.read_text(encoding="utf-8") == rooms.page(), "run `python -m tests.docs.rooms`"


def test_the_reference_pages_are_fresh():
    for path, text in reference_pages.pages().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.name} is stale: run `python -m tests.docs.reference_pages`"
        )


def test_the_reference_describes_every_setting_and_every_command():
    settings = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for key, field in all_fields("mlc").items():
        assert f"| `{key.rpartition('.')[2]}` |" in settings
        assert field.doc, f"{key} has no docstring"
    commands = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert "`-q`" in commands
    assert {"check", "train", "correct", "flag", "export", "noise", "bench run"} <= set(reference_pages.commands())
    for name in reference_pages.commands():
        assert f"\n## labelfix {name}\n" in commands


def test_the_changelog_starts_with_this_version_or_what_comes_next():
    top = re.search(r"^## \[?([^\]\s]+)\]?", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert top is not None
    assert top[1] in (labelfix.__version__, "Unreleased")


@pytest.mark.parametrize(("heading", "command"), [("Try it", TRY_IT), ("Test it", TEST_IT)])
def test_the_readme_gives_the_two_commands(heading, command):
    fences = FENCE.findall(_section(README, heading))
    assert fences[0] == ("sh", command + "\n")


@pytest.mark.parametrize(("heading", "command"), [("Try it", TRY_IT), ("Test it", TEST_IT)])
def test_ci_takes_its_commands_from_the_readme(heading, command):
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    function = re.search(r"^readme_command\(\) \{.*?^\}$", script, re.MULTILINE | re.DOTALL)
    assert function is not None
    found = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{function[0]}\nreadme_command '{heading}'"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == command
    assert "pytest" not in re.sub(r"^\s*#.*$", "", script, flags=re.MULTILINE)


def test_the_readme_lists_the_columns_of_corrected_parquet_in_their_order():
    section = _section(README, "What comes out")
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == (*COLUMNS, *OPTIONAL)


def test_the_readme_names_everything_in_a_run_folder():
    section = _section(README, "What comes out")
    folder = RunFolder(Path("run"))
    for place in (
        folder.corrected,
        folder.classifier,
        folder.corrector,
        folder.settings,
        folder.metrics,
        folder.history,
        folder.manifest,
    ):
        assert place.name in section


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_page_names_a_place_on_somebodys_machine(page):
    assert not re.search(r"(?<![\w.])/(home|work|Users|root|tmp)/", page.read_text(encoding="utf-8"))


def test_public_methods_are_documented_or_implement_one_that_is():
    told, untold = set(), []
    for path in (ROOT / "labelfix").rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for owner in (node for node in nodes if isinstance(node, ast.ClassDef)):
            methods = [node for node in owner.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
            told |= {method.name for method in methods if ast.get_docstring(method)}
            stubs = {method.name for method in methods if isinstance(method.body[0], ast.Expr)}
            named = [method.name for method in methods if owner.name[0] != "_" and method.name not in stubs]
            untold += [(owner.name, name) for name in named]
    library = {*dir(io.RawIOBase), *dir(Path)}
    assert [f"{owner}.{name}" for owner, name in untold if name not in told | library] == []
