"""The master key of people: made once, private, changed beside a running bridge, and what is lost with it."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from node.bridge.cards import Cards
from node.bridge.erasing import change_people_master, erase_member, forget_people_master
from node.bridge.journal.schema import engine_of
from node.bridge.people import People, look_at_people, open_people
from node.bridge.security.people_master import FilePeopleMaster, write_once
from node.config import BridgeSettings
from node.domain.errors import JournalUnwritable, Unusable
from node.domain.ids import StreamId
from tests.offchain.bridge_out.people.conftest import ANN, BEN, CARD, OTHERS, OTHERS_PIN, PHONE, PIN, is_pin_of, members


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
