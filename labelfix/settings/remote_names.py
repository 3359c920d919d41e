"""Names of files that lie on another machine, such as `s3://bucket/key`, and how they are shown without secrets."""

from __future__ import annotations

import re

WEB = ("https", "http")
"""Read only, and their names may carry signatures."""

SCHEMES = ("s3", "gs", "az", "hf", *WEB, "memory")

LISTED = "s3://, gs://, az://, hf:// and https://"
"""The schemes as a person would list them, for messages."""

_REMOTE = re.compile(rf"({'|'.join(SCHEMES)}):/+(?=[^/])")
_USER = re.compile(r"^[^/]*@")


def scheme_of(name: object) -> str | None:
    """The scheme of a remote name; None for any other name. `pathlib` leaves one slash of two, which is enough."""
    found = _REMOTE.match(str(name))
    return found[1] if found else None


def is_remote(name: object) -> bool:
    """Whether a name is that of a file on another machine."""
    return scheme_of(name) is not None


def whole(name: str) -> str:
    """A remote name with both its slashes."""
    return _REMOTE.sub(r"\1://", name, count=1)


def without_secrets(name: str) -> str:
    """A name as it may be shown and kept: a remote one without user, password, signature and fragment."""
    scheme = scheme_of(name)
    if scheme is None:
        return name
    rest = _USER.sub("", whole(name).removeprefix(f"{scheme}://"))
    if scheme in WEB:
        rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    return f"{scheme}://{rest}"


def secrets_of(name: str) -> tuple[str, ...]:
    """The parts of a name that are not shown."""
    scheme = scheme_of(name)
    if scheme is None:
        return ()
    rest = whole(name).removeprefix(f"{scheme}://")
    user = _USER.match(rest)
    query = re.split(r"[?#]", rest, maxsplit=1)[1:] if scheme in WEB else []
    return (*([user[0]] if user else []), *query)
