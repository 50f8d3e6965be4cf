"""What operators do with terminals' keys: list, add, replace, hand over, remove, and wrap anew.

Beside a bridge that may be running, which reads its files again within a second. Nothing here gives a key's value away
but as a key block under another key.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.bridge.keys.block import read_block, write_block
from node.bridge.keys.key import Algorithm, Key, Purpose, draw_key
from node.bridge.keys.key_file import KeyFile, locked, read_key_file, replace_file, with_line
from node.bridge.keys.master import MasterKeys
from node.bridge.keys.places import file_for, files_of
from node.bridge.keys.vault import Held, Vault
from node.bridge.keys.word import Word
from node.config import BridgeSettings
from node.domain.errors import Unusable
from node.domain.ids import TerminalId

_NAME: Final = re.compile(r"[!\"$-~]{1,8}", re.ASCII)
"""DE41, without blanks, and without what begins a comment."""
Keep = list[tuple[Key, int | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A key of a file, the newest of its terminal or the one before."""

    purpose: Purpose
    path: Path
    terminal: TerminalId
    held: Held
    newest: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """A key as it goes to its terminal: a key block under the terminal's key-encrypting key."""

    terminal: TerminalId
    purpose: Purpose
    algorithm: Algorithm
    check_value: str
    block: str


class Custody:
    """The keys of one bridge. `clock` gives Unix seconds."""

    def __init__(
        self,
        settings: BridgeSettings,
        vault: Vault,
        *,
        listener: str = "",
        randomness: Callable[[int], bytes] = os.urandom,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`listener` says whose files are meant where listeners have several."""
        self._settings, self._vault, self._listener = settings, vault, listener
        self._randomness, self._clock = randomness, clock

    def listed(self) -> Iterator[Kept]:
        """Every key of every file, in their order. Raises Unusable for the first that cannot be opened."""
        for purpose, path in files_of(self._settings):
            file = read_key_file(path)
            for terminal in file.lines:
                for place, held in enumerate(self._opened(file, purpose, path, terminal)):
                    yield Kept(purpose=purpose, path=path, terminal=terminal, held=held, newest=not place)

    @property
    def master(self) -> MasterKeys:
        """Who holds the master key. Raises Unusable where nobody does."""
        if self._vault.master is None:
            raise Unusable("the settings name no master key: keys.master_key_file or [keys.token]")
        return self._vault.master

    def terminals(self, purpose: Purpose) -> list[TerminalId]:
        """Those that have a key for it. Raises Unusable."""
        return list(read_key_file(file_for(self._settings, purpose, self._listener)).lines)

    def generate(self, terminal: TerminalId, purpose: Purpose, algorithm: Algorithm) -> Handed:
        """A key for a terminal that has none. Raises Unusable."""
        if self._newest(purpose, terminal) is not None:
            raise Unusable(f"{terminal} has a key for {purpose.value}; `till bridge keys rotate` gives it another")
        return self._draw(terminal, purpose, algorithm, at_once=False)

    def rotate(
        self, terminal: TerminalId, purpose: Purpose, algorithm: Algorithm | None, *, at_once: bool = False
    ) -> Handed:
        """Another key, of the same cipher if none is named. The one before is taken for a while, not if it ends
        `at_once`. Raises Unusable.
        """
        newest = self._newest(purpose, terminal)
        if newest is None:
            raise Unusable(f"{terminal} has no key for {purpose.value}; `till bridge keys generate` makes one")
        return self._draw(terminal, purpose, algorithm or newest.key.algorithm, at_once=at_once)

    def handed(self, terminal: TerminalId, purpose: Purpose) -> Handed:
        """The terminal's newest key once more. Raises Unusable."""
        newest = self._newest(purpose, terminal)
        if newest is None:
            raise Unusable(f"{terminal} has no key for {purpose.value}")
        return self._under(self._over(terminal), newest.key, terminal)

    def add(self, terminal: TerminalId, key: Key, *, at_once: bool = False) -> None:
        """The terminal's newest key from now on. The one before is taken for a while, not if it ends `at_once`, nor a
        key-encrypting key. Raises Unusable, also while there are two that are taken: the terminal may use either.
        """
        if key.is_weak:
            raise Unusable("that key is weak: a TDES key whose parts are the same is DES, and zeros are no key")
        now = self._clock()

        def edit(before: list[Held]) -> Keep:
            live = [each for each in before if each.is_live(now)]
            if at_once or key.purpose is Purpose.KEK or not live:
                return [(key, None)]
            if len(live) > 1:
                raise Unusable(
                    f"{terminal} may still use the key with check value {live[1].key.check_value}; --now ends it and"
                    f" {live[0].key.check_value}"
                )
            return [(key, None), (live[0].key, int(now) + self._settings.keys.overlap_seconds)]

        self._change(terminal, key.purpose, edit)

    def add_block(self, terminal: TerminalId, block: str, *, at_once: bool = False) -> Key:
        """The same with a key that comes in a key block under the terminal's key-encrypting key; gives it back."""
        try:
            key = read_block(self._over(terminal), block)
        except ValueError as error:
            raise Unusable(str(error)) from None
        self.add(terminal, key, at_once=at_once)
        return key

    def remove(self, terminal: TerminalId, purpose: Purpose, *, only_before: bool) -> int:
        """Takes the terminal's keys away, or only the one before; how many that were. Raises Unusable."""
        removed = 0

        def edit(before: list[Held]) -> Keep:
            nonlocal removed
            stays = before[:1] if only_before else []
            removed = len(before) - len(stays)
            return [(each.key, each.until) for each in stays]

        self._change(terminal, purpose, edit)
        return removed

    def rewrap(self) -> list[tuple[Path, int]]:
        """Wraps under the newest master key whatever is not, file by file, each file at once: what is killed in between
        is finished by the next time. Ended keys go. Gives how many keys of each file were wrapped. Raises Unusable.
        """
        master = self.master
        return [(path, self._rewrap(purpose, path, master)) for purpose, path in files_of(self._settings)]

    def retire(self, check_value: str) -> None:
        """Destroys a master key that none of this bridge's keys is under. Raises Unusable."""
        count = self.users_of(check_value)
        if count:
            raise Unusable(f"{count} keys are under {check_value}; `till bridge keys rewrap` wraps them anew")
        self.master.retire(check_value)

    def users_of(self, check_value: str) -> int:
        """How many keys of the bridge's files are wrapped under this master key. Raises Unusable."""
        files = [read_key_file(path) for _, path in files_of(self._settings)]
        words = [word for file in files for _, line in file.lines.values() for word in line]
        return sum([_master_of(word) == check_value for word in words])

    def _draw(self, terminal: TerminalId, purpose: Purpose, algorithm: Algorithm, *, at_once: bool) -> Handed:
        # before the file is changed: a key that cannot be handed over locks the terminal out
        over = self._over(terminal)
        key = draw_key(purpose, algorithm, self._randomness)
        handed = self._under(over, key, terminal)
        self.add(terminal, key, at_once=at_once)
        return handed

    def _under(self, over: Key, key: Key, terminal: TerminalId) -> Handed:
        try:
            block = write_block(over, key)
        except ValueError as error:
            raise Unusable(f"{terminal}: {error}") from None
        return Handed(
            terminal=terminal,
            purpose=key.purpose,
            algorithm=key.algorithm,
            check_value=key.check_value,
            block=block,
        )

    def _over(self, terminal: TerminalId) -> Key:
        held = self._newest(Purpose.KEK, terminal)
        if held is None:
            raise Unusable(f"{terminal} has no key-encrypting key; `till bridge keys import --use kek` gives it one")
        return held.key

    def _newest(self, purpose: Purpose, terminal: TerminalId) -> Held | None:
        path = file_for(self._settings, purpose, self._listener)
        if not path.exists():
            return None
        return next(iter(self._opened(read_key_file(path), purpose, path, terminal)), None)

    def _opened(self, file: KeyFile, purpose: Purpose, path: Path, terminal: TerminalId) -> list[Held]:
        number, words = file.lines.get(terminal, (0, []))
        where = f"line {number} of the key file {path}"
        return [self._vault.open(word, purpose, terminal, where, clear=True) for word in words]

    def _change(self, terminal: TerminalId, purpose: Purpose, edit: Callable[[list[Held]], Keep]) -> None:
        """Rewrites the terminal's line with what `edit` makes of its keys."""
        if not _NAME.fullmatch(terminal):
            raise Unusable("a terminal's name has up to 8 characters, no blanks and no #")
        path = file_for(self._settings, purpose, self._listener)
        with _writing(path):
            if not path.exists():
                replace_file(path, "")
            file = read_key_file(path)
            keep = edit(self._opened(file, purpose, path, terminal))
            words = [self._vault.seal(key, terminal, until) for key, until in keep]
            replace_file(path, with_line(file.text, terminal, words))

    def _rewrap(self, purpose: Purpose, path: Path, master: MasterKeys) -> int:
        now, wrapped = self._clock(), 0
        with _writing(path):
            newest = master.check_values()[:1]
            file = read_key_file(path)
            text = file.text
            for terminal, (_, words) in file.lines.items():
                if [_master_of(word) for word in words] == newest * len(words):
                    continue
                live = [each for each in self._opened(file, purpose, path, terminal) if each.is_live(now)]
                ends = [each.until for each in live]
                if len(live) > 1 and ends[1] is None:
                    # it stood there by hand: from now on its time runs
                    ends[1] = int(now) + self._settings.keys.overlap_seconds
                fresh = [self._vault.seal(each.key, terminal, end) for each, end in zip(live, ends, strict=True)]
                text, wrapped = with_line(text, terminal, fresh), wrapped + len(fresh)
            if text != file.text:
                replace_file(path, text)
        return wrapped


def _master_of(word: str) -> str:
    try:
        return Word.read(word).master
    except ValueError:
        return ""


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        with locked(path):
            yield
    except OSError as error:
        raise Unusable(f"the key file {path} cannot be written: {error.strerror}") from None
