"""Each intake counts the messages that it could read, whatever became of them."""

from dataclasses import replace

import pytest

from node.bridge.intake_ports import Ports
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CURRENCY


@pytest.fixture
def came() -> list[str]:
    return []


@pytest.fixture
def ports(ports: Ports, came: list[str]) -> Ports:
    return replace(ports, came=came.append)


async def test_payments_over_json_rpc_are_counted(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, came: list[str]
) -> None:
    good = {"stan": "000001", "card": CARD, "amount": 1_200, "currency": CURRENCY}
    assert (await rpc.purchase(rpc_terminal, **good)).approved
    assert not (await rpc.purchase(rpc_terminal, **{**good, "card": "1"})).approved
    await rpc.health()
    assert came == ["rpc", "rpc"]


async def test_messages_over_iso_8583_are_counted(
    pos: PosConnection, terminal: PosTerminal, thief: PosTerminal, came: list[str]
) -> None:
    assert (await pos.sign_on(terminal)).approved
    assert not (await pos.sign_on(thief)).approved
    assert came == ["iso8583", "iso8583"]
