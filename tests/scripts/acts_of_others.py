"""Functions of the contracts that no script calls, because somebody else does: with who that is, and why.

tests/scripts/test_acts.py looks whether that is true: contracts' calls in contracts/, the programs' in node/.
"""

from typing import Final

CONTRACTS: Final[dict[str, str]] = {
    # the ledger's doors: merchants and members reach them by what a contract of the suite does for them
    "RewardToken clawBack": "corrections, pending and missing points and the escrow, for points that go back",
    "RewardToken creditValue": "whatever pays into stored value: recharges, rebates, refunds, incentive",
    "RewardToken drawOn": "refunds and debts of merchants, through the contract that knows what is owed",
    "RewardToken issue": "pending points, referrals, corrections and rewards of the escrow",
    "RewardToken mergeMembers": "MemberMerge, when both members or two people said yes",
    "RewardToken moveCoins": "contracts that hold coins and send them on with their age",
    "RewardToken redeem": "gifts and the escrow, where coins become a merchant's money",
    "RewardToken restore": "gifts and the escrow, when that is undone",
    "RewardToken returnPoints": "IncentivePools, with points that a merchant claims",
    "RewardToken settleLine": "ReceiptMarket, when goods are resold",
    "RewardToken takeCoins": "gifts, the escrow and the exchange, by the member's signature",
    "RewardToken takePayable": "payouts, points, certificates and incentive, by the merchant's groups",
    "RewardToken takeValue": "the escrow, certificates, corrections and pay-outs, by who may say so",
    # what the ledger carries of Registry and RewardRules
    "RewardToken enrol": "Registry (enrol_members)",
    "RewardToken setMemberFlags": "Registry and MemberCards (manage_member, manage_card)",
    "RewardToken setMerchant": "Registry (onboard_merchant, manage_merchant)",
    "RewardToken setTerminals": "Registry (manage_terminals)",
    "RewardToken setTier": "Registry and MemberCards (manage_member, review_tiers)",
    "RewardToken setRule": "RewardRules (set_rule)",
    "RewardToken raiseBudget": "RewardRules (raise_budget)",
    "RewardToken vetoRule": "RewardRules (veto_offer)",
    # from one ledger to the next
    "RewardToken immigrateDebts": "the ledger before, from which succeed sends",
    "RewardToken immigrateHolders": "the ledger before, from which succeed sends",
    "RewardToken immigrateMerchants": "the ledger before, from which succeed sends",
    # acts of a payment in a batch
    "CoinDiscount applyAct": "the ledger, for an act of a till",
    "Coupons applyAct": "the ledger, for an act of a till",
    "GiftCertificates applyAct": "the ledger, for an act of a till",
    "Gifts applyAct": "the ledger, for an act of a till",
    "SettlementEscrow applyAct": "the ledger, for an act of a till",
    "StoredValue applyAct": "the ledger, for an act of a till",
    "StoredValue applyByLedger": "StoredValue itself, so that an act's errors can be told as reasons",
    # within a domain
    "Coupons giveBack": "IncentivePools, when a write-off was undone as a whole",
    "IncentivePools generate": "Coupons, at each write-off",
    "IncentivePools serve": "Coupons, as it is made",
    "IssuanceCap use": "Coupons, at each issue",
    "MemberCards close": "StoredValue, when a card is given up (manage_card, my_card)",
    "MemberCards merge": "MemberMerge",
    "Registry dropKey": "MemberMerge, for the number that is no member any more",
    "Rebates give": "StoredValue, for a starting value",
    "Rebates merge": "StoredValue, when two members are merged",
    "Rebates noteNet": "StoredValue, for a correction",
    "Rebates payOut": "StoredValue, when a card is given up",
    "Rebates takeBack": "StoredValue, when a recharge is undone",
    "Rebates takeIn": "StoredValue, at each recharge",
    "StoredValue merge": "MemberMerge",
    "StoredValue noteNet": "Corrections",
    # tokens of payers, by the allowance that a script or a wallet gave
    "CashToken transferFrom": "contracts that take cash which its holder approved",
    "RewardToken transferFrom": "contracts that take coins which their holder approved",
}

PROGRAMS: Final[dict[str, str]] = {
    "RewardToken postBatch": "the bridge, by its posting key",
    "RewardToken postRefunds": "the bridge, by its posting key",
    "ValidatorRegistry propose": "till validator",
    "ValidatorRegistry vote": "till validator",
    "ValidatorRegistry leave": "till validator",
    "ValidatorRegistry reportEvidence": "the validator application, on its own",
}

IN_YUL: Final[dict[str, str]] = {
    "RewardToken runAct": "the ledger itself, inside postBatch: refused to everybody else",
}

ADMIN: Final = "rare, and the network admin's: schedule add, or schedule now"
WALLET: Final = "the token standard's, for wallets and contracts of others; what people do with it here has scripts"
NO_KEY: Final = "ERC-721's way to move a member's coupon; people do it by hand_coupons, which signs"

NOT_SCRIPTED: Final[dict[str, str]] = {
    "NetworkAccess labelRole": ADMIN,
    "NetworkAccess multicall": "several calls in one; scripts send them one after the other",
    "NetworkAccess execute": "schedule execute calls the target itself, which asks whether it was announced",
    "NetworkAccess consumeScheduledOp": "a managed contract, when an announced act is done (AccessManaged)",
    "NetworkAccess setRoleAdmin": ADMIN,
    "NetworkAccess setRoleGuardian": ADMIN,
    "NetworkAccess setTargetClosed": ADMIN,
    "NetworkAccess updateAuthority": ADMIN,
    "RewardToken permit": WALLET,
    "RewardToken recharge": "it counts for no rebate and no limit; finance uses recharge_member",
    "RewardToken receiveWithAuthorization": "for payees that are contracts; people use send_coins carry",
    "Coupons approve": NO_KEY,
    "Coupons setApprovalForAll": NO_KEY,
    "Coupons transferFrom": NO_KEY,
    "Coupons safeTransferFrom": NO_KEY,
    "ReceiptMarket approve": WALLET,
    "ReceiptMarket setApprovalForAll": WALLET,
    "ReceiptMarket transferFrom": WALLET,
    "ReceiptMarket safeTransferFrom": WALLET,
}
"""The reason why there is no script: nothing looks whether somebody calls these."""

OF_EVERY_CONTRACT: Final = {"setAuthority": "its authority alone: NetworkAccess updateAuthority"}
