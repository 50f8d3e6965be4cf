"""Answers about members and merchants, by the contracts' views at the latest final block."""

from typing import Any, Final

from node.chain.deployment import Deployment
from node.chain.rpc import Rpc
from node.chain.views import Views
from node.domain.errors import TillnetError, UnknownMerchant
from node.domain.ids import MemberId, MerchantId, member_account
from node.explorer.answers import MemberAnswer, MerchantAnswer, RuleAnswer

REGISTERED, LOCKED, FROZEN, IN_ARREARS = 1, 2, 4, 8
BUDGETED, VETOED = 2, 16
_ACCOUNT: Final = "((uint56,uint56,uint56,uint48,uint16,uint8,uint16))"
_LEDGER_MERCHANT: Final = "((uint64,uint64,uint48,uint56,uint16,uint8))"
_REGISTRY_MERCHANT: Final = "((bytes32,bool,uint32,uint32))"
_RULE: Final = "((uint40,uint40,uint32,uint32,uint56,uint48,uint8,uint64,uint256))"
_STATES: Final = ((FROZEN, "frozen"), (LOCKED, "locked"), (IN_ARREARS, "in arrears"))


class NotEnrolled(TillnetError):
    """No member with this number is enrolled on this chain."""


async def ask_member(rpc: Rpc, deployment: Deployment, member: MemberId) -> MemberAnswer:
    """A member's account. Raises NotEnrolled when the chain has none of this id."""
    block = int(await rpc.call("eth_blockNumber"), 16)
    ((value, current, previous, _, _, tier, flags),) = await Views(rpc, deployment.ledger).ask(
        "account(uint64)", member, returns=_ACCOUNT
    )
    if not flags & REGISTERED:
        raise NotEnrolled(str(member))
    states = [name for bit, name in _STATES if flags & bit]
    return MemberAnswer(
        member=member,
        account="0x" + member_account(member).hex(),
        points=current + previous,
        expires_next=previous,
        stored_value=value,
        tier=tier,
        state=", ".join(states) or "active",
        block=block,
    )


async def ask_merchant(rpc: Rpc, deployment: Deployment, merchant: MerchantId) -> MerchantAnswer:
    """A merchant with its rule versions. Raises UnknownMerchant."""
    registry, rules = Views(rpc, deployment.registry), Views(rpc, deployment.rules)
    ledger = Views(rpc, deployment.ledger)
    block = int(await rpc.call("eth_blockNumber"), 16)
    (count,) = await registry.ask("merchantCount()", returns="(uint32)")
    if not 1 <= merchant <= count:
        raise UnknownMerchant(f"merchants are numbered 1 to {count}")
    ((name, active, stores, terminals),) = await registry.ask("merchant(uint32)", merchant, returns=_REGISTRY_MERCHANT)
    ((prepaid, payable, turnover, issued, _, _),) = await ledger.ask(
        "merchant(uint32)", merchant, returns=_LEDGER_MERCHANT
    )
    (deposit,) = await ledger.ask("deposits(uint32)", merchant, returns="(uint256)")
    (base,) = await rules.ask("baseVersion(uint32)", merchant, returns="(uint16)")
    (versions,) = await rules.ask("versionCount(uint32)", merchant, returns="(uint16)")
    return MerchantAnswer(
        merchant=merchant,
        name=name.rstrip(b"\0").decode("ascii", "replace"),
        active=active,
        stores=stores,
        terminals=terminals,
        prepaid=prepaid,
        issued_this_epoch=issued,
        payable=payable,
        turnover=turnover,
        deposit=deposit,
        rules=tuple([await _rule(ledger, rules, merchant, version, base) for version in range(1, versions + 1)]),
        block=block,
    )


async def _rule(ledger: Views, rules: Views, merchant: MerchantId, version: int, base: int) -> RuleAnswer:
    (word,) = await ledger.ask("rule(uint32,uint16)", merchant, version, returns=_RULE)
    ((_, _, product_set),) = await rules.ask(
        "version(uint32,uint16)", merchant, version, returns="((uint32,uint32,bytes32))"
    )
    return _rule_answer(word, product_set, version=version, base=base)


def _rule_answer(word: tuple[Any, ...], product_set: bytes, *, version: int, base: int) -> RuleAnswer:
    rate, base_rate, starts, until, budget_left, _, flags, veto_block, _ = word
    return RuleAnswer(
        version=version,
        base=version == base,
        rate=rate,
        base_rate=base_rate,
        budget_left=budget_left if flags & BUDGETED else None,
        starts=starts,
        until=until,
        vetoed=bool(veto_block) or bool(flags & VETOED),
        product_set="0x" + product_set.hex() if any(product_set) else None,
    )
