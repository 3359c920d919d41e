"""The page and what it asks for, over HTTP. Whoever asks has to know the token, and to be this page.

Every request names the token: the first in its address, the others in a header, which no page of another origin can
set. A `Host` that is not this server's is refused (a name that an attacker points at 127.0.0.1), and so is an `Origin`
that is not this page's. Nothing that rows hold becomes markup: the page receives JSON and writes it as text.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from labelfix.errors import LabelfixError, SettingsError
from labelfix.outputs.queues import KINDS
from labelfix.review.desk import Desk
from labelfix.review.worker import Worker
from labelfix.runs.answers import DecidedError
from labelfix.version import __version__

LARGEST = 65_536
"""Bytes of a request."""

MOST_ROWS = 50
"""Rows that are given at once."""

HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def called_by_address(address: str, port: int) -> str:
    """How a server is called by whoever has its address: a name that somebody points at it is none."""
    address = address.removeprefix("::ffff:")  # an address of the old kind, over a socket of the new one
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True)
class Access:
    """Who may ask: whoever knows the token, under one of some names or under the address that the request came to."""

    token: str
    hosts: frozenset[str]

    def refusal(self, request: Request) -> str:
        """Why a request is refused; empty where it is not."""
        host = request.headers.get("host", "").lower()
        if host not in self.hosts and host != called_by_address(*request.scope["server"]):
            return "this server is not called that"
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host}":
            return "another page asks"
        given = request.headers.get("x-labelfix-token") or (
            request.query_params.get("token", "") if request.method == "GET" else ""
        )
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            return "the address lacks its token; open the address that labelfix review printed"
        return ""


@dataclass(frozen=True)
class Pages:
    """What is shown and asked.

    Attributes:
        who: The person that the page takes itself to be used by at first.
    """

    desk: Desk
    worker: Worker | None
    who: str
    queue: str
    run: str

    def page(self, request: Request) -> Response:
        """The page; its style and script are in it, and no other may run."""
        del request
        nonce = secrets.token_urlsafe(16)
        folder = files("labelfix.review") / "page"
        text, style, script = ((folder / f"review.{end}").read_text("utf-8") for end in ("html", "css", "js"))
        text = text.replace("/* style */", style).replace("/* script */", script).replace("NONCE", nonce)
        policy = (
            f"default-src 'none'; img-src 'self' data:; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {"content-security-policy": policy}
        return Response(text, media_type="text/html; charset=utf-8", headers=headers)

    def start(self, request: Request) -> Response:
        """What a page needs to know once."""
        del request
        rows = self.desk.rows
        queues = [kind for kind in KINDS if " " not in kind]
        return _json(
            {
                "run": self.run,
                "quoted": shlex.quote(self.run),
                "version": __version__,
                "classes": list(rows.classes),
                "who": self.who,
                "queue": self.queue,
                "queues": list(dict.fromkeys([self.queue, *queues])),
                "files": list(rows.files[:50]),
                "budget": self.desk.budget,
                "why_none": self.desk.reader.why_none,
            }
        )

    def rows(self, request: Request) -> Response:
        """The next rows of a queue."""
        asked = request.query_params
        count = min(max(int(asked.get("count", "1")), 1), MOST_ROWS)
        have = set(asked.getlist("have"))
        found = self.desk.rows_for(asked.get("page", ""), asked.get("queue", self.queue), count, have)
        queue = self.desk.queue(asked.get("queue", self.queue))
        return _json({"rows": found, "queue": queue.name, "of": len(queue.order)})

    def progress(self, request: Request) -> Response:
        """How far everybody is."""
        asked = request.query_params
        return _json(
            self.desk.progress(asked.get("page", ""), asked.get("queue", self.queue), asked.get("who", self.who))
        )

    def near(self, request: Request) -> Response:
        """The trusted rows nearest to a row, as far as they are known by now."""
        if self.worker is None:
            return _json({"near": [], "why": ""})
        return _json({"near": self.worker.near(self._position(request)), "why": self.worker.why_none})

    def text(self, request: Request) -> Response:
        """A text of a row, all of it."""
        return _json({"text": self.desk.reader.text(self._position(request), self._part(request, "text"))})

    def image(self, request: Request) -> Response:
        """An image of a row."""
        zoomed = "zoom" in request.query_params
        found = self.desk.reader.image(self._position(request), self._part(request, "image"), zoomed)
        if found is None:
            raise HTTPException(404, "the image cannot be shown")
        return Response(found, media_type="image/jpeg")

    def decide(self, asked: dict[str, Any]) -> Response:
        """Keep a decision; it is on the disk when this answers."""
        self.desk.refuse_replaced()
        try:
            return _json({"key": self.desk.decide(asked).key})
        except DecidedError as error:
            there = error.standing
            told = {name: getattr(there, name) for name in ("key", "id", "decision", "label", "who", "when", "note")}
            return _json({"decided": told}, 409)

    def undo(self, asked: dict[str, Any]) -> Response:
        """Take the last decision back."""
        self.desk.refuse_replaced()
        found = self.desk.undo(str(asked.get("who", self.who)), str(asked.get("key", "")), str(asked.get("page", "")))
        if found is None:
            return _json({"undone": None})
        answer, row = found
        return _json({"undone": {"decision": answer.decision, "label": answer.label, "note": answer.note}, "row": row})

    def leave(self, asked: dict[str, Any]) -> Response:
        """Forget a page that was closed."""
        self.desk.leave(str(asked.get("page", "")))
        return _json({})

    def _position(self, request: Request) -> int:
        found = self.desk.rows.position(request.query_params.get("id", ""))
        if found is None:
            raise HTTPException(404, "there is no such row")
        return found

    def _part(self, request: Request, kind: str) -> int:
        parts = self.desk.reader.get(self._position(request))["parts"]
        number = int(request.query_params.get("part", "0"))
        if not 0 <= number < len(parts) or parts[number]["kind"] != kind:
            raise HTTPException(404, f"the row has no such {kind}")
        return number


def application(pages: Pages, access: Access) -> Starlette:
    """The application."""
    asked = {
        "/": pages.page,
        "/start": pages.start,
        "/rows": pages.rows,
        "/progress": pages.progress,
        "/near": pages.near,
        "/text": pages.text,
        "/image": pages.image,
    }
    routes = [
        Route(path, partial(_answered, access, partial(_of_one_run, pages.desk, handler)), methods=["GET"])
        for path, handler in asked.items()
    ]
    told = {"/decide": pages.decide, "/undo": pages.undo, "/leave": pages.leave}
    routes += [Route(path, partial(_told, access, handler), methods=["POST"]) for path, handler in told.items()]
    return Starlette(routes=routes)


def _of_one_run(desk: Desk, handler: Callable[[Request], Response], request: Request) -> Response:
    """What a request is answered with, of the run that was opened: another one may have taken its place."""
    try:
        return handler(request)
    finally:
        desk.refuse_replaced()


async def _answered(access: Access, handler: Callable[[Request], Response], request: Request) -> Response:
    return await _guarded(access, request, lambda: run_in_threadpool(handler, request))


async def _told(access: Access, handler: Callable[[dict[str, Any]], Response], request: Request) -> Response:
    async def read_and_do() -> Response:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST:
                raise HTTPException(413, "too much at once")
        try:
            asked = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise HTTPException(400, f"is no object of JSON: {error}") from None
        return await run_in_threadpool(handler, asked)

    return await _guarded(access, request, read_and_do)


async def _guarded(access: Access, request: Request, do: Callable[[], Awaitable[Response]]) -> Response:
    """What a request comes to: refused, answered, or an error in words."""
    if why := access.refusal(request):
        response: Response = PlainTextResponse(f"refused: {why}\n", 403)
    else:
        try:
            response = await do()
        except HTTPException as error:
            response = _json({"error": error.detail}, error.status_code)
        except SettingsError as error:
            response = _json({"error": str(error)}, 400)
        except ValueError:
            response = _json({"error": "a value that should be a number is none"}, 400)
        except LabelfixError as error:
            response = _json({"error": str(error)}, 500)
    response.headers.update(HEADERS)
    return response


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
