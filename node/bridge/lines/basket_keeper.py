"""Seals the baskets of payments as the journal's writer takes them in: the only place where content keys are made.

Runs in the writer's thread, inside its SQL transactions. A content key lives in this process's memory until one of the
next day is made; what is on the disk are copies that its readers' secret keys open. A new process makes new ones.
"""

from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import Connection

from node.bridge.entry import items_root_in
from node.bridge.journal import lines
from node.bridge.journal.admission import Admission
from node.bridge.lines.sealing import KEY_BYTES, NONCE_BYTES, ContentKey, KeyName
from node.domain.ids import MerchantId, Sequence, StreamId
from node.domain.payment import Payment

log = structlog.get_logger("bridge")
DAY_MS: Final = 86_400_000
MOST_KEYS: Final = 50_000
"""Content keys in memory, a merchant and day each; the oldest go first, and new ones are made when they are missed."""
OLD_AT_ONCE: Final = 500
"""Baskets of an older version that are sealed in one SQL transaction."""
_Place = tuple[int, int]


class BasketKeeper:
    """The content keys of one stream's journal. `custodian` is the operator's public key, which gets the copies of
    merchants that have named none of their own.
    """

    def __init__(self, stream: StreamId, custodian: bytes, randomness: Callable[[int], bytes]) -> None:
        self._stream, self._custodian, self._randomness = stream, custodian, randomness
        self._keys: dict[_Place, ContentKey] = {}
        self._fresh: list[_Place] = []
        self._readers = ""

    def begin(self, connection: Connection) -> None:
        """A group of admissions begins: after a grant or a revocation no older key is used."""
        readers = lines.changes(connection)
        if readers != self._readers:
            self._keys.clear()
            self._fresh.clear()
            self._readers = readers

    def seal(self, connection: Connection, payment: Payment, sequence: Sequence, admission: Admission) -> bytes:
        """A payment's sealed basket; empty without items, or without a root that says which they are."""
        if not admission.basket or payment.items_root is None:
            return b""
        key = self._key(connection, payment.merchant, admission.received_at // DAY_MS)
        return key.seal(admission.basket, sequence, payment.items_root, self._randomness(NONCE_BYTES))

    def seal_old(self, connection: Connection) -> int:
        """Seals some baskets that a version before kept as they were; how many. 0: there are no more."""
        self.begin(connection)
        found = list(lines.unsealed(connection, OLD_AT_ONCE))
        for each, received_at in found:
            root = items_root_in(each.packed)
            sealed = b""
            if root is not None:
                key = self._key(connection, MerchantId(each.merchant), received_at // DAY_MS)
                sealed = key.seal(each.sealed, Sequence(each.sequence), root, self._randomness(NONCE_BYTES))
            lines.replace_sealed(connection, each.sequence, sealed)
        if not found:
            lines.note_all_sealed(connection)
        return len(found)

    def committed(self) -> None:
        """What `seal` wrote is on the disk."""
        self._fresh.clear()

    def rolled_back(self) -> None:
        """It is not: a key that no row tells of must seal nothing."""
        for place in self._fresh:
            self._keys.pop(place, None)
        self._fresh.clear()

    def _key(self, connection: Connection, merchant: MerchantId, day: int) -> ContentKey:
        place = (merchant, day)
        key = self._keys.get(place)
        if key is None:
            key = self._make(connection, merchant, day)
            self._forget(day)
            self._keys[place] = key
            self._fresh.append(place)
        return key

    def _make(self, connection: Connection, merchant: MerchantId, day: int) -> ContentKey:
        # random, so that no two processes ever give one number to two keys; positive in a signed column
        number = int.from_bytes(self._randomness(8), "big") >> 1
        name = KeyName(stream=self._stream, merchant=merchant, day=day, number=number)
        key = ContentKey(name=name, secret=self._randomness(KEY_BYTES))
        readers = [each for each in lines.readers(connection, merchant) if each.reads(day)]
        public = {each.public_key for each in readers}
        if not any(each.own for each in readers):
            public.add(self._custodian)
        lines.add_key(connection, number, merchant, day, [(each, key.copy_for(each)) for each in sorted(public)])
        log.debug("content key made", merchant=merchant, day=day, readers=len(public))
        return key

    def _forget(self, day: int) -> None:
        """Lets go of keys of other days, and of the oldest where there are too many."""
        self._keys = {place: key for place, key in self._keys.items() if place[1] == day or place in self._fresh}
        while len(self._keys) >= MOST_KEYS:
            self._keys.pop(next(iter(self._keys)))
