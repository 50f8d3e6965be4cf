"""What a process with a token does, for test_token.py: `python -m tests.offchain.keys.token_acts ACT bridge.toml`.

Each act prints a line of JSON a step; one of several steps waits for a line before each but the first.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pkcs11
import structlog
from pkcs11 import Attribute, KeyType, ObjectClass

from node.bridge.keys.token_master import TokenMaster
from node.bridge.keys.vault import Vault
from node.bridge.verify.mac_keys import MacKeys
from node.config import BridgeSettings, load_bridge
from node.domain.errors import TillnetError
from tests.offchain.keys.custodian import TILL, a_key
from tests.offchain.keys.soft_token import PIN

KNOWN = bytes(range(32))


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def put(settings: BridgeSettings, **changes: Any) -> None:
    """Puts a key that is known into the token, as a master key."""
    assert settings.keys.token is not None
    token = pkcs11.lib(str(settings.keys.token.module)).get_token(token_label=settings.keys.token.label)
    template = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.LABEL: settings.keys.token.key,
        Attribute.ID: b"\0\0\0\1",
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        Attribute.WRAP: True,
        Attribute.UNWRAP: True,
        Attribute.VALUE: KNOWN,
    }
    with token.open(rw=True, user_pin=PIN) as session:
        session.create_object(template | {getattr(Attribute, name): value for name, value in changes.items()})


def known(settings: BridgeSettings) -> None:
    """Wraps under a key that is known."""
    put(settings)
    assert settings.keys.token is not None
    master = TokenMaster(settings.keys.token)
    check_value, wrapped = master.wrap(bytes.fromhex("00112233445566778899AABBCCDDEEFF") + KNOWN[:16])
    say(
        check_value=check_value,
        wrapped=wrapped.hex(),
        plain=master.unwrap(check_value, wrapped).hex(),
        shown=repr(master),
    )


def loose(settings: BridgeSettings) -> None:
    """Puts a key into the token that can be taken out."""
    put(settings, EXTRACTABLE=True)


def drawn(settings: BridgeSettings) -> None:
    """What the token says of a key that was drawn."""
    assert settings.keys.token is not None
    master = TokenMaster(settings.keys.token)
    (key,) = master._keys.values()
    names = (
        "SENSITIVE",
        "EXTRACTABLE",
        "ALWAYS_SENSITIVE",
        "NEVER_EXTRACTABLE",
        "WRAP",
        "UNWRAP",
        "ENCRYPT",
        "DECRYPT",
    )
    said: dict[str, Any] = {name: key[getattr(Attribute, name)] for name in names}
    try:
        said["value"] = key[Attribute.VALUE].hex()
    except pkcs11.PKCS11Error as failure:
        said["value"] = type(failure).__name__
    say(**said)


def bridge(settings: BridgeSettings) -> None:
    """A bridge that runs all the time, its MAC keys at each step."""
    assert settings.keys.token is not None
    master = TokenMaster(settings.keys.token)
    keys = MacKeys(settings.iso8583[0].mac_key_file, Vault(master), overlap_seconds=3_600)
    while True:
        say(macs=[key.compute(b"probe").hex() for key in keys.of(TILL)])
        match sys.stdin.readline().strip():
            case "refresh":
                keys.refresh()
            case "lose":
                # as a token that was restarted
                assert master._session is not None
                master._session.close()
            case "change":
                try:
                    keys.change(TILL, keys.of(TILL)[0], a_key(KNOWN[:16]))
                except TillnetError as failure:
                    say(failure=str(failure))
            case _:
                return


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    acts = {"known": known, "loose": loose, "drawn": drawn, "bridge": bridge}
    acts[sys.argv[1]](load_bridge(Path(sys.argv[2]), {}))
