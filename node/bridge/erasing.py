"""Erases the person behind a member, and changes the people's master key: on the journal, whether a bridge runs or not.

A running bridge knows within a second. The chain has no personal data, and is not touched.
"""

from sqlalchemy import Engine

from node.bridge.card_key import key_of_journal
from node.bridge.cards import note_change
from node.bridge.journal.schema import WRITES, migrate
from node.bridge.journal.sql import POSTGRESQL
from node.bridge.journal.store import existing
from node.bridge.people import People, open_people
from node.bridge.security.people_master import FilePeopleMaster
from node.config import BridgeSettings
from node.domain.errors import Unusable
from node.domain.ids import StreamId


def erase_member(settings: BridgeSettings, member: int) -> int:
    """Destroys a member's data key, cards and PINs; how many cards. Raises Unusable when there is nothing of it."""
    engine, people = _journal(settings)
    with engine.begin() as connection:
        cards = people.erase(connection, member)
        if cards is None:
            raise Unusable(f"there is nothing of member {member} in this journal")
        note_change(connection)
    _overwrite(engine)
    return cards


def change_people_master(settings: BridgeSettings) -> int:
    """A new people's master key in front of the one that there is, and a new people's key under it for all who are
    left; how many.

    The key before stays until `forget_people_master`: other journals, and other bridges' copies of the file, may need
    it. May be repeated, for the same journal or for another one with the same file. Raises Unusable.
    """
    engine, people = _journal(settings)
    FilePeopleMaster(settings.journal.people_master_key_file).renew()
    with engine.begin() as connection:
        count = people.rekey(connection)
        note_change(connection)
    _overwrite(engine)
    return count


def forget_people_master(settings: BridgeSettings) -> None:
    """Destroys the people's master key before. Raises Unusable when this journal is still under it."""
    _, people = _journal(settings)
    master = FilePeopleMaster(settings.journal.people_master_key_file)
    if not people.is_under(master.newest()):
        raise Unusable("this journal is under the people's master key before; first till member rekey without --forget")
    master.forget()


def _journal(settings: BridgeSettings) -> tuple[Engine, People]:
    if settings.journal.card_key_file is None:
        raise Unusable("the setting journal.card_key_file is missing")
    engine = existing(settings.journal, StreamId(settings.stream.id))
    migrate(engine)
    people = open_people(engine, settings.journal, key_of_journal(engine, settings.journal.card_key_file))
    return engine.execution_options(**{WRITES: True}), people


def _overwrite(engine: Engine) -> None:
    """What was deleted leaves SQLite's write-ahead log as well, as far as nobody reads it just now."""
    if engine.dialect.name == POSTGRESQL:
        return
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()
