"""The validators' record, from an archive of what they signed for the blocks of a development chain."""

import asyncio
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from benchmarks.devchain import Chain, anvil
from node.chain.checked import LyingNode
from node.chain.rpc import Rpc
from node.consensus.registry import Validator
from node.domain.ids import Address
from node.domain.leaf import NetworkTerms
from node.indexer.database import open_index
from node.indexer.fetch import Fetcher
from node.indexer.follow import Following, Indexer
from node.indexer.known import Known
from node.indexer.run import empty
from node.indexer.store import Store
from node.indexer.tables import governance, metadata
from node.network.heights import ArchivedHeights
from tests.contracts.indexing import rows_of, url_of
from tests.offchain.proofs.chain_of_our_own import Signer, hash_of, signed_header, signers

pytestmark = [pytest.mark.anvil]
FOUR = signers(10, 10, 10, 10)
BLOCKS = 30
ABSENT: Mapping[int, Collection[int]] = {7: (3,), 8: (3,), 20: (0,)}
AGAINST: Mapping[int, Collection[int]] = {9: (2,)}


def account(place: int) -> bytes:
    return bytes([0xA0 + place]) * 20


def known(those: Collection[Signer] = FOUR) -> Known:
    terms = NetworkTerms(
        units_per_minor_unit=1, max_line_amount=1, epoch_start=0, epoch_length=0, utc_offset=0, clock_tolerance=0
    )
    validators = tuple(
        Validator(account=Address(account(place)), power=each.power, key=each.validator.key, node_id=bytes(20), name="")
        for place, each in enumerate(those)
    )
    return Known(chain_id=31_337, names={}, ledger=b"\x1e" * 20, terms=terms, validators=validators)


@dataclass
class Signed:
    """A chain with the archive of its heights."""

    chain: Chain
    folder: Path
    lines: list[dict[str, Any]] = field(default_factory=list)

    def write(self, folder: Path, change: Callable[[list[dict[str, Any]]], object] = lambda lines: None) -> Path:
        """The archive, as `till net archive` keeps it, after a change of it."""
        lines = json.loads(json.dumps(self.lines))
        change(lines)
        folder.mkdir()
        kept = [{"header": each["header"], "commit": each["commit"]} for each in lines]
        (folder / "000000001.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))
        entry = {"hash": hash_of(FOUR).hex().upper(), "validators": lines[0]["validators"]}
        entry["validators"] = [{**each, "proposer_priority": "0"} for each in entry["validators"]]
        (folder / "validators.jsonl").write_text(json.dumps(entry) + "\n")
        return folder


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    """Thirty blocks; two validators miss some, one votes for none once, and the proposers take turns."""
    with anvil() as chain:
        chain.request("anvil_mine", hex(BLOCKS), "0x1")
        made = Signed(chain, tmp_path_factory.mktemp("signed"))
        for height in range(1, BLOCKS + 1):
            block = chain.request("eth_getBlockByNumber", hex(height - 1), False)
            made.lines.append(
                signed_header(
                    height, FOUR, app_hash=bytes.fromhex(block["hash"][2:]), absent=ABSENT.get(height, ()),
                    against=AGAINST.get(height, ()), proposer=height % 4, round=int(height == 11),
                    before=made.lines[-1] if made.lines else None,
                )
            )  # fmt: skip
        yield made


def index(signed: Signed, where: str | Path, archive: Path, *, of: Known | None = None, until: int = -1) -> Engine:
    engine = open_index(str(where))

    async def follow() -> None:
        async with Rpc([url_of(signed.chain)], timeout=60) as rpc:
            store = Store(engine)
            heights = ArchivedHeights(archive)
            try:
                await Indexer(
                    Fetcher(rpc, believe_senders=True), store, of or known(), Following(range=7), heights=heights
                ).run(until=until)  # fmt: skip
            finally:
                store.close()

    asyncio.run(follow())
    return engine


def everything(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    return {table.name: rows_of(engine, table) for table in metadata.sorted_tables}


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "index.sqlite")
    found: str = request.getfixturevalue("database")
    return found


def test_record_says_who_proposed_and_who_missed_when_it_follows(signed: Signed, where: str, tmp_path: Path) -> None:
    engine = index(signed, where, signed.write(tmp_path / "archive"))
    blocks = rows_of(engine, governance.signed_blocks)
    # the last height is settled by the next one
    assert [row["number"] for row in blocks] == list(range(1, BLOCKS))
    assert [row["proposer"] for row in blocks] == [account(number % 4) for number in range(1, BLOCKS)]
    assert {row["number"] for row in blocks if row["round"]} == {11}
    assert [(row["signed"], row["missed"], row["power"], row["total"]) for row in blocks if row["missed"]] == [
        (3, 1, 30, 40)
    ] * 4
    missed = {(row["validator"], row["number"], row["for_none"]) for row in rows_of(engine, governance.missed_blocks)}
    assert missed == {
        (account(3), 7, False), (account(3), 8, False), (account(0), 20, False), (account(2), 9, True),
    }  # fmt: skip
    for place, row in enumerate(rows_of(engine, governance.validators)):
        assert row["proposed"] == sum(number % 4 == place for number in range(1, BLOCKS))
        assert row["missed"] == sum(each[0] == account(place) for each in missed)
        assert row["signed"] + row["missed"] == BLOCKS - 1


def test_record_is_the_same_when_it_is_built_again_or_in_parts(signed: Signed, where: str, tmp_path: Path) -> None:
    archive = signed.write(tmp_path / "archive")
    first = everything(index(signed, where, archive))
    empty(where)
    for until in (4, 5, 19, -1):
        engine = index(signed, where, archive, until=until)
    assert everything(engine) == first


def test_record_stands_and_goes_on_when_the_archive_grows(signed: Signed, tmp_path: Path) -> None:
    short = signed.write(tmp_path / "short", lambda lines: lines.__delitem__(slice(12, None)))
    whole = signed.write(tmp_path / "archive")
    where = tmp_path / "index.sqlite"
    engine = index(signed, where, short)
    assert len(rows_of(engine, governance.signed_blocks)) == 11
    assert everything(index(signed, where, whole)) == everything(index(signed, tmp_path / "other.sqlite", whole))


def _drop_vote(lines: list[dict[str, Any]]) -> None:
    lines[4]["commit"]["signatures"][1] = {**lines[6]["commit"]["signatures"][3]}


def _other_proposer(lines: list[dict[str, Any]]) -> None:
    lines[4]["header"]["proposer_address"] = lines[5]["header"]["proposer_address"]


def _other_block(lines: list[dict[str, Any]]) -> None:
    lines[4:] = [signed_header(5, FOUR, app_hash=b"\x07" * 32, before=lines[3]), *lines[5:]]


def _forged(lines: list[dict[str, Any]]) -> None:
    lines[4]["commit"]["signatures"][0]["signature"] = lines[5]["commit"]["signatures"][0]["signature"]


@pytest.mark.parametrize("change", [_drop_vote, _other_proposer, _other_block, _forged])
def test_record_stops_when_what_was_signed_is_altered(
    signed: Signed, tmp_path: Path, change: Callable[[list[dict[str, Any]]], object]
) -> None:
    with pytest.raises(LyingNode):
        index(signed, tmp_path / "index.sqlite", signed.write(tmp_path / "archive", change))
    assert all(
        row["number"] < 5 for row in rows_of(open_index(str(tmp_path / "index.sqlite")), governance.signed_blocks)
    )


def test_record_stops_when_the_registry_never_had_a_validator(signed: Signed, tmp_path: Path) -> None:
    with pytest.raises(LyingNode, match="registry never had"):
        index(signed, tmp_path / "index.sqlite", signed.write(tmp_path / "archive"), of=known(FOUR[:3]))
