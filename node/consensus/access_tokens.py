"""JSON Web Tokens (RFC 7519) that the gateway takes in place of keys: who issues them, and whether one is good.

Used by node/consensus/access.py. The algorithm is the issuer's setting, never the token's: a token that names another
one (`none`, or HS256 with the public key as the secret) is not looked at any further. Sources: RFC 7519, RFC 8725.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from node.consensus.errors import NotAdmitted
from node.consensus.rpc_roles import Role
from node.domain.errors import Unusable

MAX_ISSUERS: Final = 8
MAX_TOKEN_CHARACTERS: Final = 4096
MAX_SUBJECT: Final = 64
MIN_SECRET_BYTES: Final = 32
MIN_RSA_BITS: Final = 2048
LEEWAY_SECONDS: Final = 30
"""Clocks of two hosts may differ by so much."""
ALGORITHMS: Final = ("HS256", "RS256", "ES256", "EdDSA")
DEFAULT_ROLES: Final = ("public", "auditor", "bridge")
# beside its own failures the library lets through what json and nested lists can do
UNREADABLE: Final = (jwt.PyJWTError, ValueError, TypeError, RecursionError)
MEMBERS: Final = frozenset({"algorithm", "key_file", "audience", "issuer", "roles"})


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenIssuer:
    """Who may issue tokens, and for which roles. `key` was read from `file`; the repr does not show it."""

    algorithm: str
    file: Path
    key: Any
    audience: str
    issuer: str | None
    roles: frozenset[Role]

    def __repr__(self) -> str:
        return f"TokenIssuer({self.algorithm}, {self.audience})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """What a good token says. `expires` in Unix seconds."""

    subject: str
    role: Role
    expires: float
    issuer: TokenIssuer


def looks_like_token(credential: str) -> bool:
    """Whether this is a JWT by its form; a key of ours has no dots."""
    return credential.count(".") == 2


def read_issuer(entry: Any, folder: Path) -> TokenIssuer:
    """An issuer as it stands in access.json. Raises ValueError, or Unusable for its key file."""
    if not isinstance(entry, dict) or not set(entry) <= MEMBERS:
        raise ValueError(f"an entry of tokens is an object of {', '.join(sorted(MEMBERS))}")
    algorithm, file, audience = entry.get("algorithm"), entry.get("key_file"), entry.get("audience")
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm is one of {', '.join(ALGORITHMS)}, not {algorithm!r}")
    if not isinstance(file, str) or not file:
        raise ValueError("key_file of tokens is the name of a file")
    if not isinstance(audience, str) or not audience:
        raise ValueError("audience of tokens is a text; without one a token for another service would be good here")
    issuer, roles = entry.get("issuer"), entry.get("roles", list(DEFAULT_ROLES))
    if issuer is not None and not isinstance(issuer, str):
        raise ValueError("issuer of tokens is a text")
    if not isinstance(roles, list) or not roles or not set(roles) <= set(Role):
        raise ValueError(f"roles of tokens is a list of {', '.join(Role)}")
    return TokenIssuer(
        algorithm=algorithm,
        file=folder / file,
        key=_read_key(folder / file, algorithm),
        audience=audience,
        issuer=issuer,
        roles=frozenset(Role(role) for role in roles),
    )


def read_token(text: str, issuers: Sequence[TokenIssuer], now: float) -> Token:
    """What the token says, if one of the issuers signed it and it is good at `now`; raises NotAdmitted."""
    if not issuers:
        raise NotAdmitted("tokens are not taken here")
    if len(text) > MAX_TOKEN_CHARACTERS:
        raise NotAdmitted("the token is too long")
    reason = "the token's algorithm is none of ours"
    try:
        algorithm = jwt.get_unverified_header(text).get("alg")
    except UNREADABLE:
        raise NotAdmitted("the token cannot be read") from None
    for issuer in issuers:
        if issuer.algorithm != algorithm:
            continue
        try:
            return _claims(jwt.decode(text, issuer.key, **_demands(issuer)), issuer, now)
        except UNREADABLE as failure:
            reason = f"the token is not good: {str(failure)[:80]}"
    raise NotAdmitted(reason)


def _demands(issuer: TokenIssuer) -> dict[str, Any]:
    return {
        "algorithms": [issuer.algorithm],
        "audience": issuer.audience,
        "issuer": issuer.issuer,
        # times are checked below, by a clock that is a parameter
        "options": {
            "require": ["exp", "aud", "sub"],
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
            "strict_aud": True,
        },
    }


def _claims(claims: dict[str, Any], issuer: TokenIssuer, now: float) -> Token:
    subject, role = claims.get("sub"), claims.get("role")
    expires, begins = _seconds(claims["exp"]), _seconds(claims.get("nbf", 0))
    if now >= expires + LEEWAY_SECONDS:
        raise NotAdmitted("the token has expired")
    if now < begins - LEEWAY_SECONDS:
        raise NotAdmitted("the token is not valid yet")
    if not isinstance(subject, str) or not subject.isprintable() or not 1 <= len(subject) <= MAX_SUBJECT:
        raise NotAdmitted("the token's subject is not a short text")
    if not isinstance(role, str) or role not in issuer.roles:
        raise NotAdmitted("the token's role is none that its issuer may give")
    return Token(subject=subject, role=Role(role), expires=expires + LEEWAY_SECONDS, issuer=issuer)


def _seconds(claim: Any) -> float:
    if type(claim) not in (int, float) or not math.isfinite(claim):
        raise NotAdmitted("a time in the token is no number")
    return float(claim)


def _read_key(path: Path, algorithm: str) -> Any:
    try:
        data = path.read_bytes()
    except OSError as failure:
        raise Unusable(f"{path} cannot be read: {failure.strerror}") from None
    if algorithm == "HS256":
        secret = data.strip()
        if b"-----BEGIN" in secret or len(secret) < MIN_SECRET_BYTES:
            raise Unusable(f"{path} is no secret of {MIN_SECRET_BYTES} bytes or more")
        return secret
    try:
        key = load_pem_public_key(data)
    except ValueError:
        raise Unusable(f"{path} is no public key (PEM)") from None
    fits = {
        "RS256": isinstance(key, RSAPublicKey) and key.key_size >= MIN_RSA_BITS,
        "ES256": isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1),
        "EdDSA": isinstance(key, Ed25519PublicKey),
    }
    if not fits[algorithm]:
        raise Unusable(f"{path} is no key for {algorithm} (RSA of 2048 bits, P-256 or Ed25519)")
    return key
