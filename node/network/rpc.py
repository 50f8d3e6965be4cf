"""A JSON-RPC call to a validator's gateway or geth, for status and supervision; no library, it has to start fast."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from node.consensus.access_files import ACCESS_FILE, COOKIE_FILE
from node.domain.errors import Retryable

CALL_SECONDS: Final = 3.0
NO_PROXY: Final = urllib.request.ProxyHandler({})
OPENER: Final = urllib.request.build_opener(NO_PROXY)


class NoAnswer(Retryable):
    """A validator does not answer."""


def call(url: str, method: str, params: list[Any], *, seconds: float = CALL_SECONDS, home: Path | None = None) -> Any:
    """The result of a call; raises NoAnswer when there is none.

    `home` is the validator's folder, for its gateway: whoever can read it has its cookie, and knows its certificate.
    """
    answer = _exchange(url, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, seconds, home)
    try:
        return answer["result"]
    except (KeyError, TypeError) as failure:
        raise NoAnswer(f"{url}: {failure}") from None


def call_many(url: str, calls: list[tuple[str, list[Any]]], *, seconds: float = CALL_SECONDS) -> list[Any]:
    """The results of calls sent as one batch, in their order; raises NoAnswer unless each has one."""
    batch = [
        {"jsonrpc": "2.0", "id": n, "method": method, "params": params} for n, (method, params) in enumerate(calls)
    ]
    answers = _exchange(url, batch, seconds, None)
    try:
        results = {answer["id"]: answer["result"] for answer in answers}
        return [results[number] for number in range(len(calls))]
    except (KeyError, TypeError) as failure:
        raise NoAnswer(f"{url}: {failure}") from None


def _exchange(url: str, body: Any, seconds: float, home: Path | None) -> Any:
    try:
        headers = {"Content-Type": "application/json", **_cookie_header(home)}
        request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
        opener = _opener_for(home) if home is not None and url.startswith("https:") else OPENER
        with opener.open(request, timeout=seconds) as response:
            return json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as failure:
        # HTTPException: it was killed in the middle of its answer
        raise NoAnswer(f"{url}: {failure}") from None


def read_cookie(home: Path) -> str | None:
    """The key that makes the owner of a validator's folder an operator at its gateway; None without one."""
    try:
        return (home / COOKIE_FILE).read_text().strip() or None
    except OSError:
        return None


def certificate_of(home: Path) -> Path | None:
    """The certificate that a validator's gateway serves, None if it serves none."""
    try:
        return home / str(json.loads((home / ACCESS_FILE).read_text())["tls"]["certificate"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def pinned_context(certificate: Path) -> ssl.SSLContext:
    """Trusts this very certificate, by whatever name the host is called, and no other. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certificate)
    return context


def _cookie_header(home: Path | None) -> Mapping[str, str]:
    cookie = read_cookie(home) if home is not None else None
    return {"Authorization": f"Bearer {cookie}"} if cookie else {}


def _opener_for(home: Path) -> urllib.request.OpenerDirector:
    certificate = certificate_of(home)
    if certificate is None:
        return OPENER
    return urllib.request.build_opener(NO_PROXY, urllib.request.HTTPSHandler(context=pinned_context(certificate)))
