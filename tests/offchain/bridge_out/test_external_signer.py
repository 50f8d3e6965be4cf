"""The posting key held elsewhere: a real signer's answers, and one that is away, errs or lies."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from eth_account import Account
from eth_utils import to_checksum_address

from benchmarks.devchain import anvil
from node.bridge.posting_key import open_signer
from node.chain.external_signer import HALF_ORDER, ExternalSigner, NotSigned, SignerPlace
from node.chain.signer import Call, Signer
from node.config import SignerSettings, StreamSettings
from node.domain.errors import Unusable
from node.domain.ids import Address
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import payment
from tests.offchain.bridge_out.stand import COEFFICIENT, KEY, MEMBERS, Stand

ORDER = 2 * HALF_ORDER + 1
ADDRESS = Signer(KEY).address
CALL = Call(
    chain_id=31337,
    nonce=7,
    to=Address(b"\x0a" * 20),
    data=bytes(range(256)) * 40,
    gas=90_000,
    max_fee=30,
    priority_fee=2,
)


class SignerElsewhere:
    """What web3signer answers, made by eth_account; `spoil` changes the transaction or what is said of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.key = KEY
        self.spoil: Callable[[dict[str, Any]], Any] | None = None
        self.answer: dict[str, Any] | None = None

    async def handle(self, request: web.Request) -> web.Response:
        call = await request.json()
        self.asked.append(call["method"])
        if self.answer is not None:
            return web.Response(**self.answer)
        result: Any = [Account.from_key(self.key).address.lower()]
        if call["method"] == "eth_signTransaction":
            asked = {name: value for name, value in call["params"][0].items() if name != "from"}
            spoiled = self.spoil(asked) if self.spoil else asked
            result = spoiled
            if isinstance(spoiled, dict):
                spoiled["to"] = to_checksum_address(spoiled["to"])
                result = "0x" + Account.from_key(self.key).sign_transaction(spoiled).raw_transaction.hex()
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": result})


@pytest.fixture
async def elsewhere() -> AsyncIterator[tuple[SignerElsewhere, TestServer]]:
    signer = SignerElsewhere()
    application = web.Application(client_max_size=2**20)
    application.router.add_post("/", signer.handle)
    server = TestServer(application)
    await server.start_server()
    yield signer, server
    await server.close()


def place(url: object) -> SignerPlace:
    return SignerPlace(url=str(url), timeout=5)


@pytest.mark.anvil
async def test_signed_gives_what_an_independent_signer_makes_of_the_same_call() -> None:
    with anvil() as chain:
        url = f"http://127.0.0.1:{chain._connection.port}"
        known = [Address(bytes.fromhex(each[2:])) for each in chain.request("eth_accounts")]
        with pytest.raises(Unusable, match=r"has 10 accounts; stream\.signer\.address says which"):
            await ExternalSigner.open(place(url))
        signer = await ExternalSigner.open(place(url), known[3])
        try:
            signed = await signer.signed(replace(CALL, nonce=0, max_fee=10**10, gas=300_000))
            chain.request("anvil_setBalance", "0x" + known[3].hex(), hex(10**20))
            assert chain.request("eth_sendRawTransaction", "0x" + signed.raw.hex()) == "0x" + signed.hash.hex()
        finally:
            await signer.close()
            chain._connection.close()


async def test_signed_is_byte_for_byte_what_the_key_itself_signs(elsewhere: tuple[SignerElsewhere, TestServer]) -> None:
    signer = await ExternalSigner.open(place(elsewhere[1].make_url("/")))
    assert signer.address == ADDRESS and repr(signer) == f"ExternalSigner(0x{ADDRESS.hex()})"
    assert await signer.signed(CALL) == Signer(KEY).sign(CALL)
    await signer.close()


def high_s(_: dict[str, Any]) -> str:
    raw = Signer(KEY).sign(CALL).raw
    s = ORDER - int.from_bytes(raw[-32:], "big")
    return "0x" + (raw[:-32] + s.to_bytes(32, "big")).hex()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda asked: asked | {"nonce": "0x8"}, "other fields than those asked for"),
        (lambda asked: asked | {"to": "0x" + "0b" * 20}, "other fields than those asked for"),
        (lambda asked: asked | {"value": "0x1"}, "other fields than those asked for"),
        (lambda asked: asked | {"chainId": "0x1"}, "other fields than those asked for"),
        (lambda _: "0x01c0", "no transaction of type 2"),
        (lambda _: "0x02c0", "other fields than those asked for"),
        (lambda _: "0x02ff", "no RLP"),
        (lambda _: "zz", "non-hexadecimal"),
        (lambda _: None, "non-hexadecimal"),
        (lambda _: "", "no transaction of type 2"),
        (high_s, "a signature that no block takes"),
        (lambda _: "0x" + Signer(KEY).sign(CALL).raw[:-32].hex() + "00" * 32, "no signature"),
        (lambda _: "0x" + Signer(b"\x07" * 32).sign(CALL).raw.hex(), "the signature is of 0x"),
    ],
)
async def test_signed_refuses_what_was_not_asked_for(
    elsewhere: tuple[SignerElsewhere, TestServer], spoil: Callable[[dict[str, Any]], Any], reason: str
) -> None:
    elsewhere[0].spoil = spoil
    signer = await ExternalSigner.open(place(elsewhere[1].make_url("/")), ADDRESS)
    with pytest.raises(NotSigned, match=f"signed something else: .*{reason}"):
        await signer.signed(CALL)
    await signer.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": 503, "text": "busy"}, "HTTP 503 and no result"),
        ({"text": "[]"}, "and no result"),
        ({"status": 302, "headers": {"Location": "/elsewhere"}}, "HTTP 302 and no result"),
        (
            {"text": '{"error": {"code": -32000, "message": "not by this policy"}}'},
            "refuses eth_signTransaction: not by",
        ),
        ({"body": b"x" * 10**6}, "answers with more than"),
    ],
)
async def test_signed_tells_why_there_is_no_signature(
    elsewhere: tuple[SignerElsewhere, TestServer], answer: dict[str, Any], reason: str
) -> None:
    signer = await ExternalSigner.open(place(elsewhere[1].make_url("/")))
    elsewhere[0].answer = answer
    with pytest.raises(NotSigned, match=reason):
        await signer.signed(CALL)
    await elsewhere[1].close()
    with pytest.raises(NotSigned, match="does not answer: Client"):
        await signer.signed(CALL)
    await signer.close()


async def test_signer_is_asked_over_tls_with_a_certificate_of_ours(tmp_path: Path) -> None:
    authority, signer = trustme.CA(), SignerElsewhere()
    here = authority.issue_cert("127.0.0.1")
    ours = authority.issue_cert("bridge.test")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "bridge.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    application = web.Application()
    application.router.add_post("/", signer.handle)
    server = TestServer(application, scheme="https")
    await server.start_server(ssl=context)
    url = f"https://127.0.0.1:{server.port}/"
    shown = SignerPlace(url=url, timeout=5, ca_file=tmp_path / "ca.pem", certificate=tmp_path / "bridge.pem")
    opened = await ExternalSigner.open(shown)
    assert await opened.signed(CALL) == Signer(KEY).sign(CALL)
    await opened.close()
    for less in (replace(shown, certificate=None), replace(shown, ca_file=None)):
        with pytest.raises(Unusable, match="does not answer"):
            await ExternalSigner.open(less)
    with pytest.raises(Unusable, match="certificates cannot be read"):
        await ExternalSigner.open(replace(shown, ca_file=tmp_path / "none.pem"))
    await server.close()


@pytest.mark.anvil
async def test_bridge_posts_when_its_signer_is_back(
    stand: Stand, elsewhere: tuple[SignerElsewhere, TestServer]
) -> None:
    signer, server = elsewhere
    sections: dict[str, dict[str, Any]] = {
        "stream": {"key_file": None},
        "stream.signer": {"url": str(server.make_url("/"))},
        "transaction": {"sign_again_ms": 20},
    }
    async with bridge_on(stand, **sections) as running:
        signer.answer = {"status": 503}
        before = len(signer.asked)
        answer = await running.bridge.submit(payment(1, member=MEMBERS[0], time=stand.now()), b"items")
        assert answer.response_code == "00"

        async def asked_again() -> bool:
            return len(signer.asked) > before + 3

        await until(asked_again, "the signer is asked again")
        health = await running.bridge.health()
        assert "HTTP 503" in str(health["refused"]) and health["in_flight"] == 1
        assert stand.sent() == 0
        signer.answer = None
        await idle(running)
        assert (await running.bridge.health())["refused"] == ""
    assert (stand.sent(), stand.points(MEMBERS[0])) == (1, 1_000 * COEFFICIENT)


SIGNER = SignerSettings(url="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (StreamSettings(id=1), r"Neither stream\.key_file nor \[stream\.signer\] says who signs"),
        (StreamSettings(id=1, key_file=Path("k"), signer=SIGNER), "leave one out"),
        (StreamSettings(id=1, signer=replace(SIGNER, url="ftp://x")), "begins with http:// or https://"),
        (StreamSettings(id=1, signer=replace(SIGNER, address="0x" + "zz" * 20)), "is no address: 0xzz"),
        (StreamSettings(id=1, signer=SIGNER), "http://127.0.0.1:9 does not answer"),
    ],
)
async def test_open_signer_says_what_is_wrong(settings: StreamSettings, sentence: str) -> None:
    with pytest.raises(Unusable, match=sentence):
        await open_signer(settings)


async def test_open_signer_opens_a_keystore_with_the_password_of_a_file(tmp_path: Path) -> None:
    store, password = tmp_path / "keystore.json", tmp_path / "password"
    for path, text in (
        (store, json.dumps(Account.encrypt(KEY, "open sesame", kdf="pbkdf2", iterations=1_000))),
        (password, "open sesame\n"),
    ):
        path.touch(mode=0o600)
        path.write_text(text)
    settings = StreamSettings(id=1, key_file=store, password_file=password)
    assert (await open_signer(settings)).address == ADDRESS
    password.write_text("open barley")
    with pytest.raises(Unusable, match="holds no usable key"):
        await open_signer(settings)
    password.chmod(0o644)
    with pytest.raises(Unusable, match="can be read by others; chmod 600 it"):
        await open_signer(settings)
    with pytest.raises(Unusable, match="cannot be read: FileNotFoundError"):
        await open_signer(replace(settings, password_file=tmp_path / "none"))


async def test_signers_stop_when_the_bridge_stops(stand: Stand, elsewhere: tuple[SignerElsewhere, TestServer]) -> None:
    sections: dict[str, dict[str, Any]] = {
        "stream": {"key_file": None},
        "stream.signer": {"url": str(elsewhere[1].make_url("/"))},
    }
    async with asyncio.timeout(20), bridge_on(stand, **sections) as running:
        elsewhere[0].answer = {"status": 503}
        await running.bridge.submit(payment(1, member=MEMBERS[0], time=stand.now()), b"items")
