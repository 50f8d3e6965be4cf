"""Actors for the intakes: a merchant, its terminals, a member, and a journal that keeps what it is given."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from coincurve import PrivateKey

from node.bridge.intake_iso8583 import serve_iso8583
from node.bridge.intake_ports import Holdings, Ports
from node.bridge.intake_rpc import serve_rpc
from node.config import Iso8583Settings, RpcSettings
from node.domain.acts.coupon import Face
from node.domain.answer import Answer
from node.domain.assignment import Item
from node.domain.directory import Campaign, Directory, Merchant, Rule, Terminal
from node.domain.errors import OriginalNotFound, TillnetError
from node.domain.ids import (
    Address,
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    PaymentId,
    RuleVersion,
    StreamId,
    TerminalId,
    TerminalNumber,
    Units,
)
from node.domain.merkle import product_set_root
from node.domain.payment import Entry, PaymentKey, Status
from node.domain.totals import Totals
from node.iso8583.framing import Framing
from node.iso8583.retail_mac import RetailMac
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from node.pos.rpc import RpcConnection, RpcTerminal

STREAM = StreamId(1)
CURRENCY = "840"
CARD = "9876543210"
MEMBER = MemberId(0xABCDEF)
LIMIT = MinorUnits(1_000_000)
CHAIN_ID = 7_777
LEDGER = Address(bytes(range(20)))
TENTH, EURO, PRESENT, HIDDEN = 1, 2, 3, 4
"""Coupon campaigns: a tenth off, 1.00 off promoted products, a gift, and one whose products nobody published."""
PROMOTED = frozenset({"1000000", "1000003"})
MAC_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
OLD_MAC_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


@dataclass
class FakeJournal:
    """Keeps entries by key, as the journal does: same key and body, the same answer again."""

    entries: list[Entry] = field(default_factory=list)
    baskets: list[bytes] = field(default_factory=list)
    seen: dict[PaymentKey, tuple[Hash32, Answer]] = field(default_factory=dict)
    failure: Exception | None = None
    gate: asyncio.Event | None = None
    waiting: int = 0

    async def submit(self, entry: Entry, basket: bytes) -> Answer:
        if self.failure is not None:
            raise self.failure
        self.waiting += 1
        if self.gate is not None:
            await self.gate.wait()
        body, answer = self.seen.get(entry.key, (None, None))
        if answer is not None:
            assert body == entry.body
            return replace(answer, duplicate=True)
        self.entries.append(entry)
        self.baskets.append(basket)
        answer = Answer(
            response_code="00",
            payment_id=PaymentId(f"{STREAM}-{len(self.entries)}"),
            status=Status.JOURNALED,
            points=Units(1_234_000),
            balance=None,
            duplicate=False,
            text="Thank you",
        )
        self.seen[entry.key] = (entry.body, answer)
        return answer


@dataclass
class FakeDesk:
    """Keeps what terminals say in memory, and counts nothing by itself: `days` and `today` are the test's."""

    on: set[str] = field(default_factory=set)
    closed: list[tuple[str, int]] = field(default_factory=list)
    days: dict[int, Totals] = field(default_factory=dict)
    today: Totals = field(default_factory=Totals)
    claims: list[tuple[str, int, Totals, bool]] = field(default_factory=list)

    def signed_on(self, terminal: TerminalId) -> bool:
        return terminal in self.on

    async def sign(self, terminal: TerminalId, on: bool) -> None:
        (self.on.add if on else self.on.discard)(terminal)

    async def cut_over(self, terminal: TerminalId, date: int) -> None:
        self.closed.append((terminal, date))

    async def totals(self, terminal: TerminalId, date: int | None) -> Totals | None:
        return self.today if date is None else self.days.get(date)

    async def reconciled(self, terminal: TerminalId, date: int, claimed: Totals, balanced: bool) -> None:
        self.claims.append((terminal, date, claimed, balanced))


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture
def signer() -> PrivateKey:
    return PrivateKey(b"\x11" * 32)


@pytest.fixture
def directory(signer: PrivateKey) -> Directory:
    def rule(version: int, rate: int, product_set: Hash32 | None) -> Rule:
        return Rule(
            version=RuleVersion(version),
            rate=rate,
            base_rate=1_000_000,
            starts=0,
            until=0,
            budget=None,
            day_cap=None,
            product_set=product_set,
        )

    def terminal(name: str, number: int, **changes: object) -> Terminal:
        found = Terminal(
            id=TerminalId(name),
            merchant=MerchantId(42),
            store=1,
            number=TerminalNumber(number),
            stream=STREAM,
            signer=RpcTerminal(id=name, key=signer).address,
            floor_limit=MinorUnits(0),
            active=True,
        )
        return replace(found, **changes)

    root = product_set_root(PROMOTED)
    merchant = Merchant(
        id=MerchantId(42),
        active=True,
        base=RuleVersion(1),
        rules=(rule(1, 1_000_000, None), rule(2, 5_000_000, root)),
    )
    terminals = [
        terminal("TILL0001", 1),
        terminal("TILL2", 2),
        terminal("CLOSED", 3, active=False),
        terminal("ELSEWHER", 4, stream=StreamId(2)),
        terminal("ORPHAN", 5, merchant=MerchantId(43)),
        terminal("MACONLY", 6, signer=None),
    ]
    return Directory(
        block=17,
        currency=CURRENCY,
        max_line_amount=LIMIT,
        terminals={each.id: each for each in terminals},
        merchants={merchant.id: merchant, MerchantId(43): replace(merchant, id=MerchantId(43), active=False)},
        product_sets={root: PROMOTED},
        campaigns={
            TENTH: Campaign(face=Face.PERCENTAGE, value=1_000, product_set=None),
            EURO: Campaign(face=Face.SUM, value=100, product_set=root),
            PRESENT: Campaign(face=Face.GIFT, value=3, product_set=None),
            HIDDEN: Campaign(face=Face.SUM, value=100, product_set=Hash32(b"h" * 32)),
        },
        discount_bps=500,
    )


@pytest.fixture
def ports(journal: FakeJournal, directory: Directory, desk: FakeDesk) -> Ports:
    async def status(payment: PaymentId) -> Answer | None:
        return next((answer for _, answer in journal.seen.values() if answer.payment_id == payment), None)

    async def holdings(member: MemberId) -> Holdings:
        return Holdings(stored_value=MinorUnits(1_250), coins_at_par=MinorUnits(99), coins=Units(990_500))

    async def health() -> dict[str, object]:
        return {"queue": 3}

    return Ports(
        stream=STREAM,
        submit=journal.submit,
        member_of=lambda card: MEMBER if card == CARD else None,
        directory=lambda: directory,
        status=status,
        holdings=holdings,
        health=health,
        desk=desk,
    )


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "mac.keys"
    names = ("TILL0001", "TILL2", "CLOSED", "ELSEWHER", "ORPHAN", "MACONLY")
    path.write_text("".join(f"{name} {MAC_KEY.hex()} {OLD_MAC_KEY.hex()}\n" for name in names))
    path.chmod(0o600)
    return path


@pytest.fixture
def terminal() -> PosTerminal:
    return PosTerminal(id="TILL0001", merchant=42, mac=RetailMac(MAC_KEY))


@pytest.fixture
def thief() -> PosTerminal:
    """Knows a terminal's name, and not its key."""
    return PosTerminal(id="TILL0001", merchant=42, mac=RetailMac(b"\x66" * 16))


@pytest.fixture
def basket() -> tuple[Item, ...]:
    return (
        Item(product="1000000", quantity=1, amount=MinorUnits(500)),
        Item(product="1000001", quantity=3, amount=MinorUnits(699)),
        Item(product="1000003", quantity=1, amount=MinorUnits(1)),
    )


@asynccontextmanager
async def listening(
    serve: Callable[..., object],
    settings: object,
    ports: Ports,
    *,
    stop: list[Callable[[], Awaitable[None]]] | None = None,
) -> AsyncIterator[tuple[str, int]]:
    """A listener on a port of the system's choice; `stop` gets what ends it."""
    ready: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(serve(settings, ports, bound=lambda host, port: ready.set_result((host, port))))

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    if stop is not None:
        stop.append(end)
    try:
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED, timeout=10)
        if task.done():
            task.result()
        yield await ready
    finally:
        await end()


@dataclass
class Listener:
    """A running ISO 8583 listener; `connect` opens a gateway's connection to it."""

    host: str
    port: int
    framing: Framing
    stop: Callable[[], Awaitable[None]]
    connections: list[PosConnection] = field(default_factory=list)

    async def connect(self, **options: object) -> PosConnection:
        connection = await PosConnection.open(self.host, self.port, framing=self.framing, **{"timeout": 5.0, **options})
        self.connections.append(connection)
        return connection


@pytest.fixture
def listen(ports: Ports, key_file: Path):
    """Starts a listener with changed settings: `async with listen(framing="post") as listener`."""

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[Listener]:
        settings = replace(Iso8583Settings(mac_key_file=key_file), **changes)
        stop: list[Callable[[], Awaitable[None]]] = []
        async with listening(serve_iso8583, settings, ports, stop=stop) as (host, port):
            listener = Listener(host=host, port=port, framing=Framing(settings.framing), stop=stop[0])
            try:
                yield listener
            finally:
                for connection in listener.connections:
                    await connection.close()

    return start


@pytest.fixture
async def pos(listen) -> AsyncIterator[PosConnection]:
    async with listen() as listener:
        yield await listener.connect()


@pytest.fixture
def rpc_settings() -> RpcSettings:
    return RpcSettings(chain_id=CHAIN_ID, ledger="0x" + LEDGER.hex())


@pytest.fixture
def listen_rpc(ports: Ports, rpc_settings: RpcSettings):
    """Starts a JSON-RPC listener with changed settings; gives its URL."""

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[str]:
        async with listening(serve_rpc, replace(rpc_settings, **changes), ports) as (host, port):
            yield f"http://{host}:{port}/"

    return start


@pytest.fixture
async def rpc(listen_rpc) -> AsyncIterator[RpcConnection]:
    async with listen_rpc() as url, RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as connection:
        yield connection


@pytest.fixture
def rpc_terminal(signer: PrivateKey) -> RpcTerminal:
    return RpcTerminal(id="TILL0001", key=signer)


@pytest.fixture
def refused() -> TillnetError:
    return OriginalNotFound("it never came")


@pytest.fixture
def randomness() -> Callable[[int], bytes]:
    return os.urandom
