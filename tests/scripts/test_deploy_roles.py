"""A deployment whose admin and finance are others than the operator."""

import json
from pathlib import Path

import pytest
from web3 import Web3

from scripts.deploy import VALUES, delays_of
from scripts.trouble import Trouble
from tests.scripts.conftest import ROOT, Chain

pytestmark = pytest.mark.anvil
ADMIN = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
AUDITOR = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"
FINANCE = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


DELAYS = "operator = 0\nfinance = 0\n"


def values(folder: Path, roles: str, delays: str = DELAYS) -> str:
    file, shipped = folder / "values.toml", VALUES.read_text()
    assert DELAYS in shipped
    file.write_text(shipped.replace(DELAYS, delays) + roles)
    return str(file)


@pytest.mark.parametrize(
    ("delays", "sentence"),
    [
        ({"keeper": 5}, "names 'keeper'; it may name admin, operator, finance"),
        ({"finance": -1}, "finance of [delays] is -1"),
        ({"operator": "1h"}, "operator of [delays] is '1h'"),
        ({"admin": 366 * 86_400}, "admin of [delays] is 31622400"),
    ],
)
def test_delays_are_refused_when_they_cannot_be(delays: dict[str, object], sentence: str) -> None:
    with pytest.raises(Trouble) as caught:
        delays_of({"delays": delays})
    assert sentence in str(caught.value)
    assert delays_of({}) == {"admin": 0, "operator": 0, "finance": 0}


@pytest.mark.parametrize(
    ("roles", "sentence"),
    [
        ("[roles]\nadmin = '0x12'\n", "'0x12' is no address"),
        (
            "[roles]\noperator = '0x12'\n",
            "[roles] names 'operator'; it may name admin, keeper, finance, auditor, guardian",
        ),
    ],
)
def test_deploy_refuses_when_roles_cannot_be_given(anvil: Chain, tmp_path: Path, roles: str, sentence: str) -> None:
    ended = anvil.brownie("deploy", "main", values(tmp_path, roles))
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert not (anvil.folder / "deployment.json").exists()


def test_deploy_leaves_the_operator_without_the_roles_that_others_have(anvil: Chain, tmp_path: Path) -> None:
    roles = f"[roles]\nadmin = '{ADMIN}'\nfinance = '{FINANCE}'\nauditor = '{AUDITOR}'\n"
    file = values(tmp_path, roles, "operator = 7_200\nfinance = 3_600\n")
    ended = anvil.brownie("deploy", "main", file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    deployment = json.loads((anvil.folder / "deployment.json").read_text())
    artifact = json.loads((ROOT / "node" / "artifacts" / "contracts" / "NetworkAccess.json").read_text())
    web3 = Web3(Web3.HTTPProvider(anvil.network))
    access = web3.eth.contract(deployment["contracts"]["NetworkAccess"]["address"], abi=artifact["abi"])
    holders = {"operator": deployment["operator"], "admin": ADMIN, "finance": FINANCE, "auditor": AUDITOR}
    held = {
        name: [role for role in (0, 1, 2, 6, 9) if access.functions.hasRole(role, holder).call()[0]]
        for name, holder in holders.items()
    }
    # whose acts wait from then on
    waits = [access.functions.hasRole(role, holders[name]).call() for role, name in ((1, "operator"), (2, "finance"))]
    assert waits == [[True, 7_200], [True, 3_600]]
    assert held == {"operator": [1], "admin": [0, 9], "finance": [2], "auditor": [6]}
