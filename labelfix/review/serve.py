"""Serving the page until the person ends it."""

from __future__ import annotations

import ipaddress
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from labelfix.errors import SettingsError
from labelfix.review.app import Access, Pages, application, called_by_address

HERE = ("127.0.0.1", "localhost")


def listen(host: str, port: int) -> socket.socket:
    """A socket to serve on.

    Args:
        host: The interface; no other is listened on.
        port: 0 takes any that is free.

    Raises:
        SettingsError: It is taken, or there is no such interface.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        raise SettingsError(f"cannot serve on {host} port {port} ({why}); choose another --port or --host") from None
    return listener


def serve(pages: Pages, listener: socket.socket, host: str, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is told the address as soon as it can be opened."""
    port = listener.getsockname()[1]
    token = secrets.token_urlsafe(24)
    names = {*HERE, host} if _loopback(host) else {*HERE, host, socket.gethostname()}
    hosts = frozenset(called_by_address(name, port).lower() for name in names)
    app = application(pages, Access(token, hosts))
    config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", server_header=False)
    server = uvicorn.Server(config)
    shown = host if host not in ("0.0.0.0", "::") else _outward()
    # Connections wait in the listener's queue from now on.
    ready(f"http://{called_by_address(shown, port)}/?token={token}")
    with _the_end_is_no_error():
        server.run(sockets=[listener])


@contextmanager
def _the_end_is_no_error() -> Iterator[None]:
    """Ctrl-C is how serving ends: uvicorn catches it, and raises it again for handlers that were there before."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _outward() -> str:
    """This machine's address towards others, which a phone can open; its name where it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("203.0.113.1", 9))
            return str(asked.getsockname()[0])
        except OSError:
            return socket.gethostname()
