"""A bridge that is killed while it looks at PINs and codes: each message keeps its verdict, and is one try and one
effect.
"""

import asyncio
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from node.bridge.journal.schema import open_engine
from node.bridge.security.qr import make
from node.domain.ids import MemberId
from tests.offchain.bridge_out.secured_shop import AMOUNT, APP, PAN, PIN, START_SECONDS, WRONG_PIN, Shop
from tests.offchain.bridge_out.stand import MEMBERS, stand_on

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with stand_on(tmp_path_factory.mktemp("pin-crash")) as stand:
        stand.mine_every(1)
        made = Shop(stand)
        made.run("cards", "import", str(made.folder / "cards.csv"))
        yield made


def rows(shop: Shop, query: str) -> list[tuple[Any, ...]]:
    with open_engine(shop.folder / "journal.sqlite").connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


@pytest.mark.parametrize("point", ["before-admit", "after-admit", "after-record"])
async def test_right_pin_is_one_try_and_one_effect_when_the_process_is_killed(shop: Shop, point: str) -> None:
    before, known = shop.stand.value(MEMBERS[0]), len(rows(shop, "SELECT 1 FROM pin_attempts"))
    wrong, right = shop.sale(PAN, pin=WRONG_PIN, value=2 * AMOUNT), shop.sale(PAN, pin=PIN, value=2 * AMOUNT)
    with shop.bridge(point) as process:
        assert await shop.send(wrong) == ["55"] and rows(shop, "SELECT tries FROM pins") == [(1,)]
        assert await shop.send(right) == [""]
        assert await asyncio.to_thread(process.wait, START_SECONDS) == -signal.SIGKILL
    with shop.bridge():
        assert await shop.send(wrong, right) == ["55", "00"]
        assert await shop.send(wrong, right) == ["55", "00"]
    assert rows(shop, "SELECT tries FROM pins") == [(0,)], "the wrong one came again, and was no try"
    assert len(rows(shop, "SELECT 1 FROM pin_attempts")) == known + 2
    assert shop.stand.value(MEMBERS[0]) == before - 2 * AMOUNT


@pytest.mark.parametrize("point", ["before-admit", "after-admit"])
async def test_code_stays_its_messages_when_the_process_is_killed(shop: Shop, point: str) -> None:
    before, member = shop.stand.value(MEMBERS[2]), MemberId(MEMBERS[2])
    code = make(APP, 1, member, int(time.time()) + 20)
    first, second = (shop.sale(code, value=2 * AMOUNT) for _ in range(2))
    with shop.bridge(point) as process:
        assert await shop.send(first) == [""]
        assert await asyncio.to_thread(process.wait, START_SECONDS) == -signal.SIGKILL
    with shop.bridge():
        assert await shop.send(second) == ["63"]
        assert await shop.send(first) == ["00"] and await shop.send(first) == ["00"]
    assert shop.stand.value(MEMBERS[2]) == before - 2 * AMOUNT
