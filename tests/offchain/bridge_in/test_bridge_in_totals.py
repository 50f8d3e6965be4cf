"""Reconciliation over ISO 8583: a terminal's totals against the bridge's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.totals import Totals
from node.iso8583.network import TOTALS
from node.pos import messages
from node.pos.back_office import reconciliation
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_in.conftest import FakeDesk
from tests.offchain.bridge_in.network_messages import NOW, TODAY, number_of

OURS = Totals(debits=3, debit_amount=3_600, debit_reversals=1, debit_reversal_amount=1_200, credits=1, credit_amount=10)


def totals(terminal: PosTerminal, claimed: Totals, **more: str) -> Request:
    return reconciliation(terminal, claimed, stan="000124", transmitted=NOW, **more)


async def test_totals_in_balance_are_answered_00_with_the_bridges_own(
    pos: PosConnection, terminal: PosTerminal, desk: FakeDesk
) -> None:
    desk.today = OURS
    reply = await pos.send(totals(terminal, OURS))
    assert (reply.mti, reply.response_code, reply.fields[66], reply.mac_right) == ("0510", "00", "1", True)
    assert {name: int(reply.fields[number]) for number, name in TOTALS} == {
        name: getattr(OURS, name) for _, name in TOTALS
    }
    assert reply.fields[97] == "D0000000000002390" and desk.claims == []
    # a sale whose answer got lost, and its reversal, may be known to one side only
    never_seen = replace(OURS, debits=2, debit_amount=2_400, debit_reversals=0, debit_reversal_amount=0)
    assert (await pos.send(totals(terminal, never_seen))).fields[66] == "1"


@given(st.sampled_from(TOTALS), st.integers(1, 10**9))
def test_totals_agree_only_when_they_are_the_same_after_reversals(which: tuple[int, str], more: int) -> None:
    other = replace(OURS, **{which[1]: getattr(OURS, which[1]) + more})
    assert OURS.agrees_with(OURS) and not OURS.agrees_with(other)


@pytest.mark.parametrize(("mti", "answered", "code"), [("0500", "0510", "95"), ("0520", "0530", "00")])
async def test_totals_out_of_balance_are_said_so_and_kept(
    pos: PosConnection, terminal: PosTerminal, desk: FakeDesk, mti: str, answered: str, code: str
) -> None:
    desk.days[number_of(TODAY)] = OURS
    claimed = replace(OURS, debit_amount=OURS.debit_amount + 1)
    reply = await pos.send(totals(terminal, claimed, mti=mti, day=f"{TODAY:%m%d}"))
    assert (reply.mti, reply.response_code, reply.fields[66]) == (answered, code, "2")
    assert reply.fields[15] == f"{TODAY:%m%d}" and int(reply.fields[88]) == OURS.debit_amount
    again = await pos.repeat(reply.request)
    assert (again.mti, again.response_code) == (answered, code)
    assert desk.claims[0] == ("TILL0001", number_of(TODAY), claimed, False)


async def test_a_net_amount_that_is_not_the_totals_is_out_of_balance(
    pos: PosConnection, terminal: PosTerminal, desk: FakeDesk
) -> None:
    desk.today = OURS
    fields = {n: text for n, text in totals(terminal, OURS).message.fields.items() if n != 128}
    reply = await pos.send(messages.seal("0500", {**fields, 97: "C0000000000002390"}, terminal))
    assert (reply.response_code, reply.fields[66]) == ("95", "2")


async def test_totals_get_their_response_code_when_they_are_bad(
    pos: PosConnection, terminal: PosTerminal, thief: PosTerminal
) -> None:
    good = {n: text for n, text in totals(terminal, OURS).message.fields.items() if n != 128}
    for changes, code in (
        ({15: "0101"}, "25"),
        ({15: "1301"}, "30"),
        ({50: "978"}, "13"),
        ({42: "41"}, "03"),
        ({41: "NOWHERE"}, "58"),
    ):
        assert (await pos.send(messages.seal("0500", {**good, **changes}, terminal))).response_code == code, changes
    for number in (42, 74, 89, 97):
        left = {n: text for n, text in good.items() if n != number}
        assert (await pos.send(messages.seal("0520", left, terminal))).response_code == "30"
    for forger in (thief, replace(terminal, mac=None)):
        assert (await pos.send(messages.seal("0520", good, forger))).response_code == "97"
