"""Two nodes that sign with one consensus key: the others report it, and the contract removes the validator."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.network.control import start, stop, wait_until_final
from node.network.init import NetworkOrder, init_network
from tests.network.chain import Chain, wait_until
from tests.network.newcomer import make_newcomer
from tests.network.test_governance import THREE, council, powers, till

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def net(folder: Path) -> Iterator[Chain]:
    """Four validators, young: the twin has to replay all their blocks before it votes."""
    plan = init_network(NetworkOrder(folder=folder / "net", validators=4), now=datetime.now(UTC))
    try:
        start(plan)
        wait_until_final(plan, blocks=1, seconds=120)
        yield Chain(plan)
    finally:
        stop(plan)
        shutil.rmtree(folder / "net", ignore_errors=True)


def test_double_signing_is_reported_and_removes_the_validator(net: Chain, folder: Path) -> None:
    twin = make_newcomer(net.plan, folder / "twin", "twin", key_of="v4")
    victim = net.plan.validator("v4")
    till("validator", "propose", "observer", net.plan.folder, twin.validators[0].node_id, "twin", *THREE)
    try:
        start(twin)
        wait_until(
            lambda: "v4" not in {each["name"] for each in council(net)["validators"]},
            seconds=300,
            what="the contract has removed it",
        )
    finally:
        stop(twin)
        shutil.rmtree(folder / "twin", ignore_errors=True)
    wait_until(lambda: victim.address not in powers(net.plan, "v1"), seconds=30, what="CometBFT has removed it")
    others = ("v1", "v2", "v3")
    height = net.wait_for_blocks(3, *others)
    net.assert_same_chain(height, *others)
    card = folder / "v4.json"
    card.write_text(till("validator", "card", net.plan.folder, "--as", "v4"))
    assert "never validates again" in till(
        "validator", "propose", "add", net.plan.folder, card, "--drastic", "--as", "v1", code=1
    )
