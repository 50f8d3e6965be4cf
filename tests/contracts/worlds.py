"""Worlds in which something of everything is there, and payments drawn at random for them."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from benchmarks.devchain import Chain
from benchmarks.world import Terms, World
from node.domain.batch_format import BatchPayment
from node.domain.ids import Hash32, MemberId, MerchantId, MinorUnits, RuleVersion, TerminalNumber
from node.domain.ids import Sequence as SequenceNumber
from node.domain.merkle import keccak
from node.domain.payment import Line
from tests.contracts.twin import AUTHORISATION, Twin, external

RICH, POOR, TIERED, CLOSED = (MerchantId(m) for m in (1, 2, 3, 4))
MEMBERS = [MemberId(m) for m in (1, 2, 3, 2**64 - 1, 2**63 + 5)]
LOCKED, FROZEN, STRANGER = MemberId(77), MemberId(78), MemberId(79)
BASE, BUDGETED, CAPPED, WINDOWED, DISCOUNT, ALL_TERMS, VETOED = (RuleVersion(v) for v in range(1, 8))

# most payments are sound; the others have one fault
FAULTS: list[dict[str, Any]] = [
    {"merchant": CLOSED},
    {"merchant": MerchantId(9)},
    {"terminal": 2},
    {"terminal": 300},
    {"member": LOCKED},
    {"member": FROZEN},
    {"member": STRANGER},
    {"member": STRANGER, "enrol": True},
    {"member": MemberId(0), "enrol": True},
    {"skip": 0},
    {"skip": 300},
    {"authorised": False},
    {"late": 259_199},
    {"late": 259_201},
    {"late": -259_201},
    {"line": (0, 1, 0)},
    {"line": (100_000_000, 1, 0)},
    {"line": (100_000_001, 1, 0)},
    {"line": (2**48 - 1, 1, 0)},
    {"line": (90_000, 1, 2)},
    {"line": (90_000, 0, 1)},
    {"line": (5, 1, 3)},
    {"line": (5, 9, 0)},
    {"line": (5, 0, 2)},
]

sound_lines = st.builds(
    lambda amount, version, tender: (amount, 0 if tender == 1 else version, tender),
    amount=st.one_of(st.integers(1, 400), st.integers(1, 30_000), st.sampled_from([1, 9_999])),
    version=st.integers(1, 7),
    tender=st.sampled_from([0, 0, 0, 0, 1, 2]),
)


def maybe_acting(acts: Sequence[bytes]) -> st.SearchStrategy[dict[str, Any]]:
    """Payments of which some carry one of these acts, and some of those nothing else."""

    @st.composite
    def acting(draw: st.DrawFn) -> dict[str, Any]:
        fields = draw(payments()) | {"act": draw(st.sampled_from(acts))}
        return fields | {"lines": ()} if draw(st.booleans()) else fields

    return st.one_of(payments(), payments(), acting())


@st.composite
def payments(draw: st.DrawFn) -> dict[str, Any]:
    """What a payment may look like, for `made`: sequences and times are offsets."""
    fault = draw(st.sampled_from([None] * 24 + FAULTS)) or {}  # type: ignore[list-item]
    lines = draw(st.lists(sound_lines, min_size=1, max_size=draw(st.sampled_from([1, 1, 3, 16]))))
    if "line" in fault:
        lines[draw(st.integers(0, len(lines) - 1))] = fault["line"]
    return {
        "merchant": draw(st.sampled_from([RICH, POOR, TIERED])),
        "terminal": draw(st.sampled_from([0, 1])),
        "member": draw(st.sampled_from(MEMBERS)),
        "skip": 1,
        "late": draw(st.sampled_from([0, 0, 60, 86_400])),
        "items": draw(st.booleans()),
        "authorised": True,
        "enrol": draw(st.booleans()),
        **fault,
        "lines": tuple(
            Line(amount=MinorUnits(amount), rule_version=RuleVersion(version), tender=tender)
            for amount, version, tender in lines
        ),
    }


def made(twin: Twin, fields: dict[str, Any]) -> BatchPayment:
    """The payment that these fields describe, on the twin's next sequences."""
    twin.sequence += fields["skip"]
    return BatchPayment(
        sequence=SequenceNumber(twin.sequence),
        merchant=MerchantId(fields["merchant"]),
        terminal=TerminalNumber(fields["terminal"]),
        member=MemberId(fields["member"]),
        time=twin.now + 1 - fields["late"],
        lines=fields["lines"],
        items_root=Hash32(keccak(b"items")) if fields["items"] else None,
        authorisation=AUTHORISATION if fields["authorised"] else None,
        enrol=fields["enrol"],
        act=fields.get("act"),
    )


def furnished(chain: Chain, terms: Terms, make: Callable[[Chain, Terms], World] = World) -> Twin:
    """Four merchants: rich, poor (owes), with tiers, switched off; members with value and coins of both ages."""
    twin = Twin(chain, terms, make)
    for prepaid in (10**9, 30, 10**9, 10**6):
        _merchant(twin, prepaid)
    twin.enrol(*MEMBERS, LOCKED, FROZEN)
    for tier, member in enumerate(MEMBERS):
        twin.recharge(member, 20_000)
        twin.set_tier(member, tier)
    twin.post(*(twin.payment(RICH, member, external(10_000_000)) for member in MEMBERS))
    twin.tick(31 * 86_400)
    twin.post(*(twin.payment(RICH, member, external(1_000_000)) for member in MEMBERS[:3]))
    twin.set_state(LOCKED, locked=True)
    twin.set_state(FROZEN, frozen=True)
    model = twin.model
    twin.act(twin.world.registry, "setMerchantActive", CLOSED, False, model=lambda: model.set_merchant(CLOSED, False))
    twin.set_limit(200_000)
    twin.compare()
    return twin


def _merchant(twin: Twin, prepaid: int) -> None:
    now = twin.now
    merchant = twin.onboard(terminals=2, prepaid=prepaid)
    twin.base(merchant, tiers=(15_000, 0, 65_535) if merchant == TIERED else ())
    twin.offer(merchant, budget=4_000_000)
    twin.offer(merchant, day_cap=700_000, multiplier_bps=30_000)
    twin.offer(merchant, starts=now - 86_400, until=now + 86_400, tiers=(20_000, 5_000))
    twin.offer(merchant, multiplier_bps=5_000, budget=10**6, day_cap=10**6)
    twin.offer(merchant, budget=3_000_000, day_cap=2_000_000, tiers=(12_345,), starts=now - 100)
    veto(twin, merchant, twin.offer(merchant))


def veto(twin: Twin, merchant: MerchantId, version: RuleVersion) -> None:
    """The operator ends an offer."""
    twin.act(
        twin.world.rules, "vetoVersion", merchant, version, "why", model=lambda: twin.model.veto(merchant, version)
    )
