"""What the journal keeps of people: sealed for each, erased with its key."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from node.bridge.cards import Cards, Tokens, import_cards
from node.bridge.erasing import erase_member
from node.bridge.journal.people import PersonKey, by_card
from node.bridge.journal.pins import SealedPin, StoredPin
from node.bridge.journal.schema import engine_of, migrate
from node.bridge.journal.tables import metadata
from node.bridge.people import People, Unreadable, look_at_people, open_people
from node.bridge.security.pin_hash import keep, pepper_of
from node.config import BridgeSettings
from node.domain.errors import Unusable
from node.domain.ids import StreamId
from tests.offchain.bridge_out.needles import forms_of_bytes, forms_of_digits, found_in
from tests.offchain.bridge_out.people.conftest import (
    ANN,
    BEN,
    CARD,
    OTHERS,
    OTHERS_PIN,
    PHONE,
    PIN,
    is_pin_of,
    members,
    stored_pin,
)


def dump(engine: Engine) -> bytes:
    """Every value in the journal's database, and a file's raw bytes."""
    held = b""
    with engine.connect() as connection:
        for table in metadata.tables:
            for row in connection.execute(text(f"SELECT * FROM {table}")):
                held += b"".join(bytes(v) if isinstance(v, bytes | memoryview) else f"|{v}|".encode() for v in row)
    if engine.url.get_backend_name() == "sqlite":
        path = Path(str(engine.url.database))
        held += b"".join(each.read_bytes() for each in path.parent.glob(path.name + "*"))
    return held


def test_journal_alone_says_nothing_of_a_person(engine: Engine, key: bytes, people: People) -> None:
    assert members(engine, key, people) == [ANN, ANN, BEN]
    assert is_pin_of(engine, key, people, CARD, PIN) and not is_pin_of(engine, key, people, CARD, OTHERS_PIN)
    needles = {f"{n} as {f}": v for n in (CARD, PHONE[1:], PIN) for f, v in forms_of_digits(n).items()}
    for name, secret in (("Ann", ANN.to_bytes(8, "big")), ("cards' key", key)):
        needles |= {f"{name} as {form}": value for form, value in forms_of_bytes(secret).items()}
    assert not found_in(dump(engine), needles)
    assert Tokens(key).of(CARD) in dump(engine), "the dump holds what it should"


def test_erased_member_cannot_be_read_and_others_can(
    settings: BridgeSettings, engine: Engine, key: bytes, people: People
) -> None:
    with engine.connect() as connection:
        person = by_card(connection, Tokens(key).of(CARD))
    sealed = stored_pin(engine, key, CARD)
    assert person is not None and sealed is not None
    running = Cards(engine, key, people)
    assert running.member_of(CARD) == ANN
    assert erase_member(settings, ANN) == 2
    asyncio.run(running.refresh())
    assert running.member_of(CARD) is None and running.member_of(PHONE) is None, "a running bridge knows, too"
    running.close()
    assert members(engine, key, people) == [None, None, BEN]
    assert is_pin_of(engine, key, people, OTHERS, OTHERS_PIN)
    gone = {"card": Tokens(key).of(CARD), "phone": Tokens(key).of(PHONE), "data key": person.wrapped}
    gone |= {"PIN": sealed.sealed, "tag": people.tag(ANN).encode()}
    assert not found_in(dump(engine), gone)
    with pytest.raises(Unusable, match="nothing of member"):
        erase_member(settings, ANN)


def test_erased_member_may_come_back_as_somebody_new(
    settings: BridgeSettings, engine: Engine, key: bytes, people: People, tmp_path: Path
) -> None:
    erase_member(settings, ANN)
    (tmp_path / "again.csv").write_text(f"{CARD},{ANN},\n")
    import_cards(engine, key, people, tmp_path / "again.csv")
    assert members(engine, key, people) == [ANN, None, BEN] and stored_pin(engine, key, CARD) is None


def test_card_that_is_given_to_another_member_takes_its_pin_along(
    settings: BridgeSettings, engine: Engine, key: bytes, people: People, tmp_path: Path
) -> None:
    (tmp_path / "moved.csv").write_text(f"{CARD},{BEN},\n")
    import_cards(engine, key, people, tmp_path / "moved.csv")
    assert is_pin_of(engine, key, people, CARD, PIN)
    assert erase_member(settings, ANN) == 1
    assert members(engine, key, people) == [BEN, None, BEN] and is_pin_of(engine, key, people, CARD, PIN)


def test_what_is_sealed_opens_for_its_own_card_and_person_only(engine: Engine, key: bytes, people: People) -> None:
    token, other = Tokens(key).of(CARD), Tokens(key).of(OTHERS)
    with engine.connect() as connection:
        ann, ben = by_card(connection, token), by_card(connection, other)
    assert ann is not None and ben is not None
    sealed = people.seal_card(ann, token, ANN)
    assert people.open_card(ann, token, sealed) == ANN
    for person, about, bytes_ in (
        (ben, token, sealed),
        (ann, other, sealed),
        (ann, token, sealed[:-1]),
        (ann, token, b""),
        (replace(ann, wrapped=ben.wrapped), token, sealed),
        (PersonKey(number=ann.number, wrapped=b""), token, sealed),
        *((ann, token, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]) for at in range(len(sealed))),
    ):
        with pytest.raises(Unreadable):
            people.open_card(person, about, bytes_)
    with pytest.raises(Unreadable):
        people.open_pin(token, SealedPin(sealed=sealed, cost="", person=ann))


def test_what_an_older_version_kept_is_sealed(settings: BridgeSettings, engine: Engine, key: bytes) -> None:
    token = Tokens(key).of(CARD)
    pin: StoredPin = keep(pepper_of(key), token, PIN)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO cards (token, member) VALUES (?, ?)",
            [(token, ANN.to_bytes(8, "big")), (b"another", BEN.to_bytes(8, "big"))],
        )
        connection.exec_driver_sql(
            "INSERT INTO pins (token, salt, hash, cost, tries) VALUES (?, ?, ?, ?, 2)",
            (token, pin.salt, pin.hash, pin.cost),
        )
    needles = {"Ann": ANN.to_bytes(8, "big"), "salt": pin.salt, "hash": pin.hash}
    assert len(found_in(dump(engine), needles)) == 3
    people = open_people(engine, settings.journal, key)
    assert members(engine, key, people)[0] == ANN and is_pin_of(engine, key, people, CARD, PIN)
    engine.dispose()
    assert not found_in(dump(engine), needles)


def test_look_at_people_makes_nothing_where_nothing_is_kept_yet(settings: BridgeSettings) -> None:
    empty = engine_of(settings.journal, StreamId(1))
    look_at_people(empty, settings.journal)
    migrate(empty)
    look_at_people(empty, settings.journal)
    assert not settings.journal.people_master_key_file.exists()
    empty.dispose()


def test_commands_erase_and_rekey(settings: BridgeSettings, engine: Engine, people: People, tmp_path: Path) -> None:
    def till(*arguments: str, said: str = "") -> "subprocess.CompletedProcess[str]":
        command = [
            sys.executable,
            "-m",
            "node.cli.main",
            "member",
            *arguments,
            "--config",
            str(tmp_path / "bridge.toml"),
        ]
        return subprocess.run(command, input=said, capture_output=True, text=True, check=False, timeout=60)

    assert till("erase", str(ANN), said="n\n").returncode
    done = till("erase", str(ANN), "--yes")
    assert (done.returncode, done.stdout) == (0, f"member {ANN} is erased here, with 2 cards\n"), done.stderr
    assert "There is nothing of member" in till("erase", str(ANN), "--yes").stderr
    assert till("rekey").stdout.startswith("1 key under the new people's master key")
    assert till("rekey", "--forget").stdout == "the people's master key before is destroyed\n"
