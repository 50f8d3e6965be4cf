"""Settlement: escrow payments, instalment plans, statements, fees, payouts, discounts on coins."""

from typing import Final

from sqlalchemy import Index, LargeBinary

from node.indexer.tables.kinds import (
    NUMBER,
    Uint64,
    changed,
    flag,
    key,
    money,
    number,
    octets,
    place,
    seen,
    small,
    table,
    uint64,
    units,
    words,
)

escrow_payments: Final = table(
    "escrow_payments",
    key(LargeBinary, "id", "32 bytes: the hash of its terms"),
    number("merchant", "Which merchant"),
    uint64("member", "Which member; 0 for none"),
    octets("payer", "Whose money, if an account's"),
    small("tender", "0 cash token, 1 coins, 2 stored value, as in interfaces/IEscrowPayment.sol"),
    uint64("limit", "What the terms allow in all, minor units"),
    money("authorized", "What was put aside"),
    money("capturable", "Of it, what is there still"),
    money("captured", "What the merchant took"),
    money("refunded", "What of that went back"),
    money("given_back", "What went back uncaptured: voided, reclaimed"),
    money("expired", "Coins that expired while they were put aside"),
    money("fees", "Fees of its captures"),
    units("held_current", "Coins that are put aside, of the newer bucket"),
    units("held_previous", "Of the older one"),
    number("held_epoch", "The epoch of the two"),
    units("reward", "Points that were given for it"),
    units("taken", "Points that were taken back"),
    number("authorize_by", "Unix seconds"),
    number("capture_by", "Unix seconds"),
    number("refund_by", "Unix seconds"),
    number("min_fee_bps", "Basis points"),
    number("max_fee_bps", "Basis points"),
    words(
        "status",
        "What the last event made of it: authorized, captured, voided, reclaimed, refunded or charged back",
    ),
    number("captured_at", "Unix seconds of the last capture", empty=True),
    *seen(),
    Index("escrow_payments_by_merchant", "merchant", "block"),
    Index("escrow_payments_by_member", "member", "block"),
    comment="Payments in two steps",
)

escrow_steps: Final = table(
    "escrow_steps",
    *place(),
    octets("id", "Which payment"),
    words(
        "kind",
        "The event: PaymentAuthorized, PaymentCaptured, PaymentVoided, PaymentReclaimed, PaymentRefunded, "
        "CaptureUndone, PaymentChargedBack",
    ),
    money("amount", "How much"),
    money("fee", "Of a capture"),
    units("points", "Given by a capture, or taken back"),
    words("reason", "Of a charge-back", empty=True),
    Index("escrow_steps_by_id", "id", "block"),
    comment="What happened to each of them",
)

instalment_plans: Final = table(
    "instalment_plans",
    key(LargeBinary, "id", "32 bytes: the hash of the plan"),
    number("merchant", "Which merchant"),
    uint64("member", "Which member; 0 for none"),
    octets("payer", "Whose money, if an account's"),
    octets("funder", "Who advanced it; zeros: the merchant waits"),
    money("price", "Of the goods"),
    money("interest", "For the whole plan"),
    flag("merchant_pays_interest", "Whether the merchant bears it"),
    money("total", "What is to be paid"),
    money("advanced", "What the funder paid the merchant"),
    small("count", "Instalments"),
    small("months", "Between two of them"),
    number("first_day", "The day of the first one, since 1970"),
    money("paid", "By the payer"),
    money("credited", "Without payment: interest saved, goods given back"),
    money("refunded", "Of the price, given back"),
    money("lost", "By the creditor, in default"),
    small("missed", "The last period in which something was due and could not be taken"),
    words("status", "open, closed or defaulted"),
    *seen(),
    Index("instalment_plans_by_merchant", "merchant"),
    Index("instalment_plans_by_member", "member"),
    comment="Sales in instalments",
)

instalment_steps: Final = table(
    "instalment_steps",
    *place(),
    octets("id", "Which plan"),
    words(
        "kind",
        "The event: PlanOpened, InstalmentPaid, InstalmentMissed, PlanPaidOff, PlanRefunded, PlanClosed, PlanDefaulted",
    ),
    small("instalment", "Which one, if one", empty=True),
    money("amount", "How much"),
    money("other", "PlanPaidOff: saved; PlanRefunded: returned; PlanOpened: advanced"),
    Index("instalment_steps_by_id", "id", "block"),
    comment="What happened to each of them",
)

funding_lines: Final = table(
    "funding_lines",
    key(LargeBinary, "funder", "Who lends"),
    key(NUMBER, "merchant", "To whose customers"),
    uint64("amount", "How much is left, minor units"),
    changed(),
    comment="What funders of instalments allow, as last set",
)

settlements: Final = table(
    "settlements",
    *place(),
    number("merchant", "Which merchant"),
    octets("payee", "Who was paid"),
    number("day", "The network's day that it closes, since 1970"),
    money("gross", "Captured"),
    money("refunds", "Refunded"),
    money("fees", "Kept for the network and others"),
    money("covered", "Refunds that other money of the merchant covered"),
    money("paid_at_once", "Paid before"),
    money("restored", "What came back to be held"),
    money("net", "Paid now"),
    money("carry_forward", "Still owed to the network"),
    Index("settlements_by_merchant", "merchant", "block"),
    comment="Settlement statements",
)

payouts: Final = table(
    "payouts",
    *place(),
    number("merchant", "Which merchant"),
    octets("payee", "Who was paid"),
    money("amount", "How much of its payable"),
    Index("payouts_by_merchant", "merchant", "block"),
    comment="Payables paid out",
)

fee_moves: Final = table(
    "fee_moves",
    *place(),
    words("kind", "FeeCredited or FeesClaimed"),
    number("merchant", "Of whose captures, when credited", empty=True),
    octets("receiver", "Whose fee"),
    money("amount", "How much"),
    Index("fee_moves_by_receiver", "receiver", "block"),
    comment="Fees credited to receivers, and claimed by them",
)

coin_discounts: Final = table(
    "coin_discounts",
    key(NUMBER, "stream", "The payment's"),
    key(Uint64, "sequence", "The payment's"),
    number("merchant", "Which merchant"),
    uint64("member", "Which member"),
    small("bearer", "Who bears it: 1 the merchant, 2 the platform"),
    money("coin_amount", "What was paid in coins"),
    money("discount", "What was taken off"),
    money("taken_back", "Of it, what was taken back since"),
    *seen(),
    comment="Discounts for paying in coins",
)
