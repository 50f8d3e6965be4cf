"""The real bridge process, killed at each journal write and each broadcast: every message has exactly one effect."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from node.bridge.status import read_status
from node.config import load_bridge
from node.domain.errors import ChainUnreachable
from node.iso8583.retail_mac import RetailMac
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, Stand, stand_on, transfers_to

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

MAC_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
AMOUNT = 700
EARNERS, SPENDER, REGRETTER, CHARGED = MEMBERS[:8], MEMBERS[8], MEMBERS[9], MEMBERS[10]
RECHARGE, UNDONE = 2, 130
TARGET = "0x" + "ac" * 20
LOG_ALL = "0x365f5f37365fa05f5f5260205ff3"
"""A target of acts that logs its calldata and debits nothing."""
POINTS = (
    "before-admit",
    "after-admit",
    "before-record",
    "after-record",
    "after-send",
    "after-mark-sent",
    "before-settle",
    "after-settle",
    "before-undo",
    "after-undo",
)
"""Those that this scenario passes; test_kill_matrix.py has them all."""
REPLY_SECONDS, DEATH_SECONDS, FINAL_SECONDS = 8.0, 20.0, 30.0


class Shop:
    """A till with a store-and-forward queue: sends each message until it is answered."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.merchant = stand.merchants[0]
        self.till = PosTerminal(id=f"{self.merchant}T0", merchant=self.merchant, mac=RetailMac(MAC_KEY))
        self.stan = 0
        self.sales = 0
        stand.chain.request("anvil_setCode", TARGET, LOG_ALL)
        for kind in (RECHARGE, UNDONE):
            stand.world.as_operator(stand.world.ledger, "setActTarget", kind, TARGET)
        keys = stand.folder / "mac.keys"
        keys.touch(mode=0o600)
        keys.write_text(f"{self.till.id} {MAC_KEY.hex()}\n")
        (stand.folder / "cards.csv").write_text("".join(f"90000{member:05d},{member}\n" for member in MEMBERS))
        self.config = stand.write(iso8583={"mac_key_file": "mac.keys"}, answers={"deadline_ms": 2_500})
        command = [sys.executable, "-m", "node.cli.main", "bridge", "cards", "import"]
        subprocess.run([*command, str(stand.folder / "cards.csv"), "--config", str(self.config)], check=True)

    def sale(self, member: int, *, stored_value: int = 0) -> Request:
        """A new sale of AMOUNT."""
        self.stan += 1
        now = datetime.now(UTC)
        return messages.purchase(
            self.till,
            stan=f"{self.stan:06d}",
            local=now,
            transmitted=now,
            card=f"90000{member:05d}",
            amount=AMOUNT,
            currency="840",
            stored_value=stored_value,
        )

    def recharge(self, member: int) -> Request:
        """A recharge of AMOUNT."""
        self.stan += 1
        now = datetime.now(UTC)
        return messages.act(
            self.till,
            "0200",
            "210000",
            stan=f"{self.stan:06d}",
            local=now,
            transmitted=now,
            amount=AMOUNT,
            currency="840",
            card=f"90000{member:05d}",
        )

    def acts(self, kind: int, member: int) -> int:
        """How many acts of a kind and a member the target has done."""
        logs = self.stand.chain.request("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "address": TARGET})
        called = [bytes.fromhex(log["data"][2:]) for log in logs]
        # a selector, ten words of the payment (its member the fifth), where the act lies, its length, its kind
        return sum(each[4 + 12 * 32] == kind and int.from_bytes(each[132:164], "big") == member for each in called)

    def regret(self, sale: Request) -> Request:
        """The reversal of a sale."""
        self.stan += 1
        now = datetime.now(UTC)
        return messages.reversal(sale, stan=f"{self.stan:06d}", local=now, transmitted=now)

    def start(self, fail_point: str = "") -> "subprocess.Popen[bytes]":
        """Starts the bridge and waits until it listens, or is dead already."""
        environment = os.environ | {"TILL_FAIL_POINT": fail_point}
        with (self.stand.folder / "bridge.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "node.cli.main", "bridge", "run", "--config", str(self.config)],
                env=environment,
                stderr=log,
                stdout=log,
            )
        deadline = time.monotonic() + DEATH_SECONDS
        while process.poll() is None and self.listening() != process.pid:
            assert time.monotonic() < deadline, "the bridge does not start"
            time.sleep(0.02)
        return process

    def listening(self) -> int:
        """The process id in bridge.json, 0 without one."""
        with suppress(OSError, ValueError):
            return int(json.loads((self.stand.folder / "bridge.json").read_text())["pid"])
        return 0

    async def send(self, requests: list[Request]) -> list[str | None]:
        """Each message's response code, None where no answer came."""
        port = json.loads((self.stand.folder / "bridge.json").read_text())["iso8583"]["port"]
        try:
            connection = await PosConnection.open("127.0.0.1", port, timeout=REPLY_SECONDS)
        except OSError:
            return [None] * len(requests)

        async def one(request: Request) -> str | None:
            try:
                return (await connection.send(request)).response_code
            except ChainUnreachable:
                return None

        codes = await asyncio.gather(*[one(request) for request in requests])
        await connection.close()
        return list(codes)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with stand_on(tmp_path_factory.mktemp("crash")) as stand:
        stand.mine_every(1)
        yield Shop(stand)


@pytest.mark.parametrize("point", POINTS)
async def test_every_message_has_one_effect_when_the_process_is_killed(shop: Shop, point: str) -> None:
    stand = shop.stand
    before = {member: (stand.points(member), stand.value(member), transfers_to(stand, member)) for member in MEMBERS}
    if "undo" in point:
        stand.stop_mining()
    sales = [shop.sale(member) for member in EARNERS]
    paid, regretted = shop.sale(SPENDER, stored_value=AMOUNT), shop.sale(REGRETTER)
    charged = shop.recharge(CHARGED)
    everything = [*sales, paid, charged, regretted, shop.regret(regretted)]
    done, taken_back = shop.acts(RECHARGE, CHARGED), shop.acts(UNDONE, CHARGED)

    process = await asyncio.to_thread(shop.start, point)
    await shop.send(everything)
    assert await asyncio.to_thread(process.wait, DEATH_SECONDS) == -signal.SIGKILL
    stand.mine_every(1)

    process = await asyncio.to_thread(shop.start)
    codes = await shop.send(everything)
    again = await shop.send(everything)
    undone, uncharged = (code == "91" for code in codes[len(sales) : len(sales) + 2])
    assert [code for code in codes if code != "00"] == ["91"] * (undone + uncharged)
    assert again == codes, "a repeated message gets the stored answer"
    try:
        await _settled(shop)
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, DEATH_SECONDS) == 0

    for member in EARNERS:
        points, value, transfers = before[member]
        assert (stand.points(member), stand.value(member)) == (points + AMOUNT * COEFFICIENT, value)
        assert transfers_to(stand, member) == transfers + 1
    points, value, _ = before[SPENDER]
    kept = 0 if undone else 1
    assert (stand.points(SPENDER), stand.value(SPENDER)) == (
        points + kept * AMOUNT * COEFFICIENT,
        value - kept * AMOUNT,
    )
    done, taken_back = shop.acts(RECHARGE, CHARGED) - done, shop.acts(UNDONE, CHARGED) - taken_back
    assert (done, taken_back) in ([(0, 0), (1, 1)] if uncharged else [(1, 0)])
    assert (stand.points(REGRETTER), stand.value(REGRETTER)) == before[REGRETTER][:2]


async def _settled(shop: Shop) -> None:
    """Waits until the bridge's journal has nothing open."""
    deadline = time.monotonic() + FINAL_SECONDS
    settings = load_bridge(shop.config)
    while any((entries := read_status(settings).entries)[status] for status in ("journaled", "batched", "sent")):
        assert time.monotonic() < deadline, f"not settled: {entries}"
        await asyncio.sleep(0.1)
