"""A whole bridge with its gate: what its settings have to say together, and files that change while it runs."""

import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.bridge import start
from node.bridge.security.qr import make
from node.domain.errors import Unusable
from node.domain.ids import MemberId
from tests.offchain.bridge_out.conftest import bridge_on, until
from tests.offchain.bridge_out.stand import MEMBERS, Stand

pytestmark = pytest.mark.anvil
KEY, NEXT = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def write(path: Path, text: str, mode: int) -> None:
    path.touch()
    path.chmod(mode)
    path.write_text(text)


def line(number: int, key: Ed25519PrivateKey) -> str:
    return f"{number} {key.public_key().public_bytes_raw().hex()}\n"


async def test_gate_takes_keys_that_are_added_while_the_bridge_runs(stand: Stand) -> None:
    write(stand.folder / "qr.keys", line(1, KEY), 0o644)
    write(stand.folder / "pin.keys", f"T {'01' * 8}{'23' * 8}\n", 0o600)
    sections: dict[str, dict[str, Any]] = {"qr": {"key_file": "qr.keys"}, "pins": {"key_file": "pin.keys"}}
    member = MemberId(MEMBERS[0])
    old, new = (make(key, number, member, int(time.time()) + 60) for number, key in ((1, KEY), (2, NEXT)))
    async with bridge_on(stand, **sections) as running:
        member_of = running.ports.member_of
        assert (member_of(old), member_of(new)) == (member, None)
        write(stand.folder / "qr.keys", line(2, NEXT), 0o644)

        async def changed() -> bool:
            return (member_of(old), member_of(new)) == (None, member)

        await until(changed, "the app's next key is known, and the old one is not")


async def test_bridge_does_not_start_when_pins_have_no_cards_key(stand: Stand) -> None:
    write(stand.folder / "pin.keys", f"T {'01' * 8}{'23' * 8}\n", 0o600)
    settings = stand.settings(pins={"key_file": "pin.keys"}, journal={"card_key_file": None})
    with pytest.raises(Unusable, match=r"journal.card_key_file is missing"):
        async with start.started(settings):
            raise AssertionError("it started")
