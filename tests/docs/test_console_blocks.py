"""What README and tutorial print is what their commands print."""

import console_blocks as blocks
import pytest
from own_process import OwnProcess


@pytest.mark.parametrize("page", blocks.PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_its_commands_print(page, tmp_path):
    def start(words, environment):
        process = OwnProcess(*words, folder=tmp_path, variables=environment, merged=True)
        said, _ = process.ended()
        return process.returncode, said

    blocks.make_files(tmp_path)
    ran = 0
    for command, printed in blocks.run(page, tmp_path, start):
        shown = blocks.as_shown(command, printed)
        assert not blocks.differs(command.shown, shown), f"$ {command.words}\n{shown}"
        ran += 1
    assert ran >= 5


@pytest.mark.parametrize(
    ("shown", "printed", "different"),
    [
        ("128 labels in 2.5 s", "128 labels in 9.1 s", False),
        ("0.9950724", "0.9950725", False),
        ("128 labels changed", "130 labels changed", True),
        ("98.3 % right", "94.9 % right", True),
        ("one line", "one line\nand another", True),
    ],
)
def test_seconds_and_last_digits_may_differ_and_figures_may_not(shown, printed, different):
    assert blocks.differs(shown, printed) == different
