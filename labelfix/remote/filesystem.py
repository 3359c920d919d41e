"""The file systems behind remote names, and their errors in one line without a secret."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from labelfix.errors import InputError, LabelfixError, SettingsError, input_error
from labelfix.settings import hub_access
from labelfix.settings.remote_names import WEB, scheme_of, secrets_of, without_secrets

OPTIONS: dict[str, dict[str, Any]] = {
    # What another process has written since must be seen.
    scheme: {"use_listings_cache": False}
    for scheme in ("s3", "gs", "az")
}

EXTRAS = {"s3": "s3", "gs": "gcs", "az": "azure", "hf": "hf", "https": "https", "http": "https"}
"""Scheme → the extra of labelfix that brings what reads it."""

CREDENTIALS = {
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for public data FSSPEC_S3_ANON=true",
    "gs": "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_CONNECTION_STRING",
    "hf": "set HF_TOKEN, or run `hf auth login`",
}
"""Scheme → what to do where access is refused."""

SILENCE = 60
"""Seconds in which a web server has to answer."""

_REFUSED = re.compile(
    r"\b(401|403)\b|unauthori[sz]ed|forbidden|access ?denied|credential|permission|authenticat|SignatureDoesNotMatch"
    r"|InvalidAccessKeyId|account_name|\btoken\b",
    re.IGNORECASE,
)
_SECRET_VARIABLE = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL|CONNECTION_STRING|SAS", re.IGNORECASE)
_IN_ADDRESSES = re.compile(r"(?<=://)[^/@\s]+@|(?<=\w)\?[^\s'\")]+")
_LEAST = 6
"""Shortest variable that is treated as a secret: shorter ones would be found in any text."""


def connect(url: str) -> tuple[Any, str]:
    """The file system that a remote name belongs to, and what it calls the file.

    Args:
        url: The name, with its secrets.

    Raises:
        SettingsError: This process is to stay off the network, or the name carries a key.
        InputError: A package is missing, or there are no credentials.
    """
    scheme, shown = scheme_of(url), without_secrets(url)
    assert scheme is not None, "only remote names come here"
    if scheme != "memory" and (hub_access.off_network() or (scheme == "hf" and hub_access.forbidden())):
        raise SettingsError(f"{shown}: --offline forbids what lies on another machine; leave it out, or name a file")
    if scheme not in EXTRAS or scheme in CREDENTIALS:
        refuse_keys(url)
    with worded(url):
        from fsspec.core import url_to_fs

        found, key = url_to_fs(url, **(_web_options() if scheme in WEB else OPTIONS.get(scheme, {})))
    return found, str(key)


def _web_options() -> dict[str, Any]:
    """As long as anything arrives, a large file may take as long as it takes; aiohttp's own limit is five minutes."""
    from aiohttp import ClientTimeout

    return {"client_kwargs": {"timeout": ClientTimeout(total=None, sock_connect=SILENCE, sock_read=SILENCE)}}


def refuse_keys(url: str) -> None:
    """Refuse a name that carries a key: names are kept in runs and shown.

    Raises:
        SettingsError: It does.
    """
    if secrets_of(url):
        scheme = scheme_of(url) or ""
        remedy = CREDENTIALS.get(scheme, "leave it out")
        raise SettingsError(f"{without_secrets(url)}: credentials do not belong in a name; {remedy}")


@contextmanager
def worded(url: str, doing: str = "read") -> Iterator[None]:
    """Turn errors of reaching another machine into our own; a missing file stays a FileNotFoundError.

    Args:
        url: The name, with its secrets.
        doing: What was being done: `read` or `written`.

    Raises:
        InputError: It could not be done.
        FileNotFoundError: There is no such file.
    """
    shown = without_secrets(url)
    try:
        yield
    except LabelfixError:
        raise
    except FileNotFoundError as error:
        if getattr(error.__cause__, "status", None) in (401, 403):  # of the web fsspec says so whatever the answer
            raise _unreached(url, PermissionError(), doing) from None
        raise FileNotFoundError(errno.ENOENT, "there is no such file or folder", shown) from None
    except ImportError as error:
        raise missing_extra(url, error) from None
    except Exception as error:  # noqa: BLE001 - each library raises its own; only the words differ
        raise _unreached(url, error, doing) from None


def missing_extra(url: str, error: ImportError) -> InputError:
    """The error for a scheme whose package is not installed."""
    scheme = scheme_of(url) or ""
    needs = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "hf": "huggingface-hub"}.get(scheme, "aiohttp")
    package = needs if error.name in (None, "fsspec") else error.name
    remedy = f"pip install 'labelfix[{EXTRAS.get(scheme, 'https')}]'"
    return input_error(without_secrets(url), f"needs a package that is not installed ({package})", remedy)


def _unreached(url: str, error: Exception, doing: str) -> InputError:
    scheme, shown, said = scheme_of(url) or "", without_secrets(url), tidied(error, url)
    if isinstance(error, PermissionError) or _REFUSED.search(f"{type(error).__name__} {error}"):
        remedy = CREDENTIALS.get(scheme, "check the address, or whether its signature has run out")
        return input_error(shown, f"cannot be {doing}: access was refused, or no credentials were found", remedy)
    return input_error(shown, f"cannot be {doing} ({said})", "check the name and the network, then try again")


def tidied(error: BaseException, url: str) -> str:
    """The first line of a library's error without secrets from addresses, the name or the environment."""
    text = _IN_ADDRESSES.sub("", " ".join(str(error).split()))
    hidden = [value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name) and len(value) >= _LEAST]
    for secret in sorted((*hidden, *secrets_of(url)), key=len, reverse=True):
        text = text.replace(secret, "…")
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__
