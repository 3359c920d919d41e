"""Takes the pictures of docs/how-to anew: the report of the demo's run, and the review of the tutorial's.

    python -m tests.docs.pictures

Needs Playwright and a Chromium, and takes half a minute.
"""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from tests.docs.console_blocks import make_files

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "how-to"
LABELFIX = [sys.executable, "-m", "labelfix"]
KEYS = "akka"
"""Decisions before the pictures of the review page are taken."""


@contextmanager
def reviewed(folder):
    """The address of a review of the run in a folder."""
    words = ["review", "--run", "run", "--queue", "next", "--budget", "60", "--who", "ann", "--no-browser"]
    server = subprocess.Popen([*LABELFIX, *words], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def take(browser, address, name, size, dark=False, keys=""):  # noqa: ANN401
    """Open a page, press some keys, and write what is in view."""
    page = browser.new_page(
        viewport=dict(zip(("width", "height"), size, strict=True)), color_scheme="dark" if dark else "light"
    )
    page.goto(address)
    page.wait_for_timeout(1500)
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(500)
    page.screenshot(path=OUT / name)
    page.close()


def main():
    """Take all of them."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    os.environ["PYTHONPATH"] = str(ROOT)
    with TemporaryDirectory() as place, sync_playwright() as driver:
        folder = Path(place)
        make_files(folder)
        for words in (
            ["demo", "--out", "demo"],
            ["report", "--run", "demo/run"],
            ["train", "--noisy", "cells.csv", "--clean", "gold.csv", "--out", "run"],
        ):
            subprocess.run([*LABELFIX, *words, "-q"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        report = (folder / "demo" / "run" / "report.html").as_uri()
        take(browser, report, "report-light.png", (1100, 1500))
        take(browser, report, "report-dark.png", (1100, 1500), dark=True)
        with reviewed(folder) as address:
            take(browser, address, "review-desktop.png", (1120, 760), keys=KEYS)
            take(browser, address, "review-dark.png", (1120, 760), dark=True)
            take(browser, address, "review-phone.png", (390, 844))
        browser.close()


if __name__ == "__main__":
    main()
