"""Keys that terminals change by a message."""

from dataclasses import replace
from datetime import datetime, timedelta
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
from node.iso8583.aes_cmac import AesCmac
from node.iso8583.retail_mac import RetailMac
from node.iso8583.wire import Fields
from node.pos.connection import PosConnection
from node.pos.keys import with_new_key
from node.pos.messages import PosTerminal
from tests.offchain.bridge_in.conftest import MAC_KEY, listening
from tests.offchain.bridge_in.network_messages import GOOD, NOW

KEK = bytes.fromhex("1111111111111111222222222222222233333333333333334444")[:24]
TILL = TerminalId("TILL0001")


def a_key(value: bytes) -> Key:
    return Key(purpose=Purpose.MAC, algorithm=Algorithm.TDES, value=value)


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
