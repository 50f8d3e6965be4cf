"""Keys and JSON Web Tokens: which are taken, and every way in which one is not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from node.consensus.access import Access, digest_of, parse_access
from node.consensus.access_tokens import LEEWAY_SECONDS, MAX_TOKEN_CHARACTERS
from node.consensus.errors import NotAdmitted
from node.consensus.rpc_roles import LIMITS, Role
from node.domain.errors import Unusable

NOW = 1_800_000_000
SECRET = "a secret of more than thirty-two bytes"
AUDIENCE = "till-test"
CLAIMS = {"sub": "carol", "role": "auditor", "exp": NOW + 60, "aud": AUDIENCE}


def public_pem(key: Any) -> bytes:
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {
        "HS256": SECRET,
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }


@pytest.fixture
def access_for(tmp_path: Path, keys: dict[str, Any]) -> Callable[..., Access]:
    """The settings of a gateway that takes tokens of these algorithms."""

    def make(*algorithms: str, **more: Any) -> Access:
        tokens = []
        for algorithm in algorithms:
            file = tmp_path / f"{algorithm}.key"
            file.write_bytes(SECRET.encode() if algorithm == "HS256" else public_pem(keys[algorithm]))
            tokens.append({"algorithm": algorithm, "key_file": file.name, "audience": AUDIENCE, **more})
        return parse_access({"tokens": tokens}, tmp_path)

    return make


def signed(key: Any, algorithm: str, **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
    return jwt.encode(claims, key, algorithm=algorithm)


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_recognise_takes_a_token_of_its_issuer(access_for: Any, keys: dict[str, Any], algorithm: str) -> None:
    access = access_for("HS256", "RS256", "ES256", "EdDSA")
    known = access.recognise(signed(keys[algorithm], algorithm), NOW)
    assert (known.name, known.grant.role, known.digest) == ("token carol", Role.AUDITOR, None)
    assert known.expires == NOW + 60 + LEEWAY_SECONDS


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": NOW - LEEWAY_SECONDS}, "expired"),
        ({"exp": ...}, "not good"),
        ({"exp": "tomorrow"}, "time"),
        ({"exp": float("inf")}, "time"),
        ({"exp": True}, "time"),
        ({"nbf": NOW + LEEWAY_SECONDS + 1}, "not valid yet"),
        ({"nbf": "later"}, "time"),
        ({"aud": "another service"}, "not good"),
        ({"aud": ...}, "not good"),
        ({"aud": [AUDIENCE, "another service"]}, "not good"),
        ({"sub": ...}, "not good"),
        ({"sub": ""}, "subject"),
        ({"sub": "x" * 65}, "subject"),
        ({"sub": "line\nbreak"}, "subject"),
        ({"role": ...}, "role"),
        ({"role": "operator"}, "role"),  # not unless its issuer is allowed to say so
        ({"role": "admin"}, "role"),
        ({"role": ["auditor"]}, "role"),
    ],
)
def test_recognise_refuses_a_token_whose_claims_are_not_right(access_for: Any, changes: Any, reason: str) -> None:
    with pytest.raises(NotAdmitted, match=reason):
        access_for("HS256").recognise(signed(SECRET, "HS256", **changes), NOW)


def test_recognise_takes_a_token_a_little_early_or_late_but_no_more(access_for: Any) -> None:
    access = access_for("HS256")
    text = signed(SECRET, "HS256", nbf=NOW + LEEWAY_SECONDS, exp=NOW + 60)
    for moment in (NOW, NOW + 60 + LEEWAY_SECONDS - 1):
        assert access.recognise(text, moment).grant.role is Role.AUDITOR
    for moment in (NOW - 1, NOW + 60 + LEEWAY_SECONDS):
        with pytest.raises(NotAdmitted):
            access.recognise(text, moment)


def test_recognise_gives_the_operators_role_only_for_an_issuer_that_may(access_for: Any) -> None:
    access = access_for("HS256", roles=["operator"])
    assert access.recognise(signed(SECRET, "HS256", role="operator"), NOW).grant.role is Role.OPERATOR
    with pytest.raises(NotAdmitted):
        access.recognise(signed(SECRET, "HS256", role="public"), NOW)


def test_recognise_refuses_another_issuer(access_for: Any) -> None:
    access = access_for("HS256", issuer="ours")
    assert access.recognise(signed(SECRET, "HS256", iss="ours"), NOW)
    for text in (signed(SECRET, "HS256", iss="theirs"), signed(SECRET, "HS256")):
        with pytest.raises(NotAdmitted):
            access.recognise(text, NOW)


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_recognise_refuses_a_token_without_signature(access_for: Any, name: str) -> None:
    for tail in ("", part(b"x")):
        text = f"{part({'alg': name, 'typ': 'JWT'})}.{part(CLAIMS)}.{tail}"
        with pytest.raises(NotAdmitted):
            access_for("HS256", "RS256").recognise(text, NOW)


@pytest.mark.parametrize("also_takes_secrets", [False, True])
def test_recognise_refuses_a_public_key_in_the_place_of_a_secret(
    access_for: Any, keys: dict[str, Any], also_takes_secrets: bool
) -> None:
    access = access_for("RS256", *(["HS256"] if also_takes_secrets else []))
    # made by hand: the library refuses to
    message = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(CLAIMS)}"
    for secret in (public_pem(keys["RS256"]), public_pem(keys["RS256"]).strip()):
        text = f"{message}.{part(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"
        with pytest.raises(NotAdmitted):
            access.recognise(text, NOW)


def test_recognise_refuses_a_token_that_somebody_else_signed(access_for: Any, keys: dict[str, Any]) -> None:
    access = access_for("HS256", "RS256", "ES256")
    strangers = {
        "HS256": SECRET + "!",
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": keys["EdDSA"],  # a good key for an algorithm that is not taken here
        "HS512": SECRET * 2,
    }
    for algorithm, key in strangers.items():
        with pytest.raises(NotAdmitted):
            access.recognise(signed(key, algorithm), NOW)
    head, claims, signature = signed(SECRET, "HS256").split(".")
    changed = part({**CLAIMS, "role": "bridge"})
    deep = part(b"[" * 1500 + b"]" * 1500)
    texts = (f"{head}.{changed}.{signature}", f"{head}.{claims}.", "..", "a.b.c", f"{head}..{signature}")
    for text in (*texts, f"{deep}.{claims}.{signature}", f"{part(7)}.{claims}.{signature}", "é.ü.ß"):
        with pytest.raises(NotAdmitted):
            access.recognise(text, NOW)


def test_recognise_refuses_a_token_that_is_too_long_before_it_looks_at_it(access_for: Any) -> None:
    text = signed(SECRET, "HS256", note="x" * MAX_TOKEN_CHARACTERS)
    with pytest.raises(NotAdmitted, match="too long"):
        access_for("HS256").recognise(text, NOW)


def test_recognise_refuses_tokens_where_none_are_taken() -> None:
    with pytest.raises(NotAdmitted, match="not taken"):
        Access().recognise(signed(SECRET, "HS256"), NOW)


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"-----BEGIN PUBLIC KEY-----\n" + b"x" * 40, None],
)
def test_settings_are_refused_when_a_secret_is_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "k").write_bytes(content)
    entry = {"algorithm": "HS256", "key_file": "k", "audience": AUDIENCE}
    with pytest.raises(Unusable):
        parse_access({"tokens": [entry]}, tmp_path)


def test_settings_are_refused_when_a_public_key_is_weak_or_of_another_kind(tmp_path: Path, keys: Any) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    other_curve = ec.generate_private_key(ec.SECP384R1())
    for algorithm, key in (("RS256", weak), ("RS256", keys["ES256"]), ("ES256", other_curve), ("EdDSA", keys["RS256"])):
        (tmp_path / "k").write_bytes(public_pem(key))
        with pytest.raises(Unusable):
            parse_access({"tokens": [{"algorithm": algorithm, "key_file": "k", "audience": AUDIENCE}]}, tmp_path)


def test_recognise_takes_a_key_until_it_expires() -> None:
    entry = {"id": "alice", "role": "bridge", "sha256": digest_of("till_key").hex(), "rate": 9}
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW))
    access = parse_access({"keys": [{**entry, "expires": ends}]}, Path())
    known = access.recognise("till_key", NOW - 1)
    assert (known.name, known.grant.role, known.expires) == ("key alice", Role.BRIDGE, NOW)
    assert (known.grant.limits.rate, known.grant.limits.batch) == (9, LIMITS[Role.BRIDGE].batch)
    with pytest.raises(NotAdmitted, match="expired"):
        access.recognise("till_key", NOW)
    for wrong in ("till_key ", "till_kez", "", digest_of("till_key").hex(), "Bearer till_key"):
        with pytest.raises(NotAdmitted, match="not known"):
            access.recognise(wrong, NOW - 1)


@pytest.mark.parametrize(
    "document",
    [
        [],
        None,
        {"Anonymous": "public"},
        {"anonymous": "admin"},
        {"anonymous": None},
        {"keys": {}},
        {"keys": [7]},
        {"keys": [{"id": "a", "role": "auditor"}]},
        {"keys": [{"id": "a", "role": "auditor", "sha256": "ab"}]},
        {"keys": [{"id": "a", "role": "auditor", "sha256": "zz" * 32}]},
        {"keys": [{"id": "a", "role": "root", "sha256": "ab" * 32}]},
        {"keys": [{"id": "a b", "role": "auditor", "sha256": "ab" * 32}]},
        {"keys": [{"id": "local", "role": "auditor", "sha256": "ab" * 32}]},
        {"keys": [{"id": "a", "role": "auditor", "sha256": "ab" * 32, "key": "till_x"}]},
        {"keys": [{"id": "a", "role": "auditor", "sha256": "ab" * 32, "rate": 0}]},
        {"keys": [{"id": "a", "role": "auditor", "sha256": "ab" * 32, "expires": "soon"}]},
        {"keys": [{"id": "a", "role": "auditor", "sha256": "ab" * 32, "expires": "2026-12-31T00:00:00"}]},
        {"keys": [{"id": "a", "role": "auditor", "sha256": "ab" * 32}] * 2},
        {"keys": [{"id": name, "role": "auditor", "sha256": "ab" * 32} for name in "ab"]},
        {"tokens": [{"algorithm": "none", "key_file": "k", "audience": "x"}]},
        {"tokens": [{"algorithm": "HS256", "key_file": "k"}]},
        {"limits": {"public": {"rate": -1}}},
        {"limits": {"admin": {}}},
        {"limits": {"public": 5}},
        {"origins": "https://shop.example"},
        {"tls": "certificate.pem"},
        {"tls": {"certificate": "c"}},
    ],
)
def test_settings_are_refused_when_they_are_not_exactly_right(document: Any, tmp_path: Path) -> None:
    with pytest.raises((ValueError, Unusable)):
        parse_access(document, tmp_path)
