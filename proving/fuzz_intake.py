"""The bridge's intakes as the fuzzer has them: all real but the journal, which is none.

An input is a byte that names the door, and what comes through it (fuzz_oracle.py says what may be approved). With the
top bit set the harness seals it, as a terminal with its key would: an ISO 8583 message gets a right MAC in place of its
last bytes, a JSON-RPC request a right signature. So mutations get behind the checks of who sent them.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import structlog
from coincurve import PrivateKey

from node.bridge.intake_iso8583.connection import Connection, ConnectionLimits
from node.bridge.intake_iso8583.exchange import Exchange
from node.bridge.intake_ports import Holdings, Ports
from node.bridge.intake_rpc.desk import DESK, DeskMethod
from node.bridge.intake_rpc.exchange import RpcExchange
from node.bridge.intake_rpc.methods import METHODS, SignedMethod
from node.bridge.intake_rpc.openrpc import document
from node.bridge.verify.iso8583 import Rules
from node.bridge.verify.mac_keys import MacKeys
from node.bridge.verify.rpc_sender import SignedRules
from node.domain.answer import Answer
from node.domain.errors import JournalUnwritable, OriginalNotFound, TillnetError
from node.domain.ids import MemberId, MinorUnits, PaymentId, Units
from node.domain.payment import Entry, Payment, PaymentKey, Status
from node.domain.terminal_terms import digest, domain_separator, members_of
from node.iso8583.framing import Framing, frame
from node.iso8583.retail_mac import RetailMac
from node.iso8583.wire import Fields, Tpdu, Wire
from proving.fuzz_world import CARDS, CHAIN_ID, LEDGER, MAC_KEY, MAC_TERMINALS, NOW, SIGNER, STREAM, Desk, directory

SEALED: Final = 0x80
MAX_MESSAGE: Final = 8_192
MAX_BATCH: Final = 10
CHUNKS: Final = (65_536, 1, 7)
"""In what pieces a stream arrives, by its length."""
FAULTS: Final = ("message.failed", "message.unanswered")
"""What the intakes log where they met an exception that they do not know."""

SIGNED: Final[Mapping[str, SignedMethod[Any] | DeskMethod[Any]]] = {**METHODS, **DESK}


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """A way in: an ISO 8583 profile, or (without) JSON-RPC over HTTP or a WebSocket."""

    name: str
    wire: Wire | None = None
    socket: bool = False


DOORS: Final = (
    Door(name="ascii", wire=Wire(framing=Framing.NAC, tpdu=Tpdu.OPTIONAL, fields=Fields.ASCII)),
    Door(name="bcd-tpdu", wire=Wire(framing=Framing.NAC, tpdu=Tpdu.ALWAYS, fields=Fields.BCD)),
    Door(name="bcd-post", wire=Wire(framing=Framing.POST, tpdu=Tpdu.NEVER, fields=Fields.BCD)),
    Door(name="ascii-channel", wire=Wire(framing=Framing.ASCII, tpdu=Tpdu.NEVER, fields=Fields.ASCII)),
    Door(name="http"),
    Door(name="websocket", socket=True),
)


@dataclass(kw_only=True, slots=True)
class Seen:
    """What an input led to: `came` are the bytes that the intake was given, `told` what it said, `effects` what its
    journal took and answered; `faults` are exceptions that it did not know.
    """

    door: Door
    came: bytes
    told: list[bytes] = field(default_factory=list)
    effects: list[tuple[Entry, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    closed: bool = False


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """A reply."""
        self._seen.told.append(bytes(data))

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self._seen.closed

    def abort(self) -> None:
        """The intake wants no more."""
        self._seen.closed = True

    def close(self) -> None:
        """The same, in order."""
        self._seen.closed = True

    def pause_reading(self) -> None:
        """Nothing: it is given one piece after the other."""

    def resume_reading(self) -> None:
        """Nothing."""


class Session:
    """A WebSocket's subscriptions."""

    def subscribe(self, topic: str) -> str:
        """The only one's name."""
        return "1"

    def unsubscribe(self, name: str) -> bool:
        """Whether that is it."""
        return name == "1"


class Intake:
    """All doors, over one journal in memory that is empty for each input."""

    def __init__(self) -> None:
        self._seen = Seen(door=DOORS[0], came=b"")
        self._taken: dict[PaymentKey, tuple[Entry, Answer]] = {}
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: self._fault(str(context.get("exception"))))
        self._logs = structlog.get_config()
        structlog.configure(processors=[self._listen], cache_logger_on_first_use=False)
        folder = tempfile.TemporaryDirectory(prefix="till-fuzz-")
        self._folder = folder
        keys = Path(folder.name) / "mac.keys"
        keys.touch(mode=0o600)
        keys.write_text("".join(f"{terminal} {MAC_KEY.hex()}\n" for terminal in MAC_TERMINALS))
        self._ports = self._make_ports()
        self._answering = {door.name: self._door(door, MacKeys(keys)) for door in DOORS}
        self._domain = domain_separator(CHAIN_ID, LEDGER)
        self._mac = RetailMac(MAC_KEY)

    def feed(self, data: bytes) -> Seen:
        """Gives an input to the intake that it names, and waits until all is answered."""
        door, body = door_of(data)
        if data[:1] >= bytes((SEALED,)):
            body = self._seal(door, body)
        self._seen = Seen(door=door, came=body)
        self._taken.clear()
        self._desk.on.clear()
        self._loop.run_until_complete(self._answering[door.name](body))
        return self._seen

    def close(self) -> None:
        """Ends it."""
        structlog.configure(**self._logs)
        self._loop.close()
        self._folder.cleanup()

    def _door(self, door: Door, keys: MacKeys) -> Callable[[bytes], Any]:
        wire = door.wire
        if wire is not None:
            rules = Rules(
                stream=STREAM,
                utc_offset=0,
                mac_required=True,
                keys=keys,
                directory=directory,
                member_of=CARDS.get,
                randomness=bytes,
            )
            exchange = Exchange(self._ports, rules, wire, balances=True, clock=lambda: NOW)
            limits = ConnectionLimits(
                framing=wire.framing, max_message=MAX_MESSAGE, max_in_flight=64, idle_seconds=600, read_seconds=10
            )
            return lambda stream: self._connect(exchange, limits, stream)
        signed = SignedRules(
            stream=STREAM,
            utc_offset=0,
            domain=domain_separator(CHAIN_ID, LEDGER),
            replay_seconds=300,
            ahead_seconds=60,
            directory=directory,
            member_of=CARDS.get,
            randomness=bytes,
        )
        known = document(CHAIN_ID, "0x" + LEDGER.hex())
        rpc = RpcExchange(self._ports, signed, max_batch=MAX_BATCH, document=known, clock=lambda: NOW)
        return lambda body: self._ask(rpc, body, socket=door.socket)

    async def _connect(self, exchange: Exchange, limits: ConnectionLimits, stream: bytes) -> None:
        seen = self._seen
        connection = Connection(exchange.answer, limits, lambda _: True, lambda _: None)
        connection.connection_made(Transport(seen))
        step = CHUNKS[len(stream) % len(CHUNKS)]
        for start in range(0, len(stream), step):
            connection.data_received(stream[start : start + step])
            while tasks := connection.in_flight:
                await asyncio.wait(tasks)
                await asyncio.sleep(0)  # what waited for room begins now
        connection.connection_lost(None)

    async def _ask(self, exchange: RpcExchange, body: bytes, *, socket: bool) -> None:
        # a text frame that is no UTF-8 does not get as far as this
        said = body.decode("utf-8", "replace") if socket else body
        reply = await exchange.answer(said, Session() if socket else None)
        if reply:
            self._seen.told.append(reply)

    def _seal(self, door: Door, body: bytes) -> bytes:
        if door.wire is None:
            return self._sign(body)
        head = bytes.fromhex("6000030000") if door.wire.tpdu is Tpdu.ALWAYS else b""
        covered = door.wire.fields.covered(body)[: MAX_MESSAGE - 32]
        mac = self._mac.compute(covered)
        mac = mac if door.wire.fields is Fields.BCD else mac.hex().upper().encode()
        return frame(door.wire.framing, head + covered + mac)

    def _sign(self, body: bytes) -> bytes:
        """The request with a right signature of whatever its terms are, if they can be signed at all."""
        try:
            request = json.loads(body)
            kind = SIGNED[request["method"]].terms
            params = request["params"]
            terms = kind(**{each.attribute: params[each.name] for each in members_of(kind)})
            signature = PrivateKey(SIGNER).sign_recoverable(digest(self._domain, terms), hasher=None)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return body
        return json.dumps({**request, "params": {**params, "signature": "0x" + signature.hex()}}).encode()

    def _make_ports(self) -> Ports:
        async def status(payment: PaymentId) -> Answer | None:
            return next((answer for _, answer in self._taken.values() if answer.payment_id == payment), None)

        async def holdings(member: MemberId) -> Holdings:
            return Holdings(stored_value=MinorUnits(700), coins_at_par=MinorUnits(90), coins=Units(900_000))

        async def health() -> Mapping[str, object]:
            return {"ok": True}

        self._desk = Desk()
        return Ports(
            stream=STREAM,
            submit=self._submit,
            member_of=CARDS.get,
            directory=directory,
            status=status,
            holdings=holdings,
            health=health,
            desk=self._desk,
        )

    async def _submit(self, entry: Entry, basket: bytes) -> Answer:
        """Answers as a journal and a chain may, by the last digit of the amount."""
        await asyncio.sleep(0)
        known = self._taken.get(entry.key)
        if known is not None:
            answer = replace(known[1], duplicate=True)
        else:
            code = OUTCOMES.get(entry.key.amount % 10, "00")
            if isinstance(code, TillnetError):
                self._seen.effects.append((entry, code.response_code))
                raise code
            part = entry.approved if isinstance(entry, Payment) and code == "00" else None
            answer = Answer(
                response_code=code if part is None else "10",
                payment_id=PaymentId(f"{STREAM}-{len(self._taken) + 1}"),
                status=Status.FINAL,
                points=Units(1_234_000),
                balance=None,
                duplicate=False,
                text="Thank you",
                amount=part,
            )
            self._taken[entry.key] = (entry, answer)
        self._seen.effects.append((entry, answer.response_code))
        return answer

    def _listen(self, _logger: Any, _method: str, event: Mapping[str, Any]) -> str:
        if event["event"] in FAULTS:
            self._fault(f"{event.get('error')} {event.get('where', '')}".strip())
        raise structlog.DropEvent

    def _fault(self, what: str) -> None:
        self._seen.faults.append(what)


OUTCOMES: Final[Mapping[int, str | TillnetError]] = MappingProxyType(
    {5: "51", 6: "91", 7: JournalUnwritable("fuzz"), 8: OriginalNotFound("fuzz"), 9: "62"}
)
"""What the journal says to amounts that end with a digit; 00 to the others."""


def door_of(data: bytes) -> tuple[Door, bytes]:
    """The door that an input names, and what comes through it."""
    return DOORS[(data[0] & ~SEALED) % len(DOORS) if data else 0], data[1:]
