"""Personal data at rest: each member's under a data key of its own, so that destroying that key erases the person.

    people's master key (a file)  wraps  the people's key  wraps  each member's data key  seals  cards, PINs

The journal has all but the master key. Used by cards.py, by the gate's PINs, and by erasing.py.
"""

import hmac
import os
from collections.abc import Callable, Collection
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine

from node.bridge.journal import people
from node.bridge.journal.people import PersonKey
from node.bridge.journal.pins import SealedPin, StoredPin
from node.bridge.journal.schema import WRITES
from node.bridge.journal.sql import has_table
from node.bridge.security.people_master import KEY_BYTES, FilePeopleMaster, PeopleMaster
from node.config import JournalSettings
from node.domain.errors import Unusable

NONCE_BYTES: Final = 12
SALT_BYTES: Final = 16
OLD_AT_ONCE: Final = 1_000
"""Cards of an older version that are sealed in one SQL transaction."""
_PEOPLE: Final = b"Tillnet people 1"
_INDEX: Final = b"Tillnet member index 1"
_PERSON, _CARD, _PIN = b"person\x00", b"card\x00", b"pin\x00"


class Unreadable(Unusable):
    """Personal data cannot be opened."""


def open_people(engine: Engine, settings: JournalSettings, card_key: bytes) -> "People":
    """The people of a journal that has cards, ready to be asked. The master key is made where nothing is under one yet.

    Raises Unusable.
    """
    look_at_people(engine, settings)
    opened = People(engine, FilePeopleMaster.at(settings.people_master_key_file), card_key)
    opened.prepare()
    return opened


def look_at_people(engine: Engine, settings: JournalSettings) -> None:
    """Whether the master key is the one that the journal's personal data are under, where there are any. Writes
    nothing, so that a bridge that only waits for the stream yet may ask. Raises Unusable.
    """
    path = settings.people_master_key_file
    with engine.connect() as connection:
        wrapped = people.master(connection) if has_table(connection, people.MASTERS.name) else None
    if wrapped is None:
        return
    if not path.exists():
        raise Unusable(
            f"there is no people's master key {path}, but the journal is kept under one: copy it from where it is"
        )
    FilePeopleMaster(path).unwrap(wrapped, _PEOPLE)


class People:
    """The people of one journal. `card_key` makes the hashes by which members are found."""

    def __init__(
        self, engine: Engine, master: PeopleMaster, card_key: bytes, randomness: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._engine, self._master, self._randomness = engine, master, randomness
        self._index = hmac.digest(card_key, _INDEX, "sha256")
        self._key: AESGCM | None = None

    def prepare(self) -> None:
        """Makes the people's key if there is none, and seals what an older version kept in the clear. Raises Unusable
        when the master key is not the journal's.

        Before anything else is asked of it; beside a bridge that may be running.
        """
        engine = self._engine.execution_options(**{WRITES: True})
        with engine.begin() as connection:
            people.lock(connection)
            if people.master(connection) is None:
                self._renew(connection)
            # another master key is told now, not at the first card
            self._cipher(connection)
        left = 1
        while left:
            with engine.begin() as connection:
                people.lock(connection)
                left = self._seal_old(connection)

    def tag(self, member: int) -> str:
        """What a member is found by."""
        return hmac.digest(self._index, member.to_bytes(8, "big"), "sha256").hex()

    def keys_of(self, connection: Connection, members: Collection[int]) -> dict[int, PersonKey]:
        """The keys of these members; those that have none get one. The transaction may write."""
        people.lock(connection)
        cipher = self._cipher(connection)
        tags = {self.tag(member): member for member in members}
        known = people.by_tags(connection, sorted(tags))
        new = {tag: self._new(cipher) for tag in sorted(tags.keys() - known.keys())}
        people.add(connection, new.items())
        return {tags[tag]: key for tag, key in (known | new).items()}

    def known(self, connection: Connection, member: int) -> PersonKey | None:
        """A member's key; None where it has none, or was erased."""
        return people.by_tags(connection, [self.tag(member)]).get(self.tag(member))

    def seal_card(self, person: PersonKey, token: bytes, member: int) -> bytes:
        """Whose a card is. Raises Unusable, Unreadable."""
        return self._seal(person, _CARD + token, member.to_bytes(8, "big"))

    def open_card(self, person: PersonKey, token: bytes, sealed: bytes) -> int:
        """The member that `seal_card` sealed. Raises Unusable, Unreadable."""
        return int.from_bytes(self._open(person, _CARD + token, sealed), "big")

    def open_card_at_hand(self, person: PersonKey, token: bytes, sealed: bytes) -> int | None:
        """The same without asking the journal; None where the people's key is not in memory, or it is another one."""
        if self._key is None:
            return None
        try:
            return int.from_bytes(_opened(AESGCM(_unwrapped(self._key, person)), _CARD + token, sealed), "big")
        except Unreadable:
            return None

    def seal_pin(self, person: PersonKey, token: bytes, pin: StoredPin) -> SealedPin:
        """A card's PIN. Raises Unusable, Unreadable."""
        return SealedPin(sealed=self._seal(person, _PIN + token, pin.salt + pin.hash), cost=pin.cost, person=person)

    def open_pin(self, token: bytes, pin: SealedPin) -> StoredPin:
        """The PIN that `seal_pin` sealed. Raises Unusable, Unreadable."""
        opened = self._open(pin.person, _PIN + token, pin.sealed)
        return StoredPin(salt=opened[:SALT_BYTES], hash=opened[SALT_BYTES:], cost=pin.cost)

    def take_pins_along(self, connection: Connection) -> None:
        """PINs of cards that an import gave to somebody else are that person's now."""
        for token, sealed, before, now in people.strangers_pins(connection):
            opened = self._open(before, _PIN + token, sealed)
            people.seal_pin(connection, token, self._seal(now, _PIN + token, opened), now.number)

    def erase(self, connection: Connection, member: int) -> int | None:
        """Destroys a member's key, with its cards and PINs; how many cards, None where nothing was there."""
        person = self.known(connection, member)
        return None if person is None else people.erase(connection, person.number)

    def rekey(self, connection: Connection) -> int:
        """A new people's key, wrapped by the master key as it is now, for all that are left; how many.

        With the master key before it destroyed, nobody opens the keys in older copies of the journal.
        """
        people.lock(connection)
        old, fresh = self._cipher(connection), AESGCM(self._renew(connection))
        keys = people.everybody(connection)
        people.wrap_again(
            connection, [_wrapped(fresh, key.number, _unwrapped(old, key), self._nonce()) for key in keys]
        )
        self._key = None
        return len(keys)

    def is_under(self, master: PeopleMaster) -> bool:
        """Whether this master key opens the people's key as it stands in the journal."""
        with self._engine.connect() as connection:
            wrapped = people.master(connection)
        try:
            return wrapped is not None and bool(master.unwrap(wrapped, _PEOPLE))
        except Unusable:
            return False

    def _seal_old(self, connection: Connection) -> int:
        cards = people.open_cards(connection, OLD_AT_ONCE)
        keys = self.keys_of(connection, {int.from_bytes(member, "big") for _, member in cards}) if cards else {}
        for token, raw in cards:
            member = int.from_bytes(raw, "big")
            people.seal_card(connection, token, self.seal_card(keys[member], token, member), keys[member].number)
        pins = people.open_pins(connection, OLD_AT_ONCE)
        for token, salt, hash_, person in pins:
            people.seal_pin(connection, token, self._seal(person, _PIN + token, salt + hash_), person.number)
        return len(cards) + len(pins)

    def _new(self, cipher: AESGCM) -> PersonKey:
        number = int.from_bytes(self._randomness(8), "big") >> 1
        return _wrapped(cipher, number, self._randomness(KEY_BYTES), self._nonce())

    def _seal(self, person: PersonKey, about: bytes, plain: bytes) -> bytes:
        nonce = self._nonce()
        return nonce + self._data_key(person).encrypt(nonce, plain, about)

    def _open(self, person: PersonKey, about: bytes, sealed: bytes) -> bytes:
        return _opened(self._data_key(person), about, sealed)

    def _data_key(self, person: PersonKey) -> AESGCM:
        try:
            return AESGCM(_unwrapped(self._cipher(), person))
        except Unreadable:
            # the people's key was changed beside us
            self._key = None
            return AESGCM(_unwrapped(self._cipher(), person))

    def _cipher(self, connection: Connection | None = None) -> AESGCM:
        """The people's key. In a transaction that writes keys it is read anew: it may have been changed beside us."""
        if connection is not None:
            self._key = self._unwrap_key(connection)
        elif self._key is None:
            with self._engine.connect() as own:
                self._key = self._unwrap_key(own)
        return self._key

    def _unwrap_key(self, connection: Connection) -> AESGCM:
        wrapped = people.master(connection)
        if wrapped is None:
            raise Unreadable("there is no key for it")
        return AESGCM(self._master.unwrap(wrapped, _PEOPLE))

    def _renew(self, connection: Connection) -> bytes:
        key = self._randomness(KEY_BYTES)
        people.set_master(connection, self._master.wrap(key, _PEOPLE))
        return key

    def _nonce(self) -> bytes:
        return self._randomness(NONCE_BYTES)


def _wrapped(cipher: AESGCM, number: int, key: bytes, nonce: bytes) -> PersonKey:
    return PersonKey(number=number, wrapped=nonce + cipher.encrypt(nonce, key, _about(number)))


def _unwrapped(cipher: AESGCM, person: PersonKey) -> bytes:
    try:
        return cipher.decrypt(person.wrapped[:NONCE_BYTES], person.wrapped[NONCE_BYTES:], _about(person.number))
    except (InvalidTag, ValueError):
        raise Unreadable("its key was altered, or is under another people's key") from None


def _opened(key: AESGCM, about: bytes, sealed: bytes) -> bytes:
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
    except (InvalidTag, ValueError):
        raise Unreadable("it was altered, or is another one's") from None


def _about(number: int) -> bytes:
    return _PERSON + number.to_bytes(8, "big")
