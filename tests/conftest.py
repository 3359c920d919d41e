"""One thread for every test and every process it starts: two threads on a busy machine run many times slower."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[str, str]]:
    """Opens a page in a browser without a window: what became of it, and what the browser complained of."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((found for found in map(shutil.which, names) if found), None)
    if browser is None:
        pytest.skip("no Chromium on this machine")
    own = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0", "--no-first-run"]
    own += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]

    def opened(page: Path, *flags: str) -> tuple[str, str]:
        profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
        command = [browser, *own, profile, *flags, "--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        return done.stdout, done.stderr

    return opened
