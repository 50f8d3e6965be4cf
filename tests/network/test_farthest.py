"""How far a validator may have signed that has lost its sign state: whose word is taken, and whose does not suffice.

And which validator of a folder is asked: the one that has the highest block.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.config import RPC_CA_VARIABLE
from node.network.certificate import make_certificate
from node.network.clients import farthest_of
from node.network.doctor.chain import check_heights
from node.network.doctor.finding import Patient
from node.network.doctor.times import check_clocks
from node.network.farthest import GETH_REWIND, MARGIN, HeightUnknown, farthest_signed
from node.network.init import NetworkOrder, init_network
from node.network.plan import NetworkPlan, as_peer, peer_url
from node.network.rpc import NoAnswer, call
from scripts import brownie_shim
from tests.network.fake_gateway import fake_gateway, registry_answer

EQUAL = (10, 10, 10, 10)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetworkPlan]:
    """A network of four that was never started."""
    folder = tmp_path_factory.mktemp("farthest") / "net"
    yield init_network(NetworkOrder(folder=folder, validators=4), now=datetime.now(UTC))
    shutil.rmtree(folder)


def ask(four: NetworkPlan, heights: dict[str, int], powers: tuple[int, ...] = EQUAL) -> int:
    """What v1 learns that runs alone from its folder, when these gateways elsewhere answer."""
    lost, *others = four.validators
    spread = replace(four, validators=(lost,), others=tuple(as_peer(each) for each in others))
    with ExitStack() as gateways:
        for name, height in heights.items():
            gateways.enter_context(fake_gateway(four.validator(name), height, registry_answer(four.validators, powers)))
        return farthest_signed(spread, lost)


def test_highest_counts_when_half_of_the_power_answers(four: NetworkPlan) -> None:
    assert ask(four, {"v2": 290, "v4": 300}) == 300 + GETH_REWIND + MARGIN


def test_one_of_four_does_not_suffice_since_it_may_be_behind(four: NetworkPlan) -> None:
    with pytest.raises(HeightUnknown, match="v3 have 10 of 40"):
        ask(four, {"v3": 300})
    with pytest.raises(HeightUnknown, match="none"):
        ask(four, {})


def test_one_that_is_far_behind_does_not_count_since_it_may_sync_anew(four: NetworkPlan) -> None:
    with pytest.raises(HeightUnknown, match="v3 have 10 of 40"):
        ask(four, {"v2": 5, "v3": 300})
    assert ask(four, {"v2": 5, "v3": 300, "v4": 299}) == 300 + GETH_REWIND + MARGIN


def test_power_counts_not_heads(four: NetworkPlan) -> None:
    assert ask(four, {"v2": 300}, (10, 30, 10, 10)) == 300 + GETH_REWIND + MARGIN
    # exactly a third is not more than a third
    with pytest.raises(HeightUnknown, match="10 of 30"):
        ask(four, {"v2": 300}, (10, 10, 5, 5))


def test_the_lost_ones_own_power_and_a_strangers_word_do_not_count(four: NetworkPlan) -> None:
    lost, second, third, _ = four.validators
    strangers = [as_peer(replace(each, public_key="ab" * 32, node_id=digit * 40)) for each, digit in ((second, "c"),)]
    registry = registry_answer(four.validators, EQUAL)
    with fake_gateway(second, 900, registry), fake_gateway(third, 900, registry):
        spread = replace(four, validators=(lost,), others=(*strangers, as_peer(third)))
        with pytest.raises(HeightUnknown, match="10 of 40"):
            farthest_signed(spread, lost)
        # a key that was rotated is known by its node
        rotated = replace(as_peer(second), public_key="ab" * 32)
        spread = replace(spread, others=(rotated, as_peer(third)))
        assert farthest_signed(spread, lost) == 900 + GETH_REWIND + MARGIN


def test_who_has_its_gateway_for_itself_cannot_be_asked(four: NetworkPlan) -> None:
    lost, *others = four.validators
    private = replace(four, validators=(lost,), others=tuple(replace(as_peer(each), gateway=None) for each in others))
    with pytest.raises(HeightUnknown):
        farthest_signed(private, lost)


def test_gateways_elsewhere_that_speak_tls_answer_once_their_certificates_are_named(
    four: NetworkPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, *others = four.validators
    spread = replace(four, validators=(lost,), others=tuple(as_peer(each, "https") for each in others))
    operator = replace(spread, validators=())
    bundle = tmp_path / "gateways.pem"
    with ExitStack() as gateways:
        for each in others[:2]:
            home = tmp_path / each.name
            home.mkdir()
            made = make_certificate(home, ["127.0.0.1"], days=1, now=datetime.now(UTC))
            with bundle.open("a") as file:
                file.write(made.read_text())
            gateways.enter_context(fake_gateway(each, 300, registry_answer(four.validators, EQUAL), home=home))
        monkeypatch.delenv(RPC_CA_VARIABLE, raising=False)
        with pytest.raises(HeightUnknown):
            farthest_signed(spread, lost)
        with pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED"):
            call(str(peer_url(spread.others[0])), "eth_blockNumber", [])
        assert not [*check_clocks(Patient(plan=operator))]
        monkeypatch.setenv(RPC_CA_VARIABLE, str(bundle))
        assert farthest_signed(spread, lost) == 300 + GETH_REWIND + MARGIN
        found = [
            finding.text for finding in (*check_heights(Patient(plan=operator)), *check_clocks(Patient(plan=operator)))
        ]
        assert found == [
            "v2 at 127.0.0.1 has block 300",
            "v3 at 127.0.0.1 has block 300",
            "v4 at 127.0.0.1 does not answer here",
            "v2 has this machine's time",
            "v3 has this machine's time",
        ]
        # a certificate counts for the names in it only
        wrong = replace(spread.others[0], host="localhost")
        with pytest.raises(NoAnswer, match="Hostname mismatch"):
            call(str(peer_url(wrong)), "eth_blockNumber", [])
        # a file that is not there is told, and trusts nobody
        monkeypatch.setenv(RPC_CA_VARIABLE, str(tmp_path / "missing.pem"))
        with pytest.raises(NoAnswer, match="No such file"):
            call(str(peer_url(spread.others[0])), "eth_blockNumber", [])


def test_validator_with_the_highest_block_is_asked_though_the_first_lags_or_is_silent(
    four: NetworkPlan,
) -> None:
    first, second, third, _ = four.validators
    registry = registry_answer(four.validators, EQUAL)
    assert farthest_of(four) == first
    with fake_gateway(second, 7, registry), fake_gateway(third, 9, registry):
        assert farthest_of(four) == third
        with fake_gateway(first, 9, registry):
            assert farthest_of(four) == first
        before = dict(os.environ)
        assert brownie_shim.gateway_of_folder(four.folder) == (four.rpc_url(third), four.home(third.name))
        assert dict(os.environ) == before
    assert farthest_of(replace(four, validators=())) is None
