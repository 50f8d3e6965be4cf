"""What `till bridge exceptions` shows and closes, in the journal's file, whether a bridge runs or not."""

import time
from collections.abc import Sequence as Many
from typing import Final

from sqlalchemy import Engine, inspect

from node.bridge.journal import exceptions
from node.bridge.journal.exceptions import Noted
from node.bridge.journal.postgres import place_of
from node.bridge.journal.schema import current_revision
from node.bridge.journal.store import existing
from node.bridge.journal.tables import exceptions as table
from node.config import BridgeSettings
from node.domain.errors import Unusable
from node.domain.ids import PaymentId, StreamId, parse_payment_id

MAX_NOTE: Final = 500


def list_exceptions(settings: BridgeSettings, *, closed: bool) -> Many[Noted]:
    """The open exceptions, or all of them. Raises Unusable when there is no journal."""
    with journal_of(settings).begin() as connection:
        return list(exceptions.noted(connection, closed=closed))


def close_exception(settings: BridgeSettings, name: str, note: str) -> None:
    """Says that people have settled an exception, and how. Raises Unusable when there is no such open one."""
    try:
        stream, sequence = parse_payment_id(PaymentId(name))
    except ValueError:
        raise Unusable(f"an exception is named like 1-42, not {name!r}") from None
    if not 0 < len(note) <= MAX_NOTE:
        raise Unusable(f"a note has 1 to {MAX_NOTE} characters")
    with journal_of(settings).begin() as connection:
        if stream != settings.stream.id or not exceptions.close(connection, sequence, note, time.time_ns() // 10**6):
            raise Unusable(f"there is no open exception {name}")


def journal_of(settings: BridgeSettings) -> Engine:
    """The journal, if it is one with exceptions. Raises Unusable."""
    engine = existing(settings.journal, StreamId(settings.stream.id))
    if current_revision(engine) is None or not inspect(engine).has_table(table.name):
        raise Unusable(f"{place_of(engine)} is no journal, or of an older schema; till bridge migrate makes it one")
    return engine
