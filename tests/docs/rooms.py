"""Writes the rooms and the layers of docs/architecture.md: every module with the first line of its docstring.

    python -m tests.docs.rooms

Run it after a module came, went, or changed what it is for; a test fails while the page is stale.
"""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "labelfix"
PAGE = ROOT / "docs/architecture.md"
FIRST, LAST = "## The rooms\n", "## What the layers forbid\n"


def layers():
    """The rooms and modules of the top floor, from the top down; those that know nothing of each other side by side."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    return [line.replace("labelfix.", "") for line in tools["importlinter"]["contracts"][0]["layers"]]


def page():
    """docs/architecture.md with its rooms and layers made anew."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text[: text.index(FIRST)], text[text.index(LAST) :]
    down = " → ".join(line.replace(" | ", ", ") for line in layers())
    intro = (
        "From the top down; a room imports only from rooms below it (`pyproject.toml` holds the contracts,\n"
        "import-linter checks them). What each module is for is its own first line: `python -m tests.docs.rooms`\n"
        "writes this list.\n"
    )
    return before + "\n".join([FIRST, intro, f"    {down}\n", *_rooms()]) + "\n" + after


def _rooms():
    names = [name for line in layers() for name in line.split(" | ")]
    for name in names:
        place = PACKAGE / name
        if not place.is_dir():
            yield f"### `{name}.py`\n\n{_first_line(place.with_suffix('.py'))}\n"
            continue
        yield f"### `{name}/`\n\n{_first_line(place / '__init__.py')}\n"
        yield "| | |\n|---|---|"
        for path in _modules(place):
            yield f"| `{path.relative_to(place).as_posix()}` | {_first_line(path)} |"
        yield ""


def _modules(room):
    """A room's modules, then those of each room inside it; a room that holds code itself goes by its `__init__.py`."""
    found = sorted(path for path in room.rglob("*.py") if path.name != "__init__.py" or path.parent != room)
    return sorted(found, key=lambda path: (path.parent.as_posix(), path.name))


def _first_line(path):
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said, f"{path} has no docstring"
    return said.partition("\n")[0].replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
