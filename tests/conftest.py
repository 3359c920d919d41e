"""One thread for every test and every process it starts: two threads on a busy machine run many times slower.

No network: every connection but one to this machine fails, whatever a test does. And nothing waits: neither for the
disk, which need not hold what a test writes (it is written to memory where there is room), nor to ask a hub again that
was refused.
"""

import gc
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings

from labelfix.settings import hub_access

os.environ["OMP_NUM_THREADS"] = "1"

# What is compiled once is there for all processes that tests start, and for the next run, whatever is set outside.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

MEMORY = "/dev/shm"
if "TMPDIR" not in os.environ and os.path.isdir(MEMORY) and shutil.disk_usage(MEMORY).free > 4 << 30:
    os.environ["TMPDIR"], tempfile.tempdir = MEMORY, None

os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="labelfix-state-")

# How long an example takes is the machine's affair.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

HERE = ("127.0.0.1", "::1", "localhost")

attempts: list[str] = []
"""Names and addresses outside this machine that the running test tried to reach."""


def pytest_unconfigure():
    """What labelfix noted of this process goes with it."""
    shutil.rmtree(os.environ["XDG_STATE_HOME"], ignore_errors=True)


def pytest_collection_finish():
    """What is there by now stays to the end: the garbage collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def network_denied():
    """Refuse connections and look-ups, as a machine without a network does, and note them."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connects(self, address):
        if isinstance(address, tuple) and address[0] not in HERE:
            attempts.append(str(address[0]))
            raise OSError(f"the tests have no network: {address[0]}")
        return connect(self, address)

    def looks_up(host, *rest, **options):
        if host is not None and host not in HERE:
            attempts.append(str(host))
            if retrying := sys.modules.get("huggingface_hub.utils._http"):
                patch.setattr(retrying, "time", SimpleNamespace(**{**vars(time), "sleep": lambda _: None}))
            raise socket.gaierror(f"the tests have no network: {host}")
        return look_up(host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connects)
        patch.setattr(socket, "getaddrinfo", looks_up)
        yield


@pytest.fixture(autouse=True)
def online():
    """As a process that was not told to keep off the network, whatever a test before this one was told."""
    hub_access.forbid(False)


@pytest.fixture(scope="session", autouse=True)
def disk_not_awaited():
    """What a power cut leaves is played by `lost_power`; the tests' own folders go with the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def asked():
    """What was tried to be reached in this test."""
    attempts.clear()
    return attempts


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """Opens a page in a browser without a window: what became of it, and what the browser complained of."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((found for found in map(shutil.which, names) if found), None)
    if browser is None:
        pytest.skip("no Chromium on this machine")
    own = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0", "--no-first-run"]
    own += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]

    def opened(page, *flags):
        profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
        command = [browser, *own, profile, *flags, "--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        return done.stdout, done.stderr

    return opened
