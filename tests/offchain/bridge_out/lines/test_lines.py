"""Who opens sealed line items: the operator, merchants, those whom they let in, and nobody else."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection

from node.bridge.journal.admission import Admission
from node.bridge.journal.store import Journal
from node.bridge.lines import grants, reading
from node.bridge.lines.basket_keeper import DAY_MS
from node.bridge.lines.errors import NotForThisKey
from node.bridge.lines.opening import Keys, open_lines
from node.domain.errors import Unusable
from tests.offchain.bridge_out.lines.conftest import (
    BASKET,
    NOON,
    OTHER,
    SHOP,
    STREAM,
    TODAY,
    found,
    let_in,
    pay,
    public,
    reader,
    reads,
)
from tests.offchain.bridge_out.makers import payment


async def test_operator_opens_lines_of_a_merchant_without_a_key(
    journal: Journal, operator: X25519PrivateKey, auditor: X25519PrivateKey
) -> None:
    first, second = await pay(journal, 1), await pay(journal, 2)
    assert await reads(journal, first, operator) and await reads(journal, second, operator)
    assert not await reads(journal, first, auditor)
    numbers = {(await found(journal, each, operator)).key_name.number for each in (first, second)}
    assert len(numbers) == 1, "one content key for a merchant and day"
    assert (await found(journal, await pay(journal, 3, at=NOON + DAY_MS), operator)).key_name.number not in numbers
    assert (await found(journal, await pay(journal, 4, shop=OTHER), operator)).key_name.number not in numbers


async def test_own_key_opens_lines_and_the_operator_no_longer_does(
    journal: Journal, operator: X25519PrivateKey, merchant: X25519PrivateKey
) -> None:
    before = await pay(journal, 1)
    await let_in(journal, reader(merchant, "shop", own=True))
    after, elsewhere = await pay(journal, 2), await pay(journal, 3, shop=OTHER)
    assert await reads(journal, after, merchant) and not await reads(journal, after, operator)
    assert not await reads(journal, before, merchant) and not await reads(journal, elsewhere, merchant)


async def test_other_merchants_key_opens_nothing_even_with_its_copy_swapped_in(
    journal: Journal, merchant: X25519PrivateKey, auditor: X25519PrivateKey
) -> None:
    await let_in(journal, reader(merchant, "shop", own=True))
    await let_in(journal, reader(auditor, "other", own=True, merchant=OTHER))
    mine, theirs = await pay(journal, 1), await pay(journal, 2, shop=OTHER)
    assert not await reads(journal, mine, auditor)
    stolen = replace(await found(journal, mine, auditor), copy=(await found(journal, theirs, auditor)).copy)
    with pytest.raises(NotForThisKey):
        open_lines(stolen, auditor, {})


async def test_view_opens_its_days_and_the_past_only_if_somebody_opens_it(
    journal: Journal, operator: X25519PrivateKey, auditor: X25519PrivateKey, merchant: X25519PrivateKey
) -> None:
    days = [await pay(journal, 1 + n, at=NOON + n * DAY_MS) for n in (-2, -1, 0)]
    await let_in(journal, reader(auditor, "auditor", since=TODAY - 1, until=TODAY), operator)
    assert [await reads(journal, each, auditor) for each in days] == [False, True, True]
    later = [await pay(journal, 11 + n, at=NOON + n * DAY_MS) for n in (-1, 0, 1)]
    assert [await reads(journal, each, auditor) for each in later] == [True, True, False]
    await let_in(journal, reader(merchant, "shop", own=True, since=TODAY - 9))
    assert not await reads(journal, days[2], merchant)
    with pytest.raises(Unusable, match="already"):
        await let_in(journal, reader(auditor, "again"))
    with pytest.raises(Unusable, match="already"):
        await let_in(journal, reader(operator, "auditor"))


async def test_revoked_reader_reads_nothing_later_and_keeps_what_it_had(
    journal: Journal, operator: X25519PrivateKey, auditor: X25519PrivateKey
) -> None:
    await let_in(journal, reader(auditor, "auditor"))
    before = await pay(journal, 1)
    had: Keys = {}
    assert await reads(journal, before, auditor, had) and had
    await journal.run(lambda connection: grants.revoke(connection, SHOP, "auditor", NOON))
    after = await pay(journal, 2)
    assert not await reads(journal, after, auditor, had), "the same day, and a key that it has not"
    assert not await reads(journal, before, auditor), "its copies are gone"
    assert await reads(journal, before, auditor, had), "what was read cannot be unread"
    assert await reads(journal, after, operator)
    with pytest.raises(Unusable, match="no reader"):
        await journal.run(lambda connection: grants.revoke(connection, SHOP, "auditor", NOON))


async def test_pages_hold_all_accepted_lines_of_one_merchant(
    journal: Journal, operator: X25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = [await pay(journal, stan) for stan in range(1, 6)]
    await pay(journal, 6, shop=OTHER)
    await journal.admit(Admission(payment(7, merchant=SHOP), b"", NOON))
    await journal.run(
        lambda connection: connection.exec_driver_sql(
            "UPDATE entries SET status = 'declined' WHERE sequence = ?", (mine[0],)
        )
    )
    monkeypatch.setattr(reading, "PAGE", 3)

    def page(connection: Connection, after: int) -> reading.Page:
        return reading.page(connection, STREAM, SHOP, public(operator), after)

    first = await journal.run(lambda connection: page(connection, 0))
    assert [each.payment for each in first.lines] == [f"1-{each}" for each in mine[1:4]] and first.after == mine[3]
    second = await journal.run(lambda connection: page(connection, mine[3]))
    assert [each.payment for each in second.lines] == [f"1-{mine[4]}"] and second.after is None
    assert all(open_lines(each, operator, {}).items == BASKET for each in first.lines)
    monkeypatch.setattr(reading, "PAGE_BYTES", 1)
    assert len((await journal.run(lambda connection: page(connection, 0))).lines) == 1
