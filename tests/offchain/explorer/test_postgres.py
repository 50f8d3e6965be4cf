"""The explorer on PostgreSQL: the same rows, the same answers as on a file."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.database import Cluster
from benchmarks.devchain import Chain
from node.config import RpcAccess
from node.explorer.run import ExplorerSettings
from tests.offchain.explorer.shop_rows import ANNA, COUPON, PAYMENTS, write_shop
from tests.offchain.explorer.stand import LAYOUT, Explorer, chain_id_of, running, url_of

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept(
    request: pytest.FixtureRequest, chain: Chain, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Explorer]:
    folder: Path = tmp_path_factory.mktemp("kept")
    on_server = request.param == "postgresql"
    settings = ExplorerSettings(
        rpc=(url_of(chain),),
        access=RpcAccess(),
        chain_id=chain_id_of(chain),
        index=cluster.url("explored") if on_server else str(folder / "index.sqlite"),
        sources=cluster.url("sources") if on_server else str(folder / "sources.sqlite"),
        compilers=LAYOUT.solc_folder,
    )
    if not chain.request("eth_blockNumber").removeprefix("0x").strip("0"):
        chain.send(sender=chain.accounts[0], to=chain.accounts[1], data="0x")
    with running(settings) as explorer:
        explorer.index_now(chain)
        write_shop(explorer.index, chain)
        yield explorer


def test_answers_are_the_same_when_the_index_is_on_either(kept: Explorer, chain: Chain) -> None:
    for path in ("/", "/payment/1-42", f"/member/{ANNA}", f"/coupon/{COUPON}", "/merchant/1", "/statistics", "/blocks",
                 "/validators", "/tokens", "/search?q=corner", f"/address/{chain.accounts[0]}"):  # fmt: skip
        status, body = kept.ask(path)
        assert status == 200, (path, body[-500:])
    for name in ("payments", "blocks", "transactions", "members", "coupon-hops", "days", "validators"):
        page = json.loads(kept.ask(f"/v1/{name}", limit=5, order="desc")[1])
        if page["next"] is not None:
            more = json.loads(kept.ask(f"/v1/{name}", limit=5, order="desc", cursor=page["next"])[1])
            assert more["rows"] and not [row for row in more["rows"] if row in page["rows"]]
    found = json.loads(kept.ask("/v1/payments", member=ANNA, limit=1000)[1])["rows"]
    assert len(found) == PAYMENTS - PAYMENTS // 3 and found[0]["member"] == str(ANNA)
    assert kept.api("account", "txlist", address=chain.accounts[0])["status"] == "1"
    assert kept.ask("/v1/payments", format="parquet")[1][:4] == b"PAR1"
    assert kept.api("contract", "getabi", address=chain.accounts[0])["result"] == "Contract source code not verified"
