"""Stored value and loyalty: recharges, rebates, cards, corrections, merges, gifts, certificates, referrals, claims."""

from typing import Final

from sqlalchemy import Index, LargeBinary

from node.indexer.tables.kinds import (
    NUMBER,
    Uint64,
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

recharges: Final = table(
    "recharges",
    *place(),
    words("kind", "ValueRecharged, RechargeUndone, StartingValuePaid, CardPaidOut or ValueArrearsForgiven"),
    number("merchant", "Where, if at a merchant", empty=True),
    uint64("member", "Which member"),
    octets("party", "Who did it, or who was paid out", empty=True),
    money("amount", "How much"),
    money("repaid", "ValueRecharged: of it, what repaid arrears; RechargeUndone: what is owed now"),
    money("base", "What counts for a rebate"),
    Index("recharges_by_member", "member", "block"),
    Index("recharges_by_merchant", "merchant", "block"),
    comment="Stored value that came in through the suite's counter, and what was undone of it",
)

advices: Final = table(
    "advices",
    key(NUMBER, "stream", "The stream that booked it"),
    key(Uint64, "sequence", "The sequence that booked it"),
    uint64("original", "The sequence under which the ledger skipped the sale"),
    number("merchant", "Where it took place"),
    uint64("member", "Who bought"),
    money("taken", "What the member paid"),
    money("guaranteed", "What the guarantee stood for"),
    money("due", "Of that, what its fund was too small for then"),
    money("owed", "What the member did not pay and owed from then on, to the guarantee and the merchant together"),
    words("state", "booked or undone"),
    *seen(),
    Index("advices_by_member", "member"),
    Index("advices_by_merchant", "merchant"),
    comment="Sales that took place offline and overdrew",
)

rebate_programmes: Final = table(
    "rebate_programmes",
    key(NUMBER, "programme", "Its number"),
    number("bps", "Of the recharge, basis points"),
    small("months", "In how many parts"),
    money("min_amount", "From which recharge on"),
    flag("open", "Whether it promises more"),
    money("fund", "What was put in, less what was promised or withdrawn"),
    *seen(),
    comment="Rebate programmes",
)

rebates: Final = table(
    "rebates",
    key(Uint64, "member", "Whose"),
    key(NUMBER, "index", "Its number inside the member"),
    number("programme", "Of which programme"),
    money("base", "What it was reckoned on"),
    money("wanted", "What it would have been"),
    money("total", "What was promised, as far as the fund reached"),
    small("instalments", "Parts that were released"),
    money("released", "What was released"),
    money("forfeited", "What was forfeited"),
    *seen(),
    comment="Promised rebates",
)

card_kinds: Final = table(
    "card_kinds",
    key(NUMBER, "kind", "Its number"),
    money("starting_value", "What a new card comes with"),
    number("valid_days", "For how long; 0: for ever"),
    number("rebate_bps", "Basis points"),
    small("tier", "The tier that it gives"),
    *seen(),
    comment="Kinds of cards",
)

cards: Final = table(
    "cards",
    key(Uint64, "card", "Its random number; no PAN"),
    number("kind", "Its kind"),
    number("merchant", "Who issued it; 0: the operator"),
    uint64("member", "Whose; 0 before it is active"),
    words("state", "issued, active, locked, held, replaced, expired or closed"),
    number("expires", "Unix seconds; 0: never"),
    uint64("next", "The card that replaced it", empty=True),
    *seen(),
    Index("cards_by_member", "member"),
    comment="Cards",
)

corrections: Final = table(
    "corrections",
    key(Uint64, "id", "Its number"),
    number("merchant", "Which merchant; 0: none"),
    uint64("member", "Which member"),
    small("kind", "1 grant, 2 claw back, 3 give value, 4 take value"),
    uint64("amount", "What was proposed: units of points, or minor units"),
    number("done", "What was done, once approved", empty=True),
    octets("reason", "32 bytes: the proposer's"),
    octets("proposer", "Who proposed it"),
    octets("decider", "Who approved or cancelled it", empty=True),
    number("expires", "Unix seconds"),
    words("status", "open, done or cancelled"),
    *seen(),
    Index("corrections_by_member", "member"),
    Index("corrections_by_merchant", "merchant"),
    comment="Corrections by hand, by two people",
)

merges: Final = table(
    "merges",
    *place(),
    uint64("from_member", "Who is frozen now"),
    uint64("into_member", "Who has all of it"),
    money("value", "Stored value that went over"),
    units("coins", "Coins that went over"),
    Index("merges_by_from", "from_member"),
    Index("merges_by_into", "into_member"),
    comment="Members that were merged; a merge may be repeated",
)

merge_proposals: Final = table(
    "merge_proposals",
    key(Uint64, "from_member", "Who"),
    key(Uint64, "into_member", "Into whom"),
    octets("consent", "Hash of the member's"),
    octets("proposer", "Who proposed it"),
    number("expires", "Unix seconds"),
    octets("merged_by", "Who carried it out", empty=True),
    *seen(),
    comment="Merges as they were proposed, and carried out",
)

gifts: Final = table(
    "gifts",
    key(Uint64, "gift", "Its number"),
    number("merchant", "Whose; 0: the operator's"),
    words("name", "As published"),
    uint64("price", "Coins, units"),
    uint64("cash_part", "Stored value, minor units"),
    number("stock", "Units left to reserve"),
    number("reserved", "Units reserved"),
    number("handed_over", "Units handed over"),
    number("starts", "Unix seconds; 0: at once"),
    number("until", "Unix seconds; 0: for ever"),
    number("per_member", "How many a member may have; 0: any"),
    flag("open", "Whether it may be reserved"),
    *seen(),
    Index("gifts_by_merchant", "merchant"),
    comment="Gifts of the catalogue",
)

gift_reservations: Final = table(
    "gift_reservations",
    key(NUMBER, "stream", "reservation >> 64"),
    key(Uint64, "sequence", "The rest of the reservation's number"),
    uint64("gift", "Which gift"),
    uint64("member", "Which member"),
    units("current", "Coins put aside, of the newer bucket then"),
    units("previous", "Of the older one"),
    number("epoch", "The epoch of the two"),
    money("cash_part", "Stored value put aside"),
    number("expires", "Unix seconds"),
    words("state", "reserved, handed over, released or taken back"),
    money("paid", "What the merchant got"),
    *seen(),
    Index("gift_reservations_by_member", "member"),
    Index("gift_reservations_by_gift", "gift"),
    comment="Gifts reserved, and handed over",
)

certificates: Final = table(
    "certificates",
    key(Uint64, "certificate", "Its number"),
    small("buyer_kind", "1 account, 2 member, 3 merchant"),
    words("buyer", "Who bought it: address (hex), or decimal number"),
    uint64("member", "Who has it; 0: whoever has the code"),
    number("merchant", "Where it is good; 0: everywhere"),
    octets("code", "The address that a bearer's code has; zeros for none"),
    money("face", "What it was sold for"),
    money("left", "What it is worth now, by its events"),
    number("until", "Unix seconds"),
    uint64("parent", "The certificate that it was split from", empty=True),
    words("state", "good, used or expired"),
    *seen(),
    Index("certificates_by_member", "member"),
    comment="Gift certificates",
)

certificate_moves: Final = table(
    "certificate_moves",
    *place(),
    words(
        "kind",
        "CertificateSold, CertificateGiven, CertificateSplit, CertificateRedeemed, CertificateRestored "
        "or CertificateExpired",
    ),
    uint64("certificate", "Which"),
    number("merchant", "Where, if at one", empty=True),
    uint64("member", "Who has it then, or used it", empty=True),
    money("amount", "How much"),
    Index("certificate_moves_by_certificate", "certificate", "block"),
    comment="What happened to each of them",
)

line_claims: Final = table(
    "line_claims",
    *place(),
    words("kind", "The event: PendingClaimed, PendingUnwound, ReferralClaimed, ReferralUnwound, SaleCounted"),
    octets("leaf", "The line that it is about"),
    number("merchant", "Which merchant, if one", empty=True),
    number("programme", "Which referral programme or period, if one", empty=True),
    uint64("member", "Who has, or had, the points"),
    units("points", "How many"),
    units("taken", "PendingUnwound: of them, what was clawed back; ReferralClaimed: what was set off"),
    Index("line_claims_by_leaf", "leaf"),
    Index("line_claims_by_member", "member", "block"),
    comment="Points that a proved line gives later: when its return window has passed, or to a referrer",
)

referrers: Final = table(
    "referrers",
    key(NUMBER, "scope", "0: the network; else a merchant"),
    key(Uint64, "member", "Who was referred"),
    uint64("referrer", "By whom"),
    *seen(),
    Index("referrers_by_referrer", "referrer"),
    comment="Who referred whom",
)

missing_claims: Final = table(
    "missing_claims",
    key(LargeBinary, "claim", "32 bytes"),
    number("merchant", "Whose sale"),
    uint64("member", "Whose purchase"),
    number("store", "In which store"),
    octets("number", "The receipt's number, 32 bytes"),
    money("amount", "What was paid"),
    number("time", "When, Unix seconds"),
    units("points", "What was given"),
    words("state", "attested, approved, rejected or revoked"),
    octets("attester", "Who attested it"),
    octets("decider", "Who decided", empty=True),
    *seen(),
    Index("missing_claims_by_member", "member"),
    comment="Points claimed for receipts that no till sent",
)

point_sales: Final = table(
    "point_sales",
    *place(),
    words("kind", "PointsBoughtAhead, PointsBoughtOnCredit or CreditSettled"),
    number("merchant", "Who bought"),
    octets("party", "By whose hand"),
    money("amount", "What was paid, lent or settled"),
    money("bonus", "PointsBoughtAhead: more points than paid for, at par"),
    money("owed", "What is owed after it"),
    Index("point_sales_by_merchant", "merchant", "block"),
    comment="Points that merchants bought through the sale, ahead or on credit",
)
