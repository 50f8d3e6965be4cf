"""The last picture of the network in the journal says all that it was made of."""

import zlib
from dataclasses import fields
from pathlib import Path

import pytest

from node.bridge.journal import picture
from node.bridge.journal.picture import Picture, pack, unpack
from node.bridge.journal.schema import migrate, open_engine
from node.domain.acts.coupon import Face
from node.domain.directory import Campaign, Directory, Merchant, Rule, Terminal
from node.domain.errors import BrokenInvariant
from node.domain.ids import (
    Address,
    Hash32,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    TerminalId,
    TerminalNumber,
    Units,
)
from node.domain.leaf import LedgerTerms


def full() -> Picture:
    """No field of it is what it would be by default."""
    rule = Rule(
        version=RuleVersion(2),
        rate=50_000,
        base_rate=10_000,
        starts=1_700_000_000,
        until=1_800_000_000,
        budget=Units(10**12),
        day_cap=Units(5_000),
        product_set=Hash32(b"\x11" * 32),
        tier_table=(10_000, 20_000),
        vetoed=True,
    )
    terminal = Terminal(
        id=TerminalId("7T0"),
        merchant=MerchantId(7),
        store=3,
        number=TerminalNumber(4),
        stream=StreamId(9),
        signer=Address(b"\x22" * 20),
        floor_limit=MinorUnits(5_000),
        active=False,
        previous_signer=Address(b"\x33" * 20),
    )
    directory = Directory(
        block=1_234,
        currency="978",
        max_line_amount=MinorUnits(10**8),
        terminals={terminal.id: terminal},
        merchants={MerchantId(7): Merchant(id=MerchantId(7), active=False, base=RuleVersion(1), rules=(rule,))},
        campaigns={5: Campaign(face=list(Face)[-1], value=250, product_set=Hash32(b"\x44" * 32))},
        discount_bps=500,
    )
    terms = LedgerTerms(units_per_minor_unit=10_000, epoch_start=11, epoch_length=22, clock_tolerance=33)
    return Picture(directory=directory, terms=terms)


def test_unpack_gives_back_every_field_but_product_lists_when_it_was_packed() -> None:
    assert unpack(pack(full())) == full()
    bare = Picture(directory=Directory(block=1, currency="840", max_line_amount=MinorUnits(1)), terms=full().terms)
    assert unpack(pack(bare)) == bare


def test_full_leaves_no_field_out_when_classes_grow() -> None:
    """Whoever adds a field to what is kept has to put it into the picture, too."""
    directory = full().directory
    for made in (
        directory,
        directory.merchants[MerchantId(7)].rules[0],
        directory.terminals[TerminalId("7T0")],
        directory.campaigns[5],
    ):
        named = {each.name for each in fields(made)} - {"product_sets"}
        assert all(getattr(made, name) not in (None, (), {}, 0) or name in ("active", "vetoed") for name in named)


def test_kept_is_the_newest_picture_when_two_were_kept(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "journal.sqlite")
    migrate(engine)
    first = Picture(directory=Directory(block=1, currency="840", max_line_amount=MinorUnits(1)), terms=full().terms)
    with engine.begin() as connection:
        assert picture.kept(connection) is None
        for each in (first, full()):
            picture.keep(connection, each)
        assert picture.kept(connection) == full()


@pytest.mark.parametrize("content", [b"", b"x", zlib.compress(b"[]"), zlib.compress(b'{"format": 2}')])
def test_unpack_stops_the_bridge_when_it_is_no_picture(content: bytes) -> None:
    with pytest.raises(BrokenInvariant):
        unpack(content)
