"""What a method costs: one module, one settings class, a row in each of the two tables, and a page."""

import re
from pathlib import Path

import pytest

import labelfix
from labelfix.settings.methods import METHOD_SETTINGS

PACKAGE = Path(labelfix.__file__).parent
TABLES = {"methods/table.py", "settings/methods.py"}
PLACES = {"evidence/rivals.py", "methods/fit.py"}
"""Where the ledger names the rivals that it fits itself, and where passes are counted for the progress bar."""

OTHERS = sorted(set(METHOD_SETTINGS) - {"mlc"})
"""`mlc` is the default and has a room of its own."""


def places(method):
    """The modules that name a method: by its name, its module's name or its settings class."""
    words = (
        rf'"{method}"|\b{METHOD_SETTINGS[method].__name__}\b|methods(\.| import [\w, ]*){method.replace("-", "_")}\b'
    )
    modules = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    return {name for name, path in modules.items() if re.search(words, path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("method", OTHERS)
def test_a_method_is_named_in_its_module_its_settings_and_the_two_tables(method):
    found = places(method) - PLACES
    assert found > TABLES
    own = {name for name in found - TABLES if name.startswith("methods/")}
    settings = {name for name in found - TABLES if name.startswith("settings/")}
    assert len(own) == len(settings) == 1
    assert found == TABLES | own | settings


@pytest.mark.parametrize("method", OTHERS)
def test_a_method_has_a_page_or_a_line_on_the_page_of_the_others(method):
    folder = Path(__file__).parents[2] / "docs" / "concepts"
    told = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md")))
    assert f"`{method}`" in told
