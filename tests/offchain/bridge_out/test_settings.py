"""Settings, cards, fail points, `till bridge`: what an operator types, and one sentence for what is wrong."""

import hmac
import json
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.bridge.card_key import key_of_journal, load_key, look_at_key
from node.bridge.cards import Cards, Tokens, import_cards
from node.bridge.failpoint import FailPoint
from node.bridge.journal.schema import engine_of, migrate, open_engine
from node.bridge.people import open_people
from node.bridge.start import with_deployment
from node.bridge.window import percentile
from node.chain.signer import Signer, load_signer
from node.config import FAIL_POINT_VARIABLE, JournalSettings, load_bridge
from node.domain.errors import Unusable
from node.domain.ids import StreamId
from tests.offchain.bridge_out.stand import Stand

MINIMAL = """
[chain]
rpc = ["http://127.0.0.1:1"]
deployment = "network/deployment.json"
[stream]
id = 1
key_file = "poster.key"
"""
CARD = "6011000990139424"


def written(folder: Path, text: str) -> Path:
    path = folder / "bridge.toml"
    path.write_text(text)
    return path


def till(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "node.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | environment,
    )


def test_load_bridge_fills_in_defaults_and_takes_paths_from_the_files_folder(tmp_path: Path) -> None:
    loaded = load_bridge(written(tmp_path, MINIMAL), {})
    assert loaded.chain.deployment == tmp_path / "network" / "deployment.json"
    assert loaded.journal.path == tmp_path / "journal.sqlite"
    assert (loaded.iso8583, loaded.rpc, loaded.fail_point) == ((), None, "")
    assert loaded.answers.deadline_ms == 15_000


def test_load_bridge_takes_one_listener_or_several(tmp_path: Path) -> None:
    one = load_bridge(written(tmp_path, MINIMAL + '[iso8583]\nfields = "bcd"\n'), {}).iso8583
    assert [(each.name, each.fields, each.framing) for each in one] == [("iso8583", "bcd", "nac")]
    several = '[[iso8583]]\nmac_key_file = "a.keys"\n[[iso8583]]\nname = "old"\nframing = "ascii"\n'
    two = load_bridge(written(tmp_path, MINIMAL + several), {}).iso8583
    assert [(each.name, each.framing, each.mac_key_file) for each in two] == [
        ("iso8583", "nac", tmp_path / "a.keys"),
        ("old", "ascii", None),
    ]


def test_load_bridge_takes_the_fail_point_from_the_environment_only(tmp_path: Path) -> None:
    path = written(tmp_path, 'fail_point = "after-send"\n' + MINIMAL)
    assert load_bridge(path, {}).fail_point == ""
    assert load_bridge(path, {FAIL_POINT_VARIABLE: "after-send"}).fail_point == "after-send"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (MINIMAL + "colour = 1\n", "There is no setting stream.colour."),
        (MINIMAL.replace("id = 1", ""), "The setting stream.id is missing."),
        (MINIMAL.replace("id = 1", 'id = "1"'), "stream.id is a whole number, not '1'"),
        (MINIMAL.replace("id = 1", "id = 0"), "stream.id is between 1 and 4294967295, not 0"),
        (MINIMAL.replace("id = 1", "id = true"), "stream.id is a whole number, not True"),
        (MINIMAL.replace('["http://127.0.0.1:1"]', "[]"), "The length of chain.rpc is between 1 and 16, not 0"),
        (MINIMAL.replace('rpc = ["http://127.0.0.1:1"]', "rpc = [1]"), "chain.rpc is a list of texts"),
        (MINIMAL + "[batch]\nmax_payments = 99999\n", "batch.max_payments is between 1 and 2000, not 99999"),
        (MINIMAL.replace("[stream]", "finality = 'soon'\n[stream]"), "chain.finality is one of instant, finalized"),
        ("batch = 3\n" + MINIMAL, "batch is a table"),
        ("iso8583 = 3\n" + MINIMAL, "iso8583 is a table, [iso8583], or several, [[iso8583]]"),
        (MINIMAL + "[[iso8583]]\n[[iso8583]]\n", "a name of its own"),
        (MINIMAL + '[iso8583]\nname = "rpc"\n', "a name of its own"),
        (MINIMAL + "[[iso8583]]\n" * 17, "at most 16 tables"),
        (MINIMAL + '[iso8583]\nfields = "ebcdic"\n', "iso8583.fields is one of ascii, bcd"),
        ("= 3", "cannot be read"),
    ],
)
def test_load_bridge_says_what_is_wrong(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(Unusable) as failure:
        load_bridge(written(tmp_path, text), {})
    assert sentence in str(failure.value)


def test_load_bridge_refuses_when_the_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="There is no configuration file"):
        load_bridge(tmp_path / "none.toml", {})


@pytest.mark.parametrize("card", ["", CARD, "x" * 200])
def test_tokens_are_hmac_sha256(card: str) -> None:
    key = bytes(range(32))
    assert Tokens(key).of(card) == hmac.digest(key, card.encode(), "sha256")


def people_of(folder: Path) -> JournalSettings:
    return JournalSettings(people_master_key_file=folder / "people-master.key")


async def test_cards_find_members_and_keep_no_number(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "journal.sqlite")
    migrate(engine)
    key = load_key(tmp_path / "cards.key", make=True)
    assert (tmp_path / "cards.key").stat().st_mode & 0o077 == 0
    (tmp_path / "cards.csv").write_text(f"card,member\n{CARD},{2**64 - 1}\nLOYAL-7, 12\n")
    people = open_people(engine, people_of(tmp_path), key)
    assert import_cards(engine, key, people, tmp_path / "cards.csv") == 2
    cards = Cards(engine, load_key(tmp_path / "cards.key"), people)
    assert [cards.member_of(card) for card in (CARD, "LOYAL-7", "nobody")] == [2**64 - 1, 12, None]
    (tmp_path / "more.csv").write_text("another,77\nLOYAL-7,13\n")
    import_cards(engine, key, people, tmp_path / "more.csv")
    await cards.refresh()
    assert [cards.member_of(card) for card in ("another", "LOYAL-7")] == [77, 13]
    cards.close()
    assert Cards(engine, b"k" * 32, people).member_of(CARD) is None
    held = b"".join(path.read_bytes() for path in tmp_path.glob("journal.sqlite*"))
    assert CARD.encode() not in held


@pytest.mark.parametrize(
    "row", [CARD, f"{CARD},0", f"{CARD},x", f"{CARD},{2**64}", ",1", f"{CARD},1,2", "ü,1", "1234567,1", "1" * 20 + ",1"]
)
def test_import_cards_names_the_line_and_never_the_card(tmp_path: Path, row: str) -> None:
    engine = open_engine(tmp_path / "journal.sqlite")
    migrate(engine)
    (tmp_path / "cards.csv").write_text(f"card,member\nfirst,1\n{row}\n")
    people = open_people(engine, people_of(tmp_path), b"k" * 32)
    with pytest.raises(Unusable, match=r"Line 3 of .*cards\.csv") as failure:
        import_cards(engine, b"k" * 32, people, tmp_path / "cards.csv")
    assert CARD not in str(failure.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory."),
        (b"\xff\xfe,1\n", "it is not CSV text in UTF-8."),
        (b"", "holds no card; its lines are card,member."),
        (b"card,member\n", "holds no card; its lines are card,member."),
    ],
)
def test_import_cards_says_why_a_file_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    engine = open_engine(tmp_path / "journal.sqlite")
    migrate(engine)
    if content is not None:
        (tmp_path / "cards.csv").write_bytes(content)
    people = open_people(engine, people_of(tmp_path), b"k" * 32)
    with pytest.raises(Unusable) as failure:
        import_cards(engine, b"k" * 32, people, tmp_path / "cards.csv")
    assert str(failure.value).endswith(reason)


def test_migrate_refuses_a_revision_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"There is no schema revision 9999; there are base, .*0001 and head"):
        migrate(open_engine(tmp_path / "journal.sqlite"), "9999")


KEY = "0123456789abcdef" * 4


@pytest.mark.parametrize("form", [KEY, "0x" + KEY + "\n", "network"])
def test_load_signer_takes_hexadecimal_digits_and_a_networks_key_file(tmp_path: Path, form: str) -> None:
    path, address = tmp_path / "poster.key", Signer(bytes.fromhex(KEY)).address.hex()
    path.touch(mode=0o600)
    path.write_text(json.dumps({"address": "0x" + address, "private_key": "0x" + KEY}) if form == "network" else form)
    assert load_signer(path).address.hex() == address


@pytest.mark.parametrize(
    "text",
    ["", "no key", "{", "{}", '{"private_key": 1}', '{"private_key": "0x"}', '{"version": 3}', "[]", "0" * 64, KEY * 2],
)
def test_load_signer_refuses_what_is_no_key_in_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "poster.key"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(Unusable, match="holds no usable key"):
        load_signer(path)


def test_load_signer_refuses_an_address_of_another_key(tmp_path: Path) -> None:
    path = tmp_path / "poster.key"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"address": "0x" + "11" * 20, "private_key": KEY}))
    with pytest.raises(Unusable, match="does not belong to its key"):
        load_signer(path)


def test_with_deployment_fills_in_what_terminals_sign(tmp_path: Path) -> None:
    contracts = {name: {"address": "0x" + "ab" * 20} for name in ("RewardToken", "Registry", "RewardRules")}
    (tmp_path / "network").mkdir()
    deployment = json.dumps({"chain_id": 7, "block": 1, "contracts": contracts})
    (tmp_path / "network" / "deployment.json").write_text(deployment)
    same = f'chain_id = 7\nledger = "0x{"AB" * 20}"\n'
    for given in ("", same):
        filled = with_deployment(load_bridge(written(tmp_path, MINIMAL + "[rpc]\n" + given), {})).rpc
        assert filled is not None and (filled.chain_id, filled.ledger) == (7, "0x" + "ab" * 20)


def test_key_of_journal_makes_a_key_for_the_first_cards_only(kept: JournalSettings, tmp_path: Path) -> None:
    engine, path = engine_of(kept, StreamId(1)), tmp_path / "cards.key"
    look_at_key(engine, path)
    migrate(engine)
    look_at_key(engine, path)
    assert not path.exists()
    key = key_of_journal(engine, path)
    assert (key_of_journal(engine, path), load_key(path)) == (key, key)
    look_at_key(engine, path)
    if not kept.url:
        path.unlink()  # nothing is kept under it yet, and nobody else has it
        assert key_of_journal(engine, path) != key
        key = load_key(path)
    (tmp_path / "cards.csv").write_text(f"{CARD},5\n")
    import_cards(engine, key, open_people(engine, people_of(tmp_path), key), tmp_path / "cards.csv")
    path.unlink()
    for look in (key_of_journal, look_at_key):
        with pytest.raises(Unusable, match=r"There is no card key file .*copy it from where it is"):
            look(engine, path)
    assert not path.exists()
    path.touch(mode=0o600)
    path.write_text("ab" * 32)
    for look in (key_of_journal, look_at_key):
        with pytest.raises(Unusable, match="holds another key than that of the journal's cards"):
            look(engine, path)
    engine.dispose()


def test_key_of_journal_takes_the_key_of_cards_from_before_there_was_a_check_value(
    kept: JournalSettings, tmp_path: Path
) -> None:
    engine, path = engine_of(kept, StreamId(1)), tmp_path / "cards.key"
    migrate(engine)
    (tmp_path / "cards.csv").write_text(f"{CARD},5\n")
    key = bytes.fromhex("cd" * 32)
    import_cards(engine, key, open_people(engine, people_of(tmp_path), key), tmp_path / "cards.csv")
    with pytest.raises(Unusable, match="There is no card key file"):
        key_of_journal(engine, path)
    path.touch(mode=0o600)
    path.write_text("cd" * 32)
    assert key_of_journal(engine, path) == bytes.fromhex("cd" * 32)
    path.write_text("ab" * 32)
    with pytest.raises(Unusable, match="another key"):
        key_of_journal(engine, path)
    engine.dispose()


def test_load_key_refuses_when_others_can_read_it(tmp_path: Path) -> None:
    key = tmp_path / "cards.key"
    key.write_text("00" * 32)
    key.chmod(0o644)
    with pytest.raises(Unusable, match="chmod 600"):
        load_key(key)


def test_fail_point_refuses_a_name_that_is_none() -> None:
    with pytest.raises(Unusable, match="There is no fail point"):
        FailPoint("before-lunch")
    FailPoint("").passed("before-admit")


@pytest.mark.parametrize(("percent", "value"), [(50, 2), (99, 4), (1, 1)])
def test_percentile_is_the_nearest_rank(percent: int, value: int) -> None:
    assert percentile([1, 2, 3, 4], percent) == value
    assert percentile([], percent) is None


def test_till_bridge_status_and_migrate_show_the_journal(tmp_path: Path) -> None:
    path = str(written(tmp_path, MINIMAL))
    assert "There is no journal" in till("bridge", "status", "--config", path).stderr
    assert "schema 0001" in till("bridge", "migrate", "--config", path, "--to", "0001").stdout
    assert "of an older schema; till bridge migrate makes it one" in till("bridge", "status", "--config", path).stderr
    assert "schema 0" in till("bridge", "migrate", "--config", path).stdout
    shown = json.loads(till("bridge", "status", "--config", path, "--json").stdout)
    assert shown["entries"] == {"journaled": 0, "batched": 0, "sent": 0, "final": 0, "declined": 0}
    assert (shown["running"], shown["latency_p99_ms"]) == (False, None)
    assert "schema none" in till("bridge", "migrate", "--config", path, "--to", "base").stdout
    with sqlite3.connect(tmp_path / "journal.sqlite") as connection:
        left = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert left == {"alembic_version"}


@pytest.mark.anvil
@pytest.mark.parametrize(
    ("sections", "spoil", "sentence"),
    [
        (
            {"stream": {"id": 9}},
            None,
            "Stream 9 is not open on this ledger; the operator opens it with: brownie run open_stream main 9 0x",
        ),
        ({}, ("poster.key", "11" * 32), "the signer's address is 0x"),
        ({}, ("poster.key", "not a key"), "holds no usable key"),
        ({"chain": {"deployment": "none.json"}}, None, "There is no deployment"),
        ({"chain": {"rpc": ["http://127.0.0.1:9"], "attempts": 1}}, None, "is the network up (till net up DIR)?"),
        ({"rpc": {"chain_id": 5}}, None, "rpc.chain_id is 5, the deployment is on 31337; leave it out."),
        ({"rpc": {"ledger": "0x" + "11" * 20}}, None, f"rpc.ledger is 0x{'11' * 20}, the deployment's is 0x"),
        ({}, ("deployment.json", "chain"), "The chain's id is 31337, the deployment is on 7."),
    ],
)
def test_till_bridge_run_ends_with_one_sentence(
    stand: Stand, sections: dict[str, Any], spoil: tuple[str, str] | None, sentence: str
) -> None:
    config = stand.write(**sections)
    if spoil is not None and spoil[1] == "chain":
        deployment = json.loads((stand.folder / "deployment.json").read_text()) | {"chain_id": 7}
        (stand.folder / "deployment.json").write_text(json.dumps(deployment))
    elif spoil is not None:
        (stand.folder / spoil[0]).write_text(spoil[1])
    ended = till("bridge", "run", "--config", str(config))
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("till: ") and sentence in last
    assert "Traceback" not in ended.stderr


@pytest.mark.anvil
def test_till_bridge_run_says_which_port_is_in_use(stand: Stand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        keys = stand.folder / "mac.keys"
        keys.touch(mode=0o600)
        config = stand.write(iso8583={"port": taken.getsockname()[1], "mac_key_file": "mac.keys"})
        ended = till("bridge", "run", "--config", str(config))
    assert ended.returncode == 1
    assert f"port {taken.getsockname()[1] if taken.fileno() >= 0 else ''}".strip() in ended.stderr
    assert "Traceback" not in ended.stderr and not (stand.folder / "bridge.json").exists()


@pytest.mark.anvil
def test_till_bridge_run_refuses_a_second_bridge_on_the_same_journal(stand: Stand) -> None:
    import fcntl

    config = stand.write()
    with (stand.folder / "journal.sqlite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = till("bridge", "run", "--config", str(config))
    assert "Another bridge uses the journal" in ended.stderr
