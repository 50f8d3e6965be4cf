"""Coupons: campaigns, lots, trails with the money at each hop, write-offs, pools, claims, debts, the cap's periods."""

from typing import Final

from sqlalchemy import Index

from node.indexer.tables.kinds import (
    NAME,
    NUMBER,
    Uint64,
    changed,
    flag,
    key,
    number,
    octets,
    place,
    seen,
    small,
    table,
    uint64,
    words,
)

campaigns: Final = table(
    "campaigns",
    key(NUMBER, "campaign", "Its number"),
    number("starts", "Unix seconds; 0: at once"),
    number("until", "Unix seconds; 0: for ever"),
    number("minimum_basket", "Before the discount, minor units"),
    small("face", "What it gives: 0 a share, 1 a sum, 2 a gift, as in interfaces/ICoupons.sol"),
    number("face_value", "Basis points, minor units, or the gift's number"),
    small("max_uses", "Write-offs a coupon"),
    flag("stackable", "Whether a sale may have another coupon"),
    flag("cash", "Whether the incentive is money (minor units) and not points (units)"),
    flag("share", "Whether the incentive is a share of the sale and not a sum"),
    number("incentive", "Basis points, or minor units"),
    number("first_bps", "The first merchant's weight, basis points"),
    number("distributors_bps", "Of all between it and the user together"),
    number("member_bps", "The user's"),
    number("data_owner_bps", "The first member's, if it consented"),
    number("data_user_bps", "That of the merchant that paid for targeting"),
    number("data_user", "That merchant; 0 for none"),
    octets("product_set", "The set's root; zeros for all products"),
    words("catalogue", "Where it is published"),
    number("issued", "Coupons issued"),
    number("handed", "Of them, handed to merchants"),
    number("held", "Of these, those that reached members"),
    number("write_offs", "Those that stand"),
    number("generated", "Incentive of its write-offs, less what was undone; in its money"),
    number("owed", "Of it, what merchants owe still"),
    *seen(),
    comment="Campaigns",
)

coupon_lots: Final = table(
    "coupon_lots",
    key(NUMBER, "campaign", "Whose"),
    key(NUMBER, "lot", "Its number inside the campaign"),
    number("count", "Serials 0 to this, less one"),
    *seen(),
    comment="Lots: coupons that were issued together",
)

coupons: Final = table(
    "coupons",
    key(Uint64, "coupon", "campaign 32 | lot 16 | serial 16"),
    number("campaign", "Its campaign"),
    octets("holder", "20 bytes: see docs/coupons.md, Circulation"),
    number("merchant", "The merchant that holds it, if one does", empty=True),
    uint64("member", "The member that holds it, if one does", empty=True),
    number("first_merchant", "Who got it first", empty=True),
    small("hops", "Holders after the platform"),
    small("uses", "Write-offs, those given back included"),
    small("live", "Of them, those that stand"),
    uint64("targeted", "The member that it was meant for", empty=True),
    flag("consented", "Whether the first member had consented when it got it"),
    *seen(),
    Index("coupons_by_holder", "holder"),
    comment="Coupons that somebody holds; of the others the lots tell",
)

coupon_hops: Final = table(
    "coupon_hops",
    key(Uint64, "coupon", "Which"),
    key(NUMBER, "hop", "From 1: the first holder after the platform"),
    octets("holder", "20 bytes"),
    number("merchant", "If it is a merchant", empty=True),
    uint64("member", "If it is a member", empty=True),
    number(
        "credited", "Incentive that it has had of this coupon's uses, less what was undone; in the campaign's money"
    ),
    number("claimed", "Of it, what was paid out to it as a member; merchants claim all theirs together"),
    *seen(),
    Index("coupon_hops_by_member", "member"),
    Index("coupon_hops_by_merchant", "merchant"),
    comment="The trail of each coupon, with the money at each hop",
)

write_offs: Final = table(
    "write_offs",
    key(NUMBER, "stream", "The use's: of the payment, or a number of those without a batch"),
    key(Uint64, "sequence", "The use's; use = stream << 64 | sequence"),
    uint64("coupon", "Which coupon"),
    number("merchant", "Who wrote it off"),
    uint64("member", "Who used it"),
    uint64("sale", "The till's number of the sale; 0 with lines"),
    number("amount", "What was paid, minor units"),
    number("discount", "What the coupon took off, minor units"),
    octets("product", "The hash that was proved to be in the product set; zeros for none"),
    number("units", "Incentive that it generated, less what was undone; in the campaign's money"),
    flag("funded", "Whether the merchant has paid it; else it owes it"),
    number("epoch", "In which it was funded: points expire in the pool too", empty=True),
    number("platform", "The platform's part"),
    number("unwound", "What of its incentive was undone"),
    number("to_set_off", "Of that, what had been claimed, and comes out of later credits"),
    number("expired", "Of that, what had expired"),
    flag("given_back", "Whether the use was given back"),
    number("claimed", "A bit for each place of the trail (from 0) whose member claimed its part"),
    *seen(),
    Index("write_offs_by_coupon", "coupon"),
    Index("write_offs_by_merchant", "merchant", "block"),
    Index("write_offs_by_member", "member", "block"),
    comment="Write-offs of coupons",
)

coupon_uses: Final = table(
    "coupon_uses",
    key(Uint64, "coupon", "Which"),
    key(NUMBER, "use", "From 1, in the order of its write-offs"),
    number("stream", "The write-off's"),
    uint64("sequence", "The write-off's"),
    comment="The write-offs of each coupon",
)

incentive_credits: Final = table(
    "incentive_credits",
    *place(),
    words(
        "kind", "MerchantCredited, IncentiveClaimed, CreditClaimed, PlatformClaimed, IncentiveSettled, IncentiveUnwound"
    ),
    uint64("coupon", "Which coupon, if one", empty=True),
    number("use_stream", "Which use, if one", empty=True),
    uint64("use_sequence", "Which use, if one", empty=True),
    number("merchant", "Which merchant, if one", empty=True),
    uint64("member", "Which member, if one", empty=True),
    flag("cash", "Money (minor units), or points (units)"),
    number("units", "How much"),
    Index("incentive_credits_by_coupon", "coupon", "block"),
    Index("incentive_credits_by_merchant", "merchant", "block"),
    Index("incentive_credits_by_member", "member", "block"),
    comment="Incentive that was credited, claimed, settled or undone, event by event",
)

coupon_pools: Final = table(
    "coupon_pools",
    key(Uint64, "coupon", "Which coupon"),
    flag("cash", "Money (minor units), or points (units)"),
    number("generated", "By its write-offs, less what was undone"),
    number("owed", "Of it, what merchants owe still"),
    number("claimed", "What members claimed"),
    *seen(),
    comment="A coupon's pool",
)

merchant_incentives: Final = table(
    "merchant_incentives",
    key(NUMBER, "merchant", "Which"),
    key(NUMBER, "cash", "0 points (units), 1 money (minor units)"),
    number("write_offs", "That it made and that stand"),
    number("generated", "By them"),
    number("owed", "Of it, what it owes still"),
    number("paid", "Credited to it as a subject, before anything was undone"),
    number("claimed", "Of that, what it took"),
    changed(),
    comment="What each merchant's write-offs brought in, and what it was credited",
)

set_offs: Final = table(
    "set_offs",
    key(NAME, "subject", "Who owes, decimal: subjectOf of interfaces/IIncentivePools.sol"),
    key(NUMBER, "merchant", "To whom"),
    number("units", "How much still"),
    changed(),
    comment="Incentive that was claimed before it was undone, and is owed",
)

issuance_periods: Final = table(
    "issuance_periods",
    key(NUMBER, "period", "Its number"),
    number("merchants", "Counted"),
    number("members", "Counted"),
    number("turnover", "Counted, minor units"),
    number("issued", "Coupons issued in it"),
    number("cap", "How many the next one may issue"),
    *seen(),
    comment="Closed periods of the issuance cap",
)
