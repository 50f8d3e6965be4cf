"""What fuzzing the intakes begins with: valid messages of every kind, made from the tables that the code goes by.

    python -m proving.fuzz_seeds        writes proving/fuzz_seeds.hex, one input a line: a name, and its bytes

A test checks that the file is what the tables make. An input that was once a finding is added below, in `KEPT`.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from coincurve import PrivateKey

from node.bridge.intake_rpc.desk import DESK
from node.bridge.intake_rpc.methods import METHODS
from node.domain.terminal_terms import SubscriptionTerms, Terms, digest, domain_separator, members_of
from node.iso8583.basket import spread, write_objects
from node.iso8583.framing import frame
from node.iso8583.network import NETWORK, RECONCILIATION_NEEDS
from node.iso8583.packager import MAC_CHARACTERS, Message, mac_element
from node.iso8583.profile import PROFILE, REVERSAL_NEEDS, Row
from node.iso8583.retail_mac import RetailMac
from node.iso8583.table import TABLE
from node.iso8583.wire import Tpdu
from proving.fuzz_intake import DOORS, SEALED, Door
from proving.fuzz_world import CARD, CHAIN_ID, CURRENCY, GOOD, LEDGER, MAC_KEY, MERCHANT, NOW, SIGNER

FILE: Final = Path(__file__).with_name("fuzz_seeds.hex")
KEPT: Final[Mapping[str, str]] = {}
"""Inputs that were findings, by name, in hexadecimal digits."""
WHOLE: Final = 2
"""The first doors get messages with each object; the others differ in framing only."""
MOMENT: Final = f"{datetime.fromtimestamp(NOW, UTC):%m%d%H%M%S}"
AMOUNT: Final = 1_200
VALUES: Final[Mapping[int, str]] = {
    2: CARD,
    3: "000000",
    4: f"{AMOUNT:012d}",
    7: MOMENT,
    11: "000001",
    12: MOMENT[4:],
    13: MOMENT[:4],
    15: MOMENT[:4],
    22: "021",
    25: "00",
    38: "OFF001",
    39: "00",
    41: GOOD[0],
    42: str(MERCHANT).ljust(15),
    49: CURRENCY,
    90: f"0200000001{MOMENT}{'0' * 22}",
    97: "C" + "0" * 16,
}
OBJECTS: Final[Mapping[str, str]] = {
    "LI": "1000000,1,500;1000001,3,700;",
    "CO": "100",
    "SV": "100",
    "PR": "1",
    "PA": "1",
    "QR": "T1.abc",
    "PI": "1-1",
    "CP": "1",
    "CD": "100",
    "SR": "17",
    "CE": "5",
    "CA": "100",
    "CS": "ab" * 65,
    "DI": "",
    "RB": "10",
    "GF": "7",
    "RS": "9",
    "AU": "1-5",
    "RW": "10",
}
PARAMS: Final[Mapping[str, Any]] = {
    "terminal": GOOD[0],
    "stan": "000001",
    "time": NOW,
    "card": CARD,
    "currency": CURRENCY,
    "amount": AMOUNT,
    "coin": 0,
    "storedValue": 100,
    "pinResult": "1",
    "items": OBJECTS["LI"],
    "originalStan": "000001",
    "originalTime": NOW,
    "paymentId": "1-1",
    "coupon": "1",
    "couponDiscount": "100",
    "sale": "17",
    "certificate": "5",
    "certificateAmount": "100",
    "codeSignature": "",
    "discount": "",
    "atLeast": 0,
    "gift": "7",
    "reservation": "",
    "tender": "storedValue",
    "authorization": "1-5",
    "reward": "",
    "outcome": "00",
    "approvalCode": "OFF001",
    "day": f"{datetime.fromtimestamp(NOW, UTC):%Y-%m-%d}",
    "credits": 0,
    "creditReversals": 0,
    "debits": 1,
    "debitReversals": 0,
    "creditAmount": 0,
    "creditReversalAmount": 0,
    "debitAmount": AMOUNT,
    "debitReversalAmount": 0,
}


def seeds() -> dict[str, bytes]:
    """Every seed by its name."""
    found: dict[str, bytes] = {}
    for number, door in enumerate(DOORS):
        if door.wire is None:
            for name, body in requests():
                found[f"{door.name} {name}"] = bytes((number,)) + body
                found[f"{door.name} {name} sealed"] = bytes((SEALED | number,)) + body
            continue
        for name, message in messages(every_object=number < WHOLE):
            content = door.wire.fields.pack(_placed(message))
            found[f"{door.name} {name}"] = bytes((number,)) + _framed(door, message)
            found[f"{door.name} {name} sealed"] = bytes((SEALED | number,)) + content
    return found | {f"kept {name}": bytes.fromhex(text) for name, text in KEPT.items()}


def messages(*, every_object: bool) -> Iterator[tuple[str, Message]]:
    """Messages of every row of the tables, bare and with each of their objects, or bare only."""
    for row in PROFILE:
        for source in row.sources or ("00",):
            for mti in row.types[:1]:
                plain = _sale(row, source)
                required = {tag: OBJECTS[tag] for tag in row.required}
                yield f"{mti} {row.operation.value} {source}", _with(mti, plain, required)
                for tag in row.tags if every_object and source == "00" else ():
                    yield f"{mti} {row.operation.value} {tag}", _with(mti, plain, {**required, tag: OBJECTS[tag]})
    for mti in ("0400", "0420"):
        yield mti, Message(mti=mti, fields={**_of(REVERSAL_NEEDS), 60: "4000"})
    for mti in ("0500", "0520"):
        yield mti, Message(mti=mti, fields=_of(RECONCILIATION_NEEDS))
    for each in NETWORK:
        fields = _of((*each.needs, 41)) | {70: each.code}
        yield f"0800 {each.code}", Message(mti="0800", fields=fields)


def requests() -> Iterator[tuple[str, bytes]]:
    """JSON-RPC bodies of every method, signed; and batches."""
    bodies = {name: _call(name, _signed(method.terms)) for name, method in {**METHODS, **DESK}.items()}
    bodies["payment_status"] = _call("payment_status", {"paymentId": "1-1"})
    bodies["bridge_health"] = _call("bridge_health", {})
    bodies["rpc.discover"] = _call("rpc.discover", {})
    bodies["till_subscribe"] = _call("till_subscribe", {"paymentId": "1-1"})
    bodies["till_subscribe terminal"] = _call("till_subscribe", _signed(SubscriptionTerms))
    bodies["till_unsubscribe"] = _call("till_unsubscribe", {"subscription": "1"})
    for name, body in bodies.items():
        yield name, json.dumps(body, separators=(",", ":")).encode()
    both = [bodies["payment_submit"], bodies["payment_reverse"]]
    yield "batch", json.dumps(both, separators=(",", ":")).encode()


def read() -> dict[str, bytes]:
    """The seeds as they stand in the repository."""
    lines = [line.rpartition(" ") for line in FILE.read_text().splitlines()]
    return {name: bytes.fromhex(text) for name, _, text in lines}


def written(found: Mapping[str, bytes]) -> str:
    """The file's text."""
    return "".join(f"{name} {data.hex()}\n" for name, data in found.items())


def _sale(row: Row, source: str) -> dict[int, str]:
    fields = _of(row.needs) | {3: f"{row.codes[0]}{source}00"}
    if row.operation.value != "completion":
        fields[2] = CARD
    return fields


def _of(numbers: tuple[int, ...]) -> dict[int, str]:
    return {number: VALUES.get(number, "0" * TABLE[number].length) for number in numbers}


def _with(mti: str, fields: Mapping[int, str], objects: Mapping[str, str]) -> Message:
    return Message(mti=mti, fields={**fields, **spread(write_objects(list(objects.items())))})


def _placed(message: Message) -> Message:
    return Message(mti=message.mti, fields={**message.fields, mac_element(message): "0" * MAC_CHARACTERS})


def _framed(door: Door, message: Message) -> bytes:
    assert door.wire is not None
    content = door.wire.fields.pack_with_mac(message, RetailMac(MAC_KEY))
    head = bytes.fromhex("6000030000") if door.wire.tpdu is Tpdu.ALWAYS else b""
    return frame(door.wire.framing, head + content)


def _call(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def _signed(kind: type[Terms]) -> dict[str, Any]:
    params = {each.name: PARAMS[each.name] for each in members_of(kind)}
    terms = kind(**{each.attribute: params[each.name] for each in members_of(kind)})
    said = digest(domain_separator(CHAIN_ID, LEDGER), terms)
    return {**params, "signature": "0x" + PrivateKey(SIGNER).sign_recoverable(said, hasher=None).hex()}


if __name__ == "__main__":
    FILE.write_text(written(seeds()))
