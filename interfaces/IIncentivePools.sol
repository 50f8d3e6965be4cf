// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICoupons} from "./ICoupons.sol";
import {ILedgerDoors} from "./ILedgerDoors.sol";

/// @title The money that coupons bring in
/// @notice Each coupon has a pool of its own, told by its id. A write-off brings incentive into it: points of the
/// writing merchant (units) or cash of its payable (minor units), as the campaign says. At once it is everybody's who
/// held the coupon: the parts of merchants and of the platform go to their accounts here, the parts of members stay in
/// the coupon's pool under the member's place in the trail. All of it can be claimed from then on by anybody, for whom it
/// belongs to: a member gets coins (or stored value), a merchant prepaid points (or payable), the platform's treasury
/// coins (or cash).
/// @dev A write-off costs the same whatever the length of the trail: members' parts are computed when they are claimed,
/// from the use's one word and the trail, which is final from the first write-off on.
/// Rounding: each part is rounded down; the platform has what is left, so nothing stays over and nothing is made.
/// A merchant that writes off a coupon of which it is a subject gets nothing for that role; the platform has it.
/// Coins age here as they would have with their owners and expire: what was not claimed by then is nobody's any more,
/// and goes back to the issuing merchants through the ledger as all expired points do. A merchant that cannot pay an
/// incentive in full at the write-off owes it whole; it is shared when it is settled.
/// Of goods that their buyer sold on (ReceiptMarket) the sale stands: its incentive is not undone.
/// Of every coupon: generated = owed + paid + balance + expired. In all: coins (cash) held here = all balances + all
/// credits of merchants and of the platform.
/// Trust: the contract that acts of kind 1 go to says what is generated and how it is shared. The treasury is the admin's.
interface IIncentivePools {
    /// @notice What a write-off was; `alone` without lines.
    struct Sale {
        uint64 coupon;
        uint32 merchant;
        bool alone;
        uint40 amount;
        uint48 units;
    }

    /// @notice A write-off. `basis` is what is left of the amount, `units` of the incentive; `epoch` that of its
    /// funding, `day` the network's of the write-off; `claimed` a bit for each place of the trail.
    struct Use {
        uint64 coupon;
        uint32 merchant;
        uint40 basis;
        uint48 units;
        uint16 epoch;
        uint16 day;
        uint16 claimed;
        bool funded;
        bool alone;
        bool givenBack;
    }

    /// @notice Money of a campaign: `funded` came in, `paid` went to its owners' accounts or was claimed, `owed` by
    /// merchants still, `returned` to merchants after refunds (claimed incentive is returned when it is set off). `writeOffs` that stand.
    struct CampaignMoney {
        uint56 funded;
        uint56 paid;
        uint56 owed;
        uint56 returned;
        uint32 writeOffs;
    }

    /// @notice Money of a merchant: `generated` by its write-offs (net of what was undone), `owed` of it still, `paid`
    /// to it as a subject. `writeOffs` that stand.
    struct MerchantMoney {
        uint64 generated;
        uint64 owed;
        uint64 paid;
        uint32 writeOffs;
    }

    /// @notice A write-off generated incentive; not funded = the merchant owes it.
    event IncentiveGenerated(
        uint64 indexed coupon, uint32 indexed merchant, uint96 use, uint64 units, bool funded, uint64 platform
    );
    /// @notice A merchant's owed incentive was paid in, and is shared from now on.
    event IncentiveSettled(uint64 indexed coupon, uint32 indexed merchant, uint96 use, uint64 units, uint64 platform);
    /// @notice A merchant has a part of a coupon's incentive.
    event MerchantCredited(uint64 indexed coupon, uint32 indexed merchant, uint96 use, uint64 units);
    /// @notice A member's part of a coupon's pool was claimed.
    event IncentiveClaimed(uint64 indexed coupon, uint64 indexed member, bool cash, uint64 units);
    /// @notice What a merchant had here was paid to its prepaid points or payable.
    event CreditClaimed(uint32 indexed merchant, bool cash, uint64 units);
    /// @notice What the platform had of coupons of this first merchant went to the treasury.
    event PlatformClaimed(uint32 indexed firstMerchant, address indexed treasury, bool cash, uint64 units);
    /// @notice A sale was undone, in part or whole: `units` of its incentive. `unowed` of it were owed still, `returned`
    /// went back to the merchant at once, `toSetOff` were claimed before and will come out of later credits, `expired`
    /// were gone.
    event IncentiveUnwound(
        uint64 indexed coupon,
        uint32 indexed merchant,
        uint96 use,
        uint64 units,
        uint64 unowed,
        uint64 returned,
        uint64 toSetOff,
        uint64 expired
    );
    /// @notice A subject owes incentive that was undone after it had claimed it (see subjectOf).
    event SetOffRecorded(uint256 indexed subject, uint32 indexed merchant, uint64 units);
    /// @notice A later credit of the subject paid what it owed.
    event SetOffPaid(uint256 indexed subject, uint32 indexed merchant, uint64 units);
    /// @notice A member that was merged owes this much less to the merchant, its survivor owes it (SetOffRecorded).
    event SetOffInherited(uint256 indexed subject, uint32 indexed merchant, uint64 units);
    /// @notice The operator undid a write-off that came alone.
    event WriteOffAnnulled(uint64 indexed coupon, uint32 indexed merchant, uint96 use, string reason);
    /// @notice Where the platform's share goes.
    event TreasurySet(address indexed treasury);
    /// @notice Whose write-offs these pools serve, from now on.
    event CouponsServed(address indexed coupons);

    /// @notice Only the coupons' contract that these pools serve.
    error NotCoupons(address sender);
    /// @notice The pools serve a coupons' contract already.
    error ServesOthers(address coupons);
    /// @notice Another write-off has this number: a stream's number is one of those without a batch.
    error UseTaken(uint96 use);
    /// @notice No coupon was written off so.
    error UnknownUse(uint96 use);
    /// @notice There is nothing to claim.
    error NothingToClaim();
    /// @notice The member never held the coupon.
    error NotInTrail(uint64 coupon, uint64 member);
    /// @notice Nobody said where the platform's share goes.
    error NoTreasury();
    /// @notice The coupon came without lines; no line is of its sale.
    error CameAlone(uint96 use);
    /// @notice Nothing more of the line was refunded.
    error NothingUndone(bytes32 leaf);
    /// @notice Only a write-off that came alone is cancelled; others follow their payment's refund.
    error NotAlone(uint96 use);
    /// @notice It was cancelled before, or is too long ago.
    error TooLate(uint96 use);
    /// @notice An annulment says why.
    error NoReason();
    /// @notice The member was merged into no other, or owes nothing of this money.
    error NothingToInherit(uint64 member);
    /// @notice Nothing is owed for this use.
    error NotOwed(uint96 use);
    /// @notice The merchant still cannot pay it; `held` of a payable is what it does not owe the guarantee fund.
    error StillUnfunded(uint32 merchant, uint256 held, uint256 units);

    /// @notice Serves the sender and nobody else, for good. The coupons' contract calls it as it is made: the money here
    /// follows no later change of where acts go. Who comes first makes that deployment fail, and nothing more.
    function serve() external;
    /// @notice Takes the incentive of a write-off from the merchant and shares it. The coupons' contract only.
    function generate(uint96 use, ICoupons.Sharing calldata sharing, Sale calldata sale) external;
    /// @notice Pays a member's parts of these coupons to it, or to the one it was merged into. Open to all. What it owes
    /// comes out of that first, to 32 merchants at most; others wait for the next claim. So it is for every claim.
    /// @return coins Units paid as coins
    /// @return money Minor units paid as stored value
    function claim(uint64 member, uint64[] calldata coupons) external returns (uint64 coins, uint64 money);
    /// @notice Pays what a merchant has here to its prepaid points, or payable. Open to all.
    function claimMerchant(uint32 merchant, bool cash) external returns (uint64 units);
    /// @notice Pays what the platform has of coupons of these first merchants to the treasury. Open to all.
    function claimPlatform(uint32[] calldata firstMerchants, bool cash) external returns (uint64 units);
    /// @notice Takes incentive that a merchant owes, if it can pay it in full now. Open to all.
    function settle(uint96 use) external;
    /// @notice Makes what a merged member owes what its survivor owes, to 32 merchants at most at once. Open to all.
    function inheritDebts(uint64 member, bool cash) external;
    /// @notice Undoes the incentive of what was refunded of a line of the sale. Open to all; in parts as at once.
    function unwind(ILedgerDoors.ProvenLeaf calldata leaf) external;
    /// @notice Undoes a write-off: the merchant's clerks that cancel one that came alone, on its day or the next; the
    /// coupons' contract, for a till, any.
    function cancel(uint96 use) external;
    /// @notice Undoes a write-off that came alone and that its holder did not ask for, within 120 days of it, with a reason.
    /// Operator only.
    function annul(uint96 use, string calldata reason) external;
    /// @notice Sets where the platform's share goes. Admin only.
    function setTreasury(address treasury) external;

    /// @notice The coupons' contract that the pools serve.
    function servedCoupons() external view returns (address);
    /// @notice Where the platform's share goes.
    function treasury() external view returns (address);
    /// @notice A write-off; all 0 if there is none.
    function useOf(uint96 use) external view returns (Use memory);
    /// @notice What a merchant has here, and what the platform has of coupons of this first merchant.
    function creditOf(uint32 merchant, bool cash) external view returns (uint64 units, uint64 platform);
    /// @notice Money of a campaign.
    function campaignMoney(uint32 campaign) external view returns (CampaignMoney memory);
    /// @notice Money of a merchant in points or in cash.
    function merchantMoney(uint32 merchant, bool cash) external view returns (MerchantMoney memory);
    /// @notice What a subject owes in all.
    function toSetOff(uint256 subject) external view returns (uint256 units);
    /// @notice A subject's number: `cash 1 | kind 8 | id 64`; kinds: 0 platform, 1 merchant, 2 member.
    function subjectOf(uint8 kind, uint64 id, bool cash) external pure returns (uint256);
}
