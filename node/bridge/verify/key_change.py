"""New MAC keys for terminals, sent under each terminal's own key-encrypting key as a TR-31 key block.

Part of verify, beside mac_keys.py. The file has a line `terminal key` for each, a word of node/bridge/keys.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import structlog

from node.bridge.keys.block import write_block
from node.bridge.keys.key import Key, Purpose
from node.bridge.keys.key_file import KeyFile, Stamp, read_key_file, stamp_of
from node.bridge.keys.vault import Vault
from node.domain.errors import InvalidTransaction, Unusable
from node.domain.ids import TerminalId

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class WrappedKey:
    """A key as it goes to the terminal: its key block, and its check value, 6 hexadecimal digits."""

    block: str
    check_value: str


class KeyEncryptingKeys:
    """The terminals' key-encrypting keys in a file of mode 0600, read again when it changes; never printed."""

    def __init__(self, path: Path, vault: Vault | None = None) -> None:
        """Raises Unusable."""
        self._path, self._vault = path, vault or Vault()
        self._stamp: Stamp = (0, 0, 0)
        self._keys: dict[TerminalId, Key] = {}
        self._take(read_key_file(path))

    def __repr__(self) -> str:
        return "KeyEncryptingKeys(...)"

    def refresh(self) -> None:
        """Reads the file again if it changed; a file that has become unusable is logged, and the keys stay. Blocks."""
        try:
            if stamp_of(os.stat(self._path)) != self._stamp:
                self._take(read_key_file(self._path))
                _LOG.info("key_encrypting_keys.read", terminals=len(self._keys))
        except (Unusable, OSError) as failure:
            _LOG.warning("key_encrypting_keys.unusable", reason=str(failure))

    def wrap(self, terminal: TerminalId, key: Key) -> WrappedKey:
        """The key for this terminal. Raises InvalidTransaction when it has no key that is good for that."""
        over = self._keys.get(terminal)
        if over is None:
            raise InvalidTransaction("this terminal's keys are not changed by messages")
        try:
            return WrappedKey(block=write_block(over, key), check_value=key.check_value)
        except ValueError as error:
            raise InvalidTransaction(str(error)) from None

    def _take(self, file: KeyFile) -> None:
        keys: dict[TerminalId, Key] = {}
        for terminal, (number, words) in file.lines.items():
            where = f"line {number} of the key file {self._path}"
            if len(words) != 1:
                raise Unusable(f"{where} is not: terminal key")
            keys[terminal] = self._vault.open(words[0], Purpose.KEK, terminal, where).key
        self._keys, self._stamp = keys, file.stamp
