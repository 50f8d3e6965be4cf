"""Personal data at rest: sealed for each member, found by keyed hashes, gone with the member's key."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from node.bridge.at_hand import with_all_at_hand
from node.bridge.card_key import load_key
from node.bridge.cards import Cards, Tokens, import_cards
from node.bridge.erasing import change_people_master, erase_member, forget_people_master
from node.bridge.journal.people import PersonKey, by_card
from node.bridge.journal.pins import SealedPin, StoredPin
from node.bridge.journal.schema import engine_of, migrate
from node.bridge.journal.tables import metadata
from node.bridge.people import People, Unreadable, look_at_people, open_people
from node.bridge.security.people_master import FilePeopleMaster, write_once
from node.bridge.security.pin_hash import is_right, keep, pepper_of
from node.config import BridgeSettings, JournalSettings, load_bridge
from node.domain.errors import JournalUnwritable, Unusable
from node.domain.ids import StreamId
from tests.offchain.bridge_out.needles import forms_of_bytes, forms_of_digits, found_in

CARD, PHONE, OTHERS = "6011000990139424", "+491701234567", "4929117753184026"
PIN, OTHERS_PIN = "836194725038", "529471836602"
ANN, BEN = 0xA1B2C3D4E5F60718, 0x1122334455667788


@pytest.fixture
def settings(tmp_path: Path, kept: JournalSettings) -> BridgeSettings:
    path = tmp_path / "bridge.toml"
    path.write_text(
        '[chain]\nrpc = ["http://127.0.0.1:1"]\ndeployment = "deployment.json"\n'
        '[stream]\nid = 1\nkey_file = "poster.key"\n[journal]\ncard_key_file = "cards.key"\n'
        + (f'url = "{kept.url}"\n' if kept.url else "")
    )
    return load_bridge(path, {})


@pytest.fixture
def engine(settings: BridgeSettings) -> Iterator[Engine]:
    made = engine_of(settings.journal, StreamId(1))
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def key(settings: BridgeSettings) -> bytes:
    return load_key(settings.journal.card_key_file, make=True)


@pytest.fixture
def people(settings: BridgeSettings, engine: Engine, key: bytes, tmp_path: Path) -> People:
    """With Ann's card, PIN and phone number, and Ben's card and PIN."""
    opened = open_people(engine, settings.journal, key)
    file = tmp_path / "cards.csv"
    file.write_text(f"{CARD},{ANN},{PIN}\n{PHONE},{ANN},\n{OTHERS},{BEN},{OTHERS_PIN}\n")
    assert import_cards(engine, key, opened, file) == 3
    return opened


def stored_pin(engine: Engine, key: bytes, card: str) -> SealedPin | None:
    token = Tokens(key).of(card)
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT hash, cost FROM pins WHERE token = ?", (token,)).first()
        person = by_card(connection, token)
    return None if row is None or person is None else SealedPin(sealed=bytes(row[0]), cost=row[1], person=person)


def is_pin_of(engine: Engine, key: bytes, people: People, card: str, pin: str) -> bool:
    sealed, token = stored_pin(engine, key, card), Tokens(key).of(card)
    return sealed is not None and is_right(pepper_of(key), token, pin, people.open_pin(token, sealed))


def member_of(cards: Cards, card: str) -> int | None:
    """Whose it is, fetched if it has to be."""

    async def look() -> int | None:
        return cards.member_of(card)

    return asyncio.run(with_all_at_hand(look))


def members(engine: Engine, key: bytes, people: People) -> list[int | None]:
    cards = Cards(engine, key, people)
    found = [member_of(cards, card) for card in (CARD, PHONE, OTHERS)]
    cards.close()
    return found


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


@pytest.mark.parametrize("kept", ["sqlite"], indirect=True)
def test_copy_of_the_journal_from_before_opens_for_nobody_once_the_master_key_is_gone(
    settings: BridgeSettings, engine: Engine, key: bytes, people: People, tmp_path: Path
) -> None:
    engine.dispose()
    copy = tmp_path / "backup.sqlite"
    shutil.copy(settings.journal.path, copy)
    old = engine_of(replace(settings.journal, path=copy), StreamId(1))
    assert erase_member(settings, ANN) == 2
    assert members(old, key, open_people(old, settings.journal, key)) == [ANN, ANN, BEN], "as the page says"
    before = settings.journal.people_master_key_file.read_text().split()
    assert change_people_master(settings) == 1
    assert members(old, key, open_people(old, settings.journal, key)) == [ANN, ANN, BEN]
    forget_people_master(settings)
    with pytest.raises(Unusable, match="is not the journal's"):
        open_people(old, settings.journal, key)
    with pytest.raises(JournalUnwritable):
        members(old, key, People(old, FilePeopleMaster(settings.journal.people_master_key_file), key))
    # with the new key and the journal as it is now
    assert members(engine, key, people) == [None, None, BEN]
    assert is_pin_of(engine, key, people, OTHERS, OTHERS_PIN)
    after = settings.journal.people_master_key_file.read_text().split()
    assert len(before) == len(after) == 1 and before != after


def test_master_key_is_changed_beside_a_running_bridge_and_after_a_crash(
    settings: BridgeSettings, engine: Engine, key: bytes, people: People
) -> None:
    running = Cards(engine, key, people)
    pins = open_people(engine, settings.journal, key)
    assert is_pin_of(engine, key, pins, CARD, PIN) and running.member_of(CARD) == ANN
    FilePeopleMaster(settings.journal.people_master_key_file).renew()  # killed here
    with pytest.raises(Unusable, match="under the people's master key before"):
        forget_people_master(settings)
    assert members(engine, key, people) == [ANN, ANN, BEN]
    assert change_people_master(settings) == 2
    assert change_people_master(settings) == 2, "again, as for another journal"
    forget_people_master(settings)
    # within the second in which it has not read the cards again
    assert is_pin_of(engine, key, pins, CARD, PIN)
    assert [running.member_of(card) for card in (CARD, PHONE, OTHERS)] == [ANN, ANN, BEN]
    running.close()


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


def test_master_key_file_is_private_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "people-master.key"
    master = FilePeopleMaster.at(path)
    assert path.stat().st_mode & 0o777 == 0o600 and len(path.read_text().split()) == 1
    wrapped = master.wrap(b"k" * 32, b"about")
    assert FilePeopleMaster.at(path).unwrap(wrapped, b"about") == b"k" * 32
    for other, about in ((wrapped, b"other"), (wrapped[:-1], b"about"), (b"", b"about"), (wrapped[::-1], b"about")):
        with pytest.raises(Unusable, match="not the journal's"):
            master.unwrap(other, about)
    secret = path.read_text().strip()
    path.chmod(0o640)
    with pytest.raises(Unusable, match="open to others"):
        master.wrap(b"k", b"")
    path.chmod(0o600)
    for content in ("", "zz" * 32, secret[2:], f"{secret}\n{secret}\n{secret}\n"):
        path.write_text(content)
        with pytest.raises(Unusable) as refused:
            FilePeopleMaster.at(path)
        assert secret[2:] not in str(refused.value)
    path.unlink()
    with pytest.raises(Unusable, match="There is no people's master key"):
        master.wrap(b"k", b"")


def test_another_master_key_is_refused_at_the_start(
    settings: BridgeSettings, engine: Engine, key: bytes, people: People, tmp_path: Path
) -> None:
    other = replace(settings.journal, people_master_key_file=tmp_path / "another.key")
    with pytest.raises(Unusable, match=r"There is no people's master key .*another.key, .*copy it from where it is"):
        open_people(engine, other, key)
    assert not other.people_master_key_file.exists()
    FilePeopleMaster.at(other.people_master_key_file)
    for opened in (lambda: open_people(engine, other, key), lambda: look_at_people(engine, other)):
        with pytest.raises(Unusable, match=r"The people's master key in .*another.key is not the journal's"):
            opened()
    look_at_people(engine, settings.journal)
    assert members(engine, key, people) == [ANN, ANN, BEN]


def test_look_at_people_makes_nothing_where_nothing_is_kept_yet(settings: BridgeSettings) -> None:
    empty = engine_of(settings.journal, StreamId(1))
    look_at_people(empty, settings.journal)
    migrate(empty)
    look_at_people(empty, settings.journal)
    assert not settings.journal.people_master_key_file.exists()
    empty.dispose()


def test_master_key_that_two_make_at_once_is_one(tmp_path: Path) -> None:
    path = tmp_path / "people-master.key"
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: FilePeopleMaster.at(path), range(8)))
    wrapped = made[0].wrap(b"k" * 32, b"")
    assert all(each.unwrap(wrapped, b"") == b"k" * 32 for each in made)
    write_once(path, "another")
    assert made[0].unwrap(wrapped, b"") == b"k" * 32 and [each.name for each in tmp_path.iterdir()] == [
        "people-master.key"
    ]


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
