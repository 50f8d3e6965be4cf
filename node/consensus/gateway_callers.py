"""Who a request to the gateway comes from: its key or token, or nobody in particular.

Before it node/consensus/gateway_server.py has read the request's head; after it node/consensus/gateway.py knows the
role. A browser is the danger for an anonymous operator on loopback: any page that it shows can send requests there
(an `Origin` that is not listed is refused), also by a name of its own that it lets point to 127.0.0.1 (so is a `Host`).
Sources: RFC 6750 (Bearer), RFC 7617 (Basic), RFC 6454 (Origin).
"""

import base64
import binascii
import ipaddress
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from node.consensus.access import BY_ADDRESS, NOBODY, Access
from node.consensus.access_tokens import TokenIssuer
from node.consensus.errors import NotAdmitted
from node.consensus.rpc_policy import NOT_KNOWN
from node.consensus.rpc_roles import Grant, Role

KEY_HEADER: Final = "X-API-Key"
PROXY_HEADERS: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""A proxy on this host makes strangers look as if they were here."""
IPV6_NETWORK_BITS: Final = 64
"""Of an IPv6 address; whoever has one has the whole network of that size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks. `name` stands in logs, `bucket` is whose rate it counts against; `expires` in Unix seconds or None.

    `digest` is of an API key, `issuer` of a token; `anonymous` is the setting that let in one who has neither.
    """

    name: str
    bucket: str
    grant: Grant
    expires: float | None = None
    digest: bytes | None = None
    issuer: TokenIssuer | None = None
    anonymous: str | None = None


class Rejected(Exception):
    """A request that is not answered by what it asks. `status` is HTTP's, `code` JSON-RPC's."""

    def __init__(self, status: int, reason: str, code: int = NOT_KNOWN) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


def identify(request: web.BaseRequest, access: Access, *, on_loopback: bool, now: float) -> Caller:
    """The caller of a request; raises Rejected. `on_loopback` is of the listener, `now` in Unix seconds."""
    check_origin(request, access)
    credential = _credential(request)
    if credential is None:
        return _anonymous(request, access, on_loopback)
    try:
        known = access.recognise(credential, now)
    except NotAdmitted as failure:
        raise Rejected(401, failure.detail) from None
    return Caller(
        name=known.name,
        bucket=known.name,
        grant=known.grant,
        expires=known.expires,
        digest=known.digest,
        issuer=known.issuer,
    )


def still_admitted(caller: Caller, access: Access, now: float) -> bool:
    """Whether a caller that was let in on a WebSocket would be let in now, and as the same."""
    if caller.expires is not None and now >= caller.expires:
        return False
    if caller.digest is not None:
        key = access.keys.get(caller.digest)
        return key is not None and key.grant == caller.grant
    if caller.issuer is not None:
        return caller.issuer in access.issuers
    return caller.anonymous == access.anonymous


def check_origin(request: web.BaseRequest, access: Access) -> str | None:
    """The origin of a page that may ask, None for a program; raises Rejected for any other page."""
    origin = request.headers.get("Origin")
    if origin is None or origin in access.origins or "*" in access.origins:
        return origin
    raise Rejected(403, "pages of this origin may not ask here")


def address_of(request: web.BaseRequest) -> str:
    """The client's address, or for IPv6 its network: what an anonymous caller's rate is counted by."""
    try:
        address = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_NETWORK_BITS), strict=False))


def is_loopback(host: str) -> bool:
    """Whether an address, or a name, is this host's own."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _credential(request: web.BaseRequest) -> str | None:
    given = [*request.headers.getall("Authorization", []), *request.headers.getall(KEY_HEADER, [])]
    if not given:
        return None
    if len(given) > 1:
        raise Rejected(401, "there is more than one key")
    if KEY_HEADER in request.headers:
        return given[0].strip()
    scheme, _, text = given[0].strip().partition(" ")
    if scheme.lower() == "bearer" and text.strip():
        return text.strip()
    if scheme.lower() == "basic":
        return _password(text.strip())
    raise Rejected(401, "the key is expected as Authorization: Bearer, or in X-API-Key")


def _password(text: str) -> str:
    """The password, for clients that are given nothing but a URL: http://:KEY@host."""
    try:
        password = base64.b64decode(text, validate=True).decode("ascii").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        password = ""
    if not password:
        raise Rejected(401, "the key is expected as the password")
    return password


def _anonymous(request: web.BaseRequest, access: Access, on_loopback: bool) -> Caller:
    if access.anonymous == NOBODY:
        raise Rejected(401, "a key is needed")
    if on_loopback or access.hosts:
        _check_host(request, access)
    if access.anonymous == BY_ADDRESS:
        forwarded = any(name in request.headers for name in PROXY_HEADERS)
        at_home = on_loopback and is_loopback(request.remote or "") and not forwarded
        role = Role.OPERATOR if at_home else Role.PUBLIC
    else:
        role = Role(access.anonymous)
    address = address_of(request)
    return Caller(
        name=f"address {address}",
        bucket=f"address {address}",
        grant=access.grants[role],
        anonymous=access.anonymous,
    )


def _check_host(request: web.BaseRequest, access: Access) -> None:
    hosts = request.headers.getall("Host", [])
    if len(hosts) > 1 or not all(_host_fits(host.strip().lower(), access) for host in hosts):
        raise Rejected(403, "this host is known by another name")


def _host_fits(host: str, access: Access) -> bool:
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    return is_loopback(name) or name in access.hosts
