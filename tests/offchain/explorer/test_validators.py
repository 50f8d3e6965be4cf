"""Who proposed and who signed: on the block's page, in the lists, and for clients that ask who mined a block."""

import json

import pytest

from tests.offchain.explorer.stand import Explorer, ShopOnChain

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
PROPOSER, ABSENT = "0x" + "02" * 20, "0x" + "03" * 20


def head(explorer: Explorer) -> int:
    found: int = json.loads(explorer.ask("/v1/signed-blocks")[1])["rows"][0]["number"]
    return found


def test_block_shows_who_proposed_and_who_did_not_sign_when_it_is_known(explorer: Explorer, shop: ShopOnChain) -> None:
    text = explorer.ask(f"/block/{head(explorer)}")[1].decode()
    assert "3 / 4" in text and PROPOSER in text and ABSENT in text and "Not signed by" in text
    assert "Not signed by" not in explorer.ask("/block/0")[1].decode()


def test_blocks_name_who_proposed_them_when_the_record_says_so(explorer: Explorer, shop: ShopOnChain) -> None:
    rows = explorer.ask("/blocks")[1].decode().partition("<tbody")[2].split("</tr>")
    here = next(row for row in rows if f'"/block/{head(explorer)}"' in row)
    assert PROPOSER in here and not any(PROPOSER in row for row in rows if row is not here)


def test_lists_give_the_record_when_they_are_asked(explorer: Explorer, shop: ShopOnChain) -> None:
    rows = json.loads(explorer.ask("/v1/validators", account="0x" + "03" * 20)[1])["rows"]
    assert [(row["name"], row["proposed"], row["signed"], row["missed"]) for row in rows] == [("v3", 250, 297, 3)]
    missed = json.loads(explorer.ask("/v1/missed-blocks", validator=ABSENT)[1])["rows"]
    assert missed == [{"validator": ABSENT, "number": head(explorer), "for_none": False}]
    later = json.loads(explorer.ask("/v1/signed-blocks", from_block=head(explorer) + 1)[1])
    assert later == {"rows": [], "next": None}


def test_miner_is_the_proposer_when_the_record_says_so(explorer: Explorer, shop: ShopOnChain) -> None:
    number = head(explorer)
    assert explorer.api("block", "getblockreward", blockno=number)["result"]["blockMiner"] == PROPOSER
    mined = explorer.api("account", "getminedblocks", address=PROPOSER)["result"]
    assert [row["blockNumber"] for row in mined] == [str(number)]
