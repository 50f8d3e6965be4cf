"""Network management and reconciliation over real TCP: sign-on, key change, cut-over, totals."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.bridge.intake_iso8583 import serve_iso8583
from node.bridge.intake_ports import Ports
from node.bridge.keys.key import Algorithm, Key, Purpose
from node.bridge.verify.key_change import KeyEncryptingKeys
from node.bridge.verify.mac_keys import MacKeys
from node.config import Iso8583Settings
from node.domain.errors import KeysUnwritable, Unusable, WrongMac
from node.domain.ids import TerminalId
from node.domain.totals import Totals
from node.iso8583.aes_cmac import AesCmac
from node.iso8583.network import TOTALS
from node.iso8583.retail_mac import RetailMac
from node.iso8583.wire import Fields
from node.pos import messages
from node.pos.back_office import advice, reconciliation
from node.pos.connection import PosConnection
from node.pos.keys import with_new_key
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_in.conftest import CARD, CURRENCY, MAC_KEY, FakeDesk, FakeJournal, listening

NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date()
GOOD = {"card": CARD, "amount": 1_200, "currency": CURRENCY}
KEK = bytes.fromhex("1111111111111111222222222222222233333333333333334444")[:24]
TILL = TerminalId("TILL0001")
OURS = Totals(debits=3, debit_amount=3_600, debit_reversals=1, debit_reversal_amount=1_200, credits=1, credit_amount=10)


def a_key(value: bytes) -> Key:
    return Key(purpose=Purpose.MAC, algorithm=Algorithm.TDES, value=value)


def number_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def network(code: str, terminal: PosTerminal, *, drop: tuple[int, ...] = (), day: str = "") -> Request:
    made = messages.network(code, stan="000123", transmitted=NOW, terminal=terminal, day=day)
    fields = {number: text for number, text in made.message.fields.items() if number not in (64, 128, *drop)}
    return messages.seal("0800", fields, terminal)


def totals(terminal: PosTerminal, claimed: Totals, **more: str) -> Request:
    return reconciliation(terminal, claimed, stan="000124", transmitted=NOW, **more)


# --- sign-on ----------------------------------------------------------------------------------------------------------


async def test_requests_are_refused_before_sign_on_and_after_sign_off_when_the_profile_demands_it(
    listen, terminal: PosTerminal, journal: FakeJournal, desk: FakeDesk
) -> None:
    async with listen(sign_on=True) as listener:
        pos = await listener.connect()
        before = await pos.purchase(terminal, **GOOD)
        assert (before.response_code, before.mac_right) == ("58", True)
        assert (await pos.inquire(terminal, card=CARD)).response_code == "58"
        assert (await pos.sign_on(terminal)).approved and desk.on == {"TILL0001"}
        sale = await pos.purchase(terminal, **GOOD)
        assert sale.approved
        assert (await pos.sign_off(terminal)).approved and desk.on == set()
        assert (await pos.purchase(terminal, **GOOD)).response_code == "58"
        # what has happened is taken all the same
        assert (await pos.reverse(sale.request)).approved
        told = advice(terminal, stan="000900", local=NOW, transmitted=NOW, **GOOD)
        assert (await pos.send(told)).approved
    assert len(journal.entries) == 3


async def test_sign_on_changes_nothing_when_the_profile_does_not_demand_it(
    pos: PosConnection, terminal: PosTerminal, desk: FakeDesk
) -> None:
    assert (await pos.sign_off(terminal)).approved
    assert (await pos.purchase(terminal, **GOOD)).approved and desk.on == set()


@pytest.mark.parametrize("code", ["001", "002"])
async def test_signing_needs_a_terminal_and_its_mac_when_the_profile_demands_sign_on(
    listen, terminal: PosTerminal, thief: PosTerminal, desk: FakeDesk, code: str
) -> None:
    desk.on.add("TILL0001" if code == "002" else "TILL2")
    before = set(desk.on)
    async with listen(sign_on=True) as listener:
        pos = await listener.connect()
        refused = [
            await pos.send(network(code, thief)),
            await pos.send(network(code, replace(terminal, mac=None))),
            await pos.send(network(code, replace(terminal, id="CLOSED"))),
            await pos.send(network(code, replace(terminal, id="ELSEWHER"))),
        ]
    assert [each.response_code for each in refused] == ["97", "97", "58", "58"]
    assert desk.on == before


@pytest.mark.parametrize("drop", [7, 11, 70])
async def test_network_messages_that_lack_an_element_are_refused(
    pos: PosConnection, terminal: PosTerminal, drop: int
) -> None:
    request = network("301", terminal, drop=(drop,))
    pos.send_raw(len(request.content).to_bytes(2, "big") + request.content)
    reply = await pos.unmatched()
    assert (reply.mti, reply.response_code) == ("0810", "12" if drop == 70 else "30")


@pytest.mark.parametrize("code", ["000", "003", "162", "202", "999"])
async def test_other_network_messages_are_answered_12(pos: PosConnection, terminal: PosTerminal, code: str) -> None:
    assert (await pos.send(network(code, terminal))).response_code == "12"


# --- key change -------------------------------------------------------------------------------------------------------


@pytest.fixture
def kek_file(tmp_path: Path) -> Path:
    path = tmp_path / "kek.keys"
    path.write_text(f"TILL0001 {KEK.hex()}  # from the vendor\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("fields", Fields)
async def test_a_key_change_gives_a_key_and_both_are_live(
    listen, terminal: PosTerminal, key_file: Path, kek_file: Path, fields: Fields
) -> None:
    key_file.write_text(f"# keys\nTILL0001 {MAC_KEY.hex()}  # drawn in May\nTILL2 {MAC_KEY.hex()}\n")
    till = replace(terminal, fields=fields)
    async with listen(key_encrypting_file=kek_file, fields=fields.value) as listener:
        pos = await listener.connect(fields=fields)
        reply = await pos.change_key(till)
        assert reply.approved and reply.mac_right and "KB" in reply.facts
        fresh = with_new_key(till, reply, KEK)
        assert (await pos.purchase(till, **GOOD)).approved
        assert (await pos.purchase(fresh, **GOOD)).approved
    lines = key_file.read_text().splitlines()
    assert lines[0] == "# keys" and lines[1].endswith("# drawn in May") and lines[2] == f"TILL2 {MAC_KEY.hex()}"
    before, until = lines[1].split()[2].split("@")
    assert before == MAC_KEY.hex() and datetime.fromisoformat(until) > NOW + timedelta(hours=71)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert RetailMac(bytes.fromhex(lines[1].split()[1])).compute(b"x") == fresh.mac.compute(b"x")


async def test_a_repeated_key_change_gives_the_same_key_until_that_is_used(
    listen, terminal: PosTerminal, kek_file: Path
) -> None:
    async with listen(key_encrypting_file=kek_file) as listener:
        pos = await listener.connect()
        first = await pos.change_key(terminal)
        again = await pos.repeat(first.request)
        later = await pos.change_key(terminal)
        fresh = with_new_key(terminal, first, KEK)
        for reply in (again, later):
            assert with_new_key(terminal, reply, KEK).mac.compute(b"x") == fresh.mac.compute(b"x")
        second = await pos.change_key(fresh)
        newest = with_new_key(fresh, second, KEK)
        assert newest.mac.compute(b"x") != fresh.mac.compute(b"x")
        # the key before the last one is dead, and a replayed change under it gives nothing
        assert (await pos.repeat(first.request, same_mti=True)).response_code == "97"
        assert (await pos.purchase(terminal, **GOOD)).response_code == "97"
        assert (await pos.purchase(fresh, **GOOD)).approved
        assert (await pos.purchase(newest, **GOOD)).approved


async def test_a_key_change_is_refused_when_it_is_not_the_terminals(
    listen, terminal: PosTerminal, thief: PosTerminal, key_file: Path, kek_file: Path
) -> None:
    before = key_file.read_text()
    async with listen(key_encrypting_file=kek_file, mac_required=False) as listener:
        pos = await listener.connect()
        refused = [
            await pos.change_key(thief),
            await pos.change_key(replace(terminal, mac=None)),
            await pos.change_key(replace(terminal, id="TILL2")),
            await pos.change_key(replace(terminal, id="CLOSED")),
        ]
    assert [each.response_code for each in refused] == ["97", "97", "12", "58"]
    assert not any("KB" in each.facts for each in refused) and key_file.read_text() == before


async def test_a_key_change_is_answered_96_and_changes_nothing_when_the_file_cannot_be_written(
    listen, terminal: PosTerminal, key_file: Path, kek_file: Path
) -> None:
    async with listen(key_encrypting_file=kek_file) as listener:
        pos = await listener.connect()
        (key_file.parent / "mac.keys.new").mkdir()
        reply = await pos.change_key(terminal)
        assert (reply.response_code, reply.mac_right, "KB" in reply.facts) == ("96", True, False)
        (key_file.parent / "mac.keys.new").rmdir()
        assert (await pos.change_key(terminal)).approved


async def test_the_key_before_is_refused_once_its_time_is_over(
    listen, ports: Ports, terminal: PosTerminal, key_file: Path, kek_file: Path
) -> None:
    now = [1_800_000_000.0]
    keys = MacKeys(key_file, overlap_seconds=600, clock=lambda: now[0])
    settings = Iso8583Settings(mac_key_file=key_file, key_encrypting_file=kek_file)
    serve = partial(serve_iso8583, keys=keys)
    with structlog.testing.capture_logs() as logs:
        async with listening(serve, settings, ports) as (host, port):
            pos = await PosConnection.open(host, port, timeout=5.0)
            fresh = with_new_key(terminal, await pos.change_key(terminal), KEK)
            now[0] += 599
            assert [(await pos.purchase(each, **GOOD)).response_code for each in (terminal, fresh)] == ["00", "00"]
            now[0] += 1
            assert [(await pos.purchase(each, **GOOD)).response_code for each in (terminal, fresh)] == ["97", "00"]
            assert (await pos.change_key(terminal)).response_code == "97"
            assert (await pos.change_key(fresh)).approved
            await pos.close()
    told = [(each["event"], each["terminal"]) for each in logs if each["event"] in ("mac_keys.older", "mac_keys.ended")]
    assert told == [("mac_keys.older", TILL), ("mac_keys.ended", TILL)], "once each"


@pytest.mark.parametrize(("kek", "code"), [("aes:" + "5C" * 32, "00"), ("5C6D" * 8, "12")])
async def test_a_key_change_gives_an_aes_key_under_an_aes_key_only(
    listen, terminal: PosTerminal, key_file: Path, kek_file: Path, kek: str, code: str
) -> None:
    key_file.write_text(f"TILL0001 aes:{MAC_KEY.hex()}\n")
    kek_file.write_text(f"TILL0001 {kek}\n")
    till = replace(terminal, mac=AesCmac(MAC_KEY))
    async with listen(key_encrypting_file=kek_file, mac="aes-cmac") as listener:
        pos = await listener.connect()
        reply = await pos.change_key(till)
        assert (reply.response_code, reply.mac_right) == (code, True)
        if reply.approved:
            fresh = with_new_key(till, reply, b"\x5c" * 32)
            assert isinstance(fresh.mac, AesCmac) and (await pos.purchase(fresh, **GOOD)).approved
            assert (await pos.purchase(till, **GOOD)).approved
    words = key_file.read_text().split()[1:]
    assert len(words) == (2 if code == "00" else 1) and all(word.startswith("aes:") for word in words)


def test_change_refuses_a_key_that_the_file_no_longer_has(key_file: Path) -> None:
    keys = MacKeys(key_file)
    with pytest.raises(WrongMac):
        keys.change(TILL, RetailMac(b"\x66" * 16), a_key(b"\x77" * 16))
    with pytest.raises(KeysUnwritable):
        MacKeys(None).change(TILL, RetailMac(MAC_KEY), a_key(b"\x77" * 16))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["got", "lost", "replayed"]), max_size=12))
def test_no_terminal_is_locked_out_whatever_gets_lost_or_is_replayed(key_file: Path, steps: list[str]) -> None:
    key_file.write_text(f"TILL0001 {MAC_KEY.hex()}\n")
    keys, held, used = MacKeys(key_file), MAC_KEY, []
    for number, step in enumerate(steps, start=1):
        fresh = bytes([number]) * 16
        if step == "replayed":
            # an old message passes only as long as its key is live
            live = [key.compute(b"x") for key in keys.of(TILL)]
            for old in used:
                if RetailMac(old).compute(b"x") in live:
                    keys.change(TILL, RetailMac(old), a_key(fresh))
            continue
        used.append(held)
        new = keys.change(TILL, RetailMac(held), a_key(fresh)).value
        held = new if step == "got" else held
        assert RetailMac(held).compute(b"x") in [key.compute(b"x") for key in keys.of(TILL)]
        assert len(keys.of(TILL)) <= 2


@pytest.mark.parametrize("line", ["TILL0001", "TILL0001 00", "TILL0001 " + "11" * 16 + " " + "22" * 16, "TILL0001 XY"])
def test_a_file_of_key_encrypting_keys_that_is_none_is_one_sentence(tmp_path: Path, line: str) -> None:
    path = tmp_path / "kek.keys"
    path.touch(mode=0o600)
    path.write_text(line + "\n")
    with pytest.raises(Unusable, match=r"ine 1 of the key file .* (is not|has a|is wrong)") as caught:
        KeyEncryptingKeys(path)
    assert "22" * 16 not in str(caught.value)


# --- cut-over and reconciliation --------------------------------------------------------------------------------------


async def test_cut_over_closes_the_day_that_it_names(
    pos: PosConnection, terminal: PosTerminal, thief: PosTerminal, desk: FakeDesk
) -> None:
    reply = await pos.cut_over(terminal, day=f"{TODAY:%m%d}")
    assert reply.approved and desk.closed == [("TILL0001", number_of(TODAY))]
    assert (await pos.send(network("201", terminal))).response_code == "30"
    assert (await pos.send(network("201", terminal, day="0230"))).response_code == "30"
    assert (await pos.send(network("201", thief, day="0101"))).response_code == "97"
    assert (await pos.send(network("201", replace(terminal, mac=None), day="0101"))).response_code == "97"
    assert len(desk.closed) == 1


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
