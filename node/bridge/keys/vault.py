"""Opens and seals the words of key files, under the master key where the bridge has one.

Between the files and whoever computes with the keys: mac_keys.py, key_change.py, pin_block.py, and custody.py.
"""

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from node.bridge.keys.file_master import FileMaster
from node.bridge.keys.key import Key, Purpose
from node.bridge.keys.master import MasterKeyMissing, MasterKeys, WrappedKeyAltered
from node.bridge.keys.word import BOUND_BYTES, Word, bound
from node.domain.errors import Unusable
from node.domain.ids import TerminalId
from node.security_settings import KeySettings

_LOG = structlog.get_logger(__name__)
_HOW: Final = "`till bridge keys rewrap` wraps it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A key as a file has it: `until` is when it ends (Unix seconds, None: not), `master` the check value of the master
    key that it is wrapped under, empty for one in clear.
    """

    key: Key
    until: int | None = None
    master: str = ""

    def is_live(self, now: float) -> bool:
        """Whether it has not ended."""
        return self.until is None or now < self.until


class Vault:
    """Without a master key, keys stand in their files in clear; with one, only wrapped."""

    def __init__(self, master: MasterKeys | None = None, *, former: MasterKeys | None = None) -> None:
        """`former` held the master key before, and unwraps what `master` cannot: for wrapping it anew."""
        self.master = master
        self._former = former

    def open(self, text: str, purpose: Purpose, terminal: TerminalId, where: str, *, clear: bool = False) -> Held:
        """The key in a word; `where` begins what is said of a bad one. With `clear` a key in clear is taken beside a
        master key, too. Raises Unusable, which never quotes the word.
        """
        try:
            word = Word.read(text)
        except ValueError:
            raise Unusable(
                f"{where} has a word that is no key, or is neither in clear nor wrapped as it should"
            ) from None
        if self.master is not None and not word.master and not clear:
            raise Unusable(f"{where} has a key in clear; {_HOW}")
        value = word.body
        if word.master:
            value = self._unwrapped(word, purpose, terminal, where)
        try:
            key = Key(purpose=purpose, algorithm=word.algorithm, value=value)
        except ValueError as error:
            raise Unusable(f"{where} is wrong: {error}") from None
        return Held(key=key, until=word.until, master=word.master)

    def seal(self, key: Key, terminal: TerminalId, until: int | None = None) -> str:
        """The key as a word. Raises Unusable."""
        if self.master is None:
            return Word(algorithm=key.algorithm, body=key.value, until=until).written()
        plain = bound(key.purpose, key.algorithm, terminal, until) + key.value
        check_value, wrapped = self.master.wrap(plain)
        return Word(algorithm=key.algorithm, body=wrapped, master=check_value, until=until).written()

    def close(self) -> None:
        """Lets go of the master key."""
        if self.master is not None:
            self.master.close()

    def _unwrapped(self, word: Word, purpose: Purpose, terminal: TerminalId, where: str) -> bytes:
        try:
            plain = self._holder_of(word).unwrap(word.master, word.body)
        except MasterKeyMissing as failure:
            raise MasterKeyMissing(f"{failure.detail}, which {where} needs") from None
        except WrappedKeyAltered:
            raise WrappedKeyAltered(where) from None
        if not hmac.compare_digest(plain[:BOUND_BYTES], bound(purpose, word.algorithm, terminal, word.until)):
            raise WrappedKeyAltered(where)
        return plain[BOUND_BYTES:]

    def _holder_of(self, word: Word) -> MasterKeys:
        if self.master is None:
            raise MasterKeyMissing("the settings name no [keys]")
        if self._former is not None and word.master not in self.master.check_values():
            return self._former
        return self.master


def open_master(settings: KeySettings, randomness: Callable[[int], bytes] = os.urandom) -> MasterKeys | None:
    """Who holds the master key; None where nobody does. Raises Unusable."""
    if settings.token is None:
        return None if settings.master_key_file is None else FileMaster(settings.master_key_file, randomness)
    if settings.master_key_file is not None:
        raise Unusable("both keys.master_key_file and [keys.token] say who holds the master key; leave one out")
    # here, for the library is needed by nobody else
    from node.bridge.keys.token_master import TokenMaster

    return TokenMaster(settings.token)


def open_vault(settings: KeySettings) -> Vault:
    """The vault of a bridge that is to run; close it after use. Raises Unusable when the master key is not there."""
    master = open_master(settings)
    if master is None:
        _LOG.warning("keys.clear", reason="the settings name no [keys]: terminals' keys stand in their files in clear")
        return Vault()
    check_values = master.check_values()
    if not check_values:
        master.close()
        raise MasterKeyMissing("`till bridge keys master new` makes one")
    _LOG.info("keys.master", check_value=check_values[0], older=len(check_values) - 1)
    return Vault(master)
