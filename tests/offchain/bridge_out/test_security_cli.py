"""`till bridge cards pin | unlock | import`, `till bridge qr`: what is typed, and what is never an argument."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from node.bridge.card_key import load_key
from node.bridge.cards import Tokens
from node.bridge.journal.people import by_card
from node.bridge.journal.pins import SealedPin, StoredPin
from node.bridge.journal.schema import engine_of
from node.bridge.people import open_people
from node.bridge.security.pin_hash import is_right, pepper_of
from node.bridge.security.qr import Codes
from node.config import JournalSettings, load_bridge
from node.domain.ids import StreamId

CARD, PHONE, PIN = "6011000990139424", "+491701234567", "4711"


@pytest.fixture
def config(tmp_path: Path, kept: JournalSettings) -> Path:
    path = tmp_path / "bridge.toml"
    path.write_text(
        '[chain]\nrpc = ["http://127.0.0.1:1"]\ndeployment = "deployment.json"\n'
        '[stream]\nid = 1\nkey_file = "poster.key"\n[journal]\ncard_key_file = "cards.key"\n'
        + (f'url = "{kept.url}"\n' if kept.url else "")
    )
    (tmp_path / "cards.csv").write_text(f"card,member,pin\n{CARD},7,{PIN}\n{PHONE},7,\n")
    done = till("bridge", "cards", "import", str(tmp_path / "cards.csv"), "--config", str(path))
    assert done.stdout == "2 cards imported\n"
    return path


def journal_of(config: Path) -> Engine:
    return engine_of(load_bridge(config, {}).journal, StreamId(1))


def till(*arguments: str, said: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "node.cli.main", *arguments]
    return subprocess.run(command, input=said, capture_output=True, text=True, check=False, timeout=60)


def pin_of(config: Path, card: str) -> tuple[bytes, StoredPin | None, int]:
    key = load_key(config.parent / "cards.key")
    token = Tokens(key).of(card)
    with journal_of(config).connect() as connection:
        row = connection.exec_driver_sql("SELECT salt, hash, cost, tries FROM pins WHERE token = ?", (token,)).first()
        person = by_card(connection, token)
    if row is None or person is None:
        return token, None, 0
    people = open_people(journal_of(config), load_bridge(config, {}).journal, key)
    assert row[0] == b""
    return token, people.open_pin(token, SealedPin(sealed=bytes(row[1]), cost=row[2], person=person)), row[3]


def is_pin_of(config: Path, card: str, pin: str) -> bool:
    token, stored, _ = pin_of(config, card)
    return stored is not None and is_right(pepper_of(load_key(config.parent / "cards.key")), token, pin, stored)


def test_pin_is_imported_with_its_card_and_kept_when_the_column_is_empty(config: Path) -> None:
    assert is_pin_of(config, CARD, PIN) and pin_of(config, PHONE)[1] is None
    (config.parent / "cards.csv").write_text(f"{CARD},8,\n")
    assert till("bridge", "cards", "import", str(config.parent / "cards.csv"), "--config", str(config)).returncode == 0
    assert is_pin_of(config, CARD, PIN)
    (config.parent / "cards.csv").write_text(f"{CARD},8,12a4\n")
    refused = till("bridge", "cards", "import", str(config.parent / "cards.csv"), "--config", str(config))
    assert refused.returncode and "ine 1 of" in refused.stderr and "12a4" not in refused.stderr + refused.stdout


def test_pin_is_set_by_two_lines_and_unlocked(config: Path) -> None:
    done = till("bridge", "cards", "pin", "--config", str(config), said="+49 170 1234567\n0815\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "the PIN is set\n", "")
    assert is_pin_of(config, PHONE, "0815")
    with journal_of(config).begin() as connection:
        connection.exec_driver_sql("UPDATE pins SET tries = 3")
    one = till("bridge", "cards", "unlock", "--config", str(config), said=f"{CARD}\n")
    assert (
        one.stdout == "1 card with a PIN unlocked\n" and pin_of(config, CARD)[2] == 0 and pin_of(config, PHONE)[2] == 3
    )
    every = till("bridge", "cards", "unlock", "--config", str(config), "--member", "7")
    assert every.stdout == "2 cards with a PIN unlocked\n" and pin_of(config, PHONE)[2] == 0


@pytest.mark.parametrize(
    ("said", "reason"),
    [("12\n0815\n", "no card"), (f"{CARD}\n08155x\n", "4 to 12 digits"), ("6011000990139499\n0815\n", "o member has")],
)
def test_pin_is_refused_without_quoting_it_when_something_is_wrong(config: Path, said: str, reason: str) -> None:
    refused = till("bridge", "cards", "pin", "--config", str(config), said=said)
    assert refused.returncode and reason in refused.stderr
    assert not any(line in refused.stderr + refused.stdout for line in said.split()[1:])


def test_pin_and_unlock_make_no_journal_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "bridge.toml"
    path.write_text(
        '[chain]\nrpc = ["http://127.0.0.1:1"]\ndeployment = "d"\n[stream]\nid = 1\n[journal]\ncard_key_file = "k"\n'
    )
    for command in ("pin", "unlock"):
        refused = till("bridge", "cards", command, "--config", str(path), said=f"{CARD}\n{PIN}\n")
        assert refused.returncode and "There is no journal" in refused.stderr
    assert not (tmp_path / "journal.sqlite").exists()


def test_pin_is_asked_for_on_a_terminal_without_being_shown(config: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "node.cli.main", "bridge", "cards", "pin", "--config", str(config)]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    seen, typed = b"", [b"Card: ", b"PIN: ", b"Repeat for confirmation: "]
    deadline = time.monotonic() + 60
    for prompt, answer in zip(typed, (CARD, "246810", "246810"), strict=True):
        while prompt not in seen:
            assert time.monotonic() < deadline, seen
            seen += os.read(master, 1_000)
        seen = seen.partition(prompt)[2]
        assert CARD.encode() not in seen
        os.write(master, answer.encode() + b"\n")
    assert process.wait(60) == 0
    os.close(master)
    assert is_pin_of(config, CARD, "246810")


def test_qr_key_and_code_are_made_and_the_bridge_can_read_them(tmp_path: Path) -> None:
    made = till("bridge", "qr", "key", str(tmp_path / "app.key"))
    assert (tmp_path / "app.key").stat().st_mode & 0o777 == 0o600
    keys = tmp_path / "qr.keys"
    keys.write_text(made.stdout)
    keys.chmod(0o644)
    shown = till("bridge", "qr", "make", "--key", str(tmp_path / "app.key"), "--member", "7", "--seconds", "30")
    code = Codes(keys).read(shown.stdout.strip())
    assert code is not None and code.member == 7 and abs(code.expiry - time.time() - 30) < 20
    again = till("bridge", "qr", "key", str(tmp_path / "app.key"))
    assert again.returncode and "File exists" in again.stderr
    (tmp_path / "app.key").chmod(0o644)
    refused = till("bridge", "qr", "make", "--key", str(tmp_path / "app.key"), "--member", "7")
    assert refused.returncode and "open to others" in refused.stderr
