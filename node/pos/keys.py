"""A terminal's new MAC key, out of the reply to a key change (0800, DE70 161).

Beside messages.py; for the tests and for who writes a terminal.
"""

import warnings
from dataclasses import replace

from cryptography.utils import CryptographyDeprecationWarning

from node.iso8583.aes_cmac import AesCmac
from node.iso8583.mac import MacKey
from node.iso8583.retail_mac import RetailMac
from node.pos.messages import PosTerminal, Reply

with warnings.catch_warnings():
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from psec import des, tr31

_CMAC = "M6"
"""The TR-31 usage of a key for AES-CMAC."""


def with_new_key(terminal: PosTerminal, reply: Reply, key_encrypting_key: bytes) -> PosTerminal:
    """The terminal with the key of the reply. Raises ValueError when that is not whole."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            header, key = tr31.unwrap(key_encrypting_key, reply.facts["KB"])
        except (KeyError, tr31.KeyBlockError, tr31.HeaderError) as error:
            raise ValueError(f"there is no key in the reply: {error}") from None
        mac: MacKey
        if header.key_usage == _CMAC:
            mac = cmac = AesCmac(key)
            check_value = cmac.tag(bytes(16))[:3]
        else:
            mac, check_value = RetailMac(key), des.generate_kcv(key, 3)
        if check_value.hex().upper() != reply.facts.get("KV"):
            raise ValueError("the key's check value is another")
    return replace(terminal, mac=mac)
