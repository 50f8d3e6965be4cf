"""The bridge of a demonstration has its tills' keys wrapped, and takes their MACs."""

import json
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

from node.bridge.keys.vault import open_vault
from node.bridge.verify.mac_keys import MacKeys
from node.config import load_bridge
from node.demo.plan import Plan, Shop, Till
from node.demo.stand import Stand
from node.domain.ids import TerminalId
from node.iso8583.retail_mac import RetailMac
from node.network.keys import make_account, write_account

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


def test_the_bridges_keys_are_wrapped_when_it_is_written(tmp_path: Path) -> None:
    stand, till = Stand(tmp_path), TerminalId("S0000101")
    write_account(stand.network_folder / "keys" / "bridge.json", make_account())
    ledger = {"contracts": {"RewardToken": {"address": "0x" + "11" * 20}}}
    (stand.network_folder / "deployment.json").write_text(json.dumps(ledger))
    tills = (
        Till(id=till, store=1, mac_key=KEY, signing_key=None),
        Till(id=TerminalId("S0000102"), store=2, mac_key=None, signing_key=bytes(31) + b"\x01"),
    )
    shop = Shop(name="shop", coefficient=1, multiplier=1, budget=1, prepaid_cents=1, tills=tills)
    plan = Plan(shops=(shop,), members=MappingProxyType({}), cards=MappingProxyType({}), product_set=())
    network: Any = SimpleNamespace(validators=[0], rpc_url=lambda _: "http://127.0.0.1:1", chain_id=7)
    stand._write_bridge(cast(Any, network), plan, {"iso8583": {"mac": "x9.19"}})
    kept = (stand.bridge_folder / "mac.keys").read_text()
    assert KEY.hex() not in kept.lower() and kept.startswith(f"{till} ")
    settings = load_bridge(stand.bridge_config, {})
    keys = MacKeys(settings.iso8583[0].mac_key_file, open_vault(settings.keys))
    (mac,) = keys.of(till)
    assert mac.compute(b"probe") == RetailMac(KEY).compute(b"probe") and len(keys) == 1
