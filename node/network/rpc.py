"""A JSON-RPC call to a validator's gateway or geth, for status and supervision; no library, it has to start fast."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from node.config import rpc_access
from node.consensus.access_files import ACCESS_FILE, COOKIE_FILE
from node.domain.errors import Retryable

CALL_SECONDS: Final = 3.0
NO_PROXY: Final = urllib.request.ProxyHandler({})
OPENER: Final = urllib.request.build_opener(NO_PROXY)
LARGEST_REFUSAL: Final = 100_000
LONGEST_REFUSAL: Final = 500


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
        raise NoAnswer(f"{url}: {_refusal(answer) or failure}") from None


def call_many(url: str, calls: Sequence[tuple[str, Any]], *, seconds: float = CALL_SECONDS) -> list[Any]:
    """The results of calls sent as one batch, in their order; raises NoAnswer unless each has one."""
    batch = [
        {"jsonrpc": "2.0", "id": n, "method": method, "params": params} for n, (method, params) in enumerate(calls)
    ]
    answers = _exchange(url, batch, seconds, None)
    try:
        results = {answer["id"]: answer["result"] for answer in answers}
        return [results[number] for number in range(len(calls))]
    except (KeyError, TypeError) as failure:
        refusals = map(_refusal, answers if isinstance(answers, list) else [answers])
        raise NoAnswer(f"{url}: {next(filter(None, refusals), failure)}") from None


def _refusal(answer: Any) -> str | None:
    """The message of an error object (JSON-RPC 2.0, 5.1), with CometBFT's details; None when there is none."""
    try:
        error = answer["error"]
        return " ".join(str(error[part])[:LONGEST_REFUSAL] for part in ("message", "data") if error.get(part))
    except (KeyError, TypeError, AttributeError):
        return None


def _exchange(url: str, body: Any, seconds: float, home: Path | None) -> Any:
    try:
        headers = {"Content-Type": "application/json", **_cookie_header(home)}
        request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
        with opener_for(url, home).open(request, timeout=seconds) as response:
            return json.loads(response.read())
    except urllib.error.HTTPError as refused:
        with refused:
            raise NoAnswer(f"{url}: {_refusal_in(refused) or refused}") from None
    except (OSError, http.client.HTTPException, ValueError) as failure:
        # HTTPException: it was killed in the middle of its answer
        raise NoAnswer(f"{url}: {failure}") from None


def _refusal_in(refused: urllib.error.HTTPError) -> str | None:
    try:
        return _refusal(json.loads(refused.read(LARGEST_REFUSAL)))
    except (OSError, http.client.HTTPException, ValueError):
        return None


def opener_for(url: str, home: Path | None) -> urllib.request.OpenerDirector:
    """What opens a URL of a gateway: with `home`, its validator's folder, it trusts the certificate in there.

    One elsewhere has to have a certificate of the system's authorities, or of the file that TILL_RPC_CA names.
    Raises OSError when that file cannot be read.
    """
    if not url.startswith("https:"):
        return OPENER
    certificate = certificate_of(home) if home is not None else None
    context = named_context(rpc_access().ca_files) if certificate is None else pinned_context(certificate)
    return urllib.request.build_opener(NO_PROXY, urllib.request.HTTPSHandler(context=context))


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


def named_context(ca_files: Sequence[Path]) -> ssl.SSLContext:
    """Trusts the system's authorities and these files, each for the names in its certificates. Raises OSError."""
    context = ssl.create_default_context()
    # a gateway's own certificate (till net cert) is in the file itself, signed by nobody
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for file in ca_files:
        context.load_verify_locations(file)
    return context


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
