"""Gifts, certificates, referrals, pending and missing points, and statements, as people run them on anvil."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from node.chain.deployment import load_deployment
from node.chain.ledger import LineRefund, Refund, RefundKind, post_batch, post_refunds
from node.domain.batch_format import BatchPayment, encode_batch, gas_limit, make_batch
from node.domain.ids import (
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    Sequence,
    StreamId,
    TerminalNumber,
)
from node.domain.payment import Line, Tender
from node.network.keys import make_account, write_account
from scripts.brownie_shim import gateway_of_folder
from scripts.dates import time_of
from scripts.proofs import _prove
from scripts.session import DEVELOPMENT_KEY
from tests.scripts.conftest import Chain
from tests.scripts.test_run import shown, told, web3_of

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
OPERATOR = Account.from_key(DEVELOPMENT_KEY)
ANN, BOB = 7, 8
DAY = 86_400
REFUND_GAS = 1_000_000


@pytest.fixture(scope="module")
def shop(anvil: Chain) -> Chain:
    """A shop with points, its till on a stream of the operator's, two members."""
    for command in (
        ("deploy",),
        ("open_stream", "main", "1", OPERATOR.address, "50,000.00"),
        ("onboard_merchant", "main", "Corner Shop", "Main Street=S0000101"),
        ("set_rule", "main", "1", "1%"),
        ("fund_points", "main", "1", "10,000.00"),
        ("enrol_members", "main", f"{ANN},{BOB}"),
    ):
        shown(anvil, *command)
    return anvil


@pytest.fixture(scope="module")
def ann(shop: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Ann's key file, registered and named for the scripts."""
    file, account = tmp_path_factory.mktemp("ann") / "key.json", make_account()
    write_account(file, account)
    assert account.address in shown(shop, "enrol_members", "key", str(ANN), account.address)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILLNET_MEMBER_KEY", str(file))
        yield file


class Poster:
    """Posts payments in the operator's name, as a bridge would."""

    def __init__(self, chain: Chain, operator: LocalAccount = OPERATOR) -> None:
        self.web3, self.operator, self.folder = web3_of(chain), operator, chain.folder
        self.network = chain.network if chain.network.startswith("http") else gateway_of_folder(chain.folder)[0]
        deployment = json.loads((chain.folder / "deployment.json").read_text())
        self.ledger = deployment["contracts"]["RewardToken"]["address"]
        self.sequence = 0

    def pay(self, member: int, *lines: Line, merchant: int = 1, **fields: Any) -> str:
        """Posts a payment and returns its name."""
        self.sequence += 1
        payment = BatchPayment(
            sequence=Sequence(self.sequence),
            merchant=MerchantId(merchant),
            terminal=TerminalNumber(0),
            member=MemberId(member),
            time=self.now(),
            lines=lines,
            authorisation=Hash32(b"\1" * 32),
            **fields,
        )
        batch = make_batch(StreamId(1), [payment])
        self._send(post_batch(encode_batch(batch)), gas_limit(batch))
        return f"1-{self.sequence}"

    def refund(self, payment: str, amount: int = 0) -> None:
        """Undoes an amount of a payment's first line, or all of it."""
        deployment = load_deployment(self.folder / "deployment.json")
        *words, root, proof = asyncio.run(_prove(self.network, deployment, [payment]))[0].words
        self.sequence += 1
        line = LineRefund(leaf=b"".join(words), amount=MinorUnits(amount), root=root, proof=tuple(proof))
        kind = RefundKind.REFUND if amount else RefundKind.VOID
        refund = Refund(sequence=Sequence(self.sequence), kind=kind, lines=(line,))
        self._send(post_refunds(StreamId(1), [refund]), REFUND_GAS)

    def _send(self, data: bytes, gas: int) -> None:
        request = {
            "to": self.ledger,
            "data": "0x" + data.hex(),
            "gas": gas,
            "nonce": self.web3.eth.get_transaction_count(self.operator.address),
            "chainId": self.web3.eth.chain_id,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 1,
        }
        sent = self.web3.eth.send_raw_transaction(self.operator.sign_transaction(request).raw_transaction)
        assert self.web3.eth.wait_for_transaction_receipt(sent)["status"] == 1

    def now(self) -> int:
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def wait(self, seconds: int) -> None:
        for method, arguments in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
            self.web3.provider.make_request(method, arguments)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def poster(shop: Chain) -> Poster:
    return Poster(shop)


def external(amount: int) -> Line:
    return Line(amount=MinorUnits(amount), rule_version=RuleVersion(1), tender=Tender.EXTERNAL)


def coin(amount: int) -> Line:
    return Line(amount=MinorUnits(amount), rule_version=RuleVersion(0), tender=Tender.COIN)


def test_gift_is_published_reserved_and_handed_over(shop: Chain, ann: Path, poster: Poster) -> None:
    poster.pay(ANN, external(100_000))
    out = shown(shop, "publish_gift", "main", "1", "Mug", "2.50", "3", "0", "0", "0", "2")
    assert "Gift 4294967297 Mug" in out
    assert "NotInGroup" not in out
    assert "There is no gift 5" in told(shop, "redeem_gift", "main", str(ANN), "5")
    assert "4" in shown(shop, "publish_gift", "stock", "4294967297", "1")
    out = shown(shop, "redeem_gift", "main", str(ANN), "4294967297")
    assert "Reservation 1" in out
    assert "2.500000" in out
    assert "handed over" in shown(shop, "redeem_gift", "confirm", "1")
    assert "WrongState" in told(shop, "release_gift", "main", "1")
    assert "taken back" in shown(shop, "release_gift", "take_back", "1")
    shown(shop, "redeem_gift", "main", str(ANN), "4294967297")
    assert "released" in shown(shop, "release_gift", "cancel", "2")
    assert "withdrawn" in shown(shop, "publish_gift", "withdraw", "4294967297")
    assert "GiftClosed" in told(shop, "redeem_gift", "main", str(ANN), "4294967297")


def test_gift_scripts_tell_what_is_wrong(shop: Chain, ann: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "There is no merchant 9" in told(shop, "publish_gift", "main", "9", "Mug", "1.00", "3")
    assert "BadPrice" in told(shop, "publish_gift", "main", "1", "Mug", "0", "3")
    assert "There is no reservation 77" in told(shop, "release_gift", "main", "77")
    assert "no key on this chain" in told(shop, "redeem_gift", "main", str(BOB), "4294967297")
    monkeypatch.delenv("TILLNET_MEMBER_KEY")
    assert "name its key file in TILLNET_MEMBER_KEY" in told(shop, "redeem_gift", "main", str(ANN), "4294967297")


def test_certificate_is_sold_given_split_and_spent(shop: Chain, ann: Path) -> None:
    assert "InsufficientPayable" in told(shop, "sell_certificate", "main", "1", "50.00", str(ANN))
    shown(shop, "fund_points", "main", "1", "100.00")  # mints cash to the operator for this and nothing else
    assert "ERC20InsufficientBalance" in told(shop, "sell_certificate", "cash", "50.00", str(ANN))


def test_certificate_of_a_code_is_claimed_and_spent_in_parts(shop: Chain, ann: Path, poster: Poster) -> None:
    # a sale paid in coins fills the merchant's payable, from which it sells certificates
    poster.pay(ANN, coin(700))
    out = shown(shop, "sell_certificate", "main", "1", "5.00", "code")
    found = re.search(r"Code: ([A-Z2-9-]{24})", out)
    assert found is not None
    code = found.group(1)
    assert "2.00" in shown(shop, "redeem_certificate", "code", code, "1", "3.00")
    assert "BadAmount(amount=201, most=200)" in told(shop, "redeem_certificate", "code", code, "1", "2.01")
    assert "There is no certificate for this code" in told(
        shop, "redeem_certificate", "code", "2222-2222-2222-2222-2222", "1", "1.00"
    )
    assert "is no code" in told(shop, "redeem_certificate", "code", "2222", "1", "1.00")
    assert f"member {ANN}" in shown(shop, "give_certificate", "claim", code, str(ANN))
    assert "5.00" in shown(shop, "redeem_certificate", "give_back", "1", "1", "3.00")
    out = shown(shop, "split_certificate", "main", "1", "1.00,0.50")
    assert all(amount in out for amount in ("3.50", "1.00", "0.50"))
    assert f"member {BOB}" in shown(shop, "give_certificate", "main", "2", str(BOB))
    assert "1.50" in shown(shop, "redeem_certificate", "main", "1", "1", "2.00")
    assert "NotOver" in told(shop, "redeem_certificate", "expire", "1")
    assert "There is no certificate 9" in told(shop, "redeem_certificate", "main", "9", "1", "1.00")


def test_referrer_gets_its_points_when_anybody_claims(shop: Chain, ann: Path, poster: Poster) -> None:
    assert "referred member 8" in shown(shop, "refer_member", "main", str(BOB), str(ANN))
    assert "AlreadyReferred" in told(shop, "refer_member", "main", str(BOB), str(ANN))
    assert "ReferrerAlready" in told(shop, "refer_member", "sign", str(ANN), str(BOB))
    assert "Programme 1" in shown(shop, "refer_member", "programme", "1", "2%", "1,000", "1")
    payment = poster.pay(BOB, external(10_000))
    assert "TooEarly" in told(shop, "claim_referrals", "main", "1", payment)
    poster.wait(2 * DAY)
    assert "2.000000" in shown(shop, "claim_referrals", "main", "1", payment)
    assert "NothingToGive" in told(shop, "claim_referrals", "main", "1", payment)
    assert "There is no programme 9" in told(shop, "claim_referrals", "main", "9", payment)
    assert "is no payment such as 1-42" in told(shop, "claim_referrals", "main", "1", "nonsense")
    assert "did not accept a payment" in told(shop, "claim_referrals", "main", "1", "1-999")


def test_pending_points_come_after_their_days(shop: Chain, poster: Poster) -> None:
    assert "Pending points of merchant 1" in shown(shop, "set_pending", "main", "1", "3%", "1", "500")
    payment = poster.pay(BOB, external(10_000))
    poster.wait(2 * DAY)
    assert "3.000000" in shown(shop, "claim_pending", "main", payment)
    assert "BadDays" in told(shop, "set_pending", "end", "1", "2001-01-01")
    assert "is no date" in told(shop, "set_pending", "end", "1", "tomorrow")


def test_missing_points_need_two_people(
    shop: Chain, poster: Poster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = poster.now() - 600
    moment = time_of(time).replace(" ", "T")
    out = shown(shop, "claim_missing", "attest", "1", "0", "R-1", "10.00", moment, str(BOB))
    claim = re.search(r"claim .*(0x[0-9a-f]{64})", out)
    assert claim is not None
    assert "ReceiptUsed" in told(shop, "claim_missing", "attest", "1", "0", "R-1", "9.00", moment, str(BOB))
    receipt = f"receipt-{claim.group(1)[2:14]}"
    assert "SamePerson" in told(shop, "proposals", "approve", receipt)
    assert "is no claim" in told(shop, "claim_missing", "show", "0x12")
    assert "Cancelled" in shown(shop, "proposals", "cancel", receipt)
    assert "rejected" in shown(shop, "claim_missing", "show", claim.group(1))


def test_missing_points_are_approved_by_another_and_revoked_when_goods_come_back(
    shop: Chain, poster: Poster, manager: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = coins_of(shop, BOB)
    moment = time_of(poster.now() - 900).replace(" ", "T")
    out = shown(shop, "claim_missing", "attest", "1", "0", "R-2", "25.00", moment, str(BOB))
    claim = re.search(r"claim .*(0x[0-9a-f]{64})", out)
    assert claim is not None
    assert "WrongState" in told(shop, "claim_missing", "revoke", claim.group(1))
    monkeypatch.setenv("TILLNET_OPERATOR_KEY", str(manager))
    receipt = f"receipt-{claim.group(1)[2:14]}"
    assert receipt in shown(shop, "proposals")
    assert "Approved: merchant 1's base for 25.00: member 8." in shown(shop, "proposals", "approve", receipt)
    out = shown(shop, "claim_missing", "show", claim.group(1))
    # the base is 1 %
    assert "approved" in out and "0.250000" in out
    assert coins_of(shop, BOB) == before + 250_000
    assert f"There is no open proposal {receipt}" in told(shop, "proposals", "approve", receipt)
    assert "revoked" in shown(shop, "claim_missing", "revoke", claim.group(1))
    assert coins_of(shop, BOB) == before
    assert "WrongState" in told(shop, "claim_missing", "revoke", claim.group(1))


@pytest.fixture
def manager(shop: Chain, tmp_path: Path) -> Path:
    """The key file of an account in the merchant's finance group."""
    file, account = tmp_path / "manager.json", make_account()
    write_account(file, account)
    shown(shop, "grant_groups", "main", "1", account.address, "finance")
    Web3(Web3.HTTPProvider(shop.network)).provider.make_request(
        "anvil_setBalance",  # type: ignore[arg-type]
        [account.address, hex(10**18)],
    )
    return file


def coins_of(shop: Chain, member: int) -> int:
    """Units that a member has, from its page."""
    found = re.search(r"│ coins +│ +([0-9,.]+) +│", shown(shop, "show_member", "main", str(member)))
    assert found is not None
    return int(found[1].replace(",", "").replace(".", ""))


def test_statement_adds_up_and_is_written_as_csv(shop: Chain, ann: Path, tmp_path: Path) -> None:
    out = shown(shop, "member_statement", "main", str(ANN))
    for word in ("earned", "spent", "given by a merchant", "sent", "received", "given back", "closing", "Gifts"):
        assert word in out, word
    file = tmp_path / "ann.csv"
    assert "entries written" in shown(shop, "member_statement", "csv", str(ANN), str(file))
    rows = [line.split(",") for line in file.read_text().splitlines()]
    assert rows[0] == ["time", "what", "with", "coins", "balance", "transaction"]
    assert sum(round(float(row[3]) * 10**6) for row in rows[1:]) == round(float(rows[-1][4]) * 10**6)
    assert "No member 99" in told(shop, "member_statement", "main", "99")


def test_dry_run_sends_nothing(shop: Chain, poster: Poster) -> None:
    before = poster.web3.eth.block_number
    out = shown(shop, "publish_gift", "main", "1", "Cup", "1.00", "3", "--dry-run")
    assert "GiftPublished" in out
    assert poster.web3.eth.block_number == before
