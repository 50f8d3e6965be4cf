"""A shorter form of `make node-faults`: each fault of a gateway under load, with one gateway and with two."""

import pytest

from proving.node_faults import HOW, run_faults

MESSAGES = 120


@pytest.mark.anvil
@pytest.mark.slow
@pytest.mark.parametrize("gateways", [pytest.param(1, marks=pytest.mark.long), 2])
@pytest.mark.parametrize("half", [0, 1])
def test_every_message_has_one_effect_when_gateways_fail(gateways: int, half: int) -> None:
    chosen = list(HOW)[half::2]
    rows = run_faults(chosen, gateways=gateways, messages=MESSAGES)
    assert [row.fault for row in rows if row.wrong] == []
    assert [row.fault for row in rows if row.transactions and row.messages >= MESSAGES] == [
        each.value for each in chosen
    ]
