// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IActTarget} from "./IActTarget.sol";

/// @title Universal coupons
/// @notice The platform issues coupons of a campaign and hands them to merchants, these to members, and members pass
/// them on; any merchant may write them off. What a coupon went through is its trail, and when it is written off all of
/// the trail shares an incentive (IIncentivePools). Money is in minor units, times are Unix seconds, ratios basis points.
/// @dev A coupon's id is `campaign 32 | lot 16 | serial 16`. Holders are ERC-721 owners: the platform
/// `bytes12("Tillplatform") ++ 0`, a merchant `bytes12("Tillmerchant") ++ uint64 number`, a member its account in the
/// ledger. None of them has a key: the operator acts for the platform, a merchant's offers group (or its clerks that
/// consume, towards members) for the merchant, the member's registered key for the member.
///
/// An act of kind 1 writes a coupon off at a till, big-endian after the kind byte:
/// `0x01 | coupon 8 | discount 6 | sale 8 | amount 6 | [length 1 | product code | proof 32 * n]`. With lines the sale is
/// the payment, and `sale` and `amount` are 0; without, they are the till's reference of the sale and what is paid for
/// it. A payment carries one act, so a coupon that comes with lines is the only one of its sale. `0x81 | sequence 8`
/// undoes the act of that sequence of the same stream, on the same day of the network.
/// A use is named by `stream 32 | sequence 64`, one that came without the batch by `0xffffff00 + number 32 | coupon 64`.
/// A coupon of a member that was merged into another is the other's to use and to pass on.
/// Trust: what was bought is the till's word, under its authorisation; the product that it names must be in the
/// campaign's set. A merchant that claims a sale which was none pays its incentive.
interface ICoupons is IERC721, IActTarget {
    /// @notice What a campaign fixes for all of its coupons. `until` 0 = for ever; `minimumBasket` before the discount.
    /// `face`: 0 = `faceValue` basis points off, 1 = a sum of `faceValue` off, 2 = gift number `faceValue`.
    /// `incentive`: basis points of what is paid if `share`, else a sum; from the writing merchant's payable if `cash`,
    /// else from its prepaid points at par. Weights of the first merchant, all distributors together, the holder, the
    /// data owner and the data user; the platform has the rest. `dataUser` 0 = nobody paid for targeting.
    struct Terms {
        uint32 starts;
        uint32 until;
        uint32 minimumBasket;
        uint8 face;
        uint32 faceValue;
        uint8 maxUses;
        bool stackable;
        bool cash;
        bool share;
        uint32 incentive;
        uint16 firstBps;
        uint16 distributorsBps;
        uint16 memberBps;
        uint16 dataOwnerBps;
        uint16 dataUserBps;
        uint32 dataUser;
        bytes32 productSet;
    }

    /// @notice Counts of a campaign's coupons: issued, handed to merchants, and of these those that reached members.
    struct Counts {
        uint32 issued;
        uint32 handed;
        uint32 held;
        uint16 lots;
    }

    /// @notice A coupon. `holder` is a merchant while `hops` <= `merchants`, else a member; with 0 hops it is the
    /// platform's. `uses` numbers its write-offs, `live` of them were not given back; `used` coupons move no more.
    struct Coupon {
        uint32 campaign;
        uint16 lot;
        uint32 firstMerchant;
        uint64 holder;
        uint8 hops;
        uint8 merchants;
        uint8 uses;
        uint8 live;
        bool consented;
        bool used;
    }

    /// @notice How a coupon's incentive is shared; `merchants` in the order of the trail, `hops` with members.
    struct Sharing {
        uint32 campaign;
        bool cash;
        bool share;
        uint32 incentive;
        uint16 firstBps;
        uint16 distributorsBps;
        uint16 memberBps;
        uint16 dataOwnerBps;
        uint16 dataUserBps;
        uint32 dataUser;
        uint8 hops;
        uint32[] merchants;
    }

    /// @notice A campaign's terms stand.
    event CampaignDefined(uint32 indexed campaign, Terms terms, string catalogue);
    /// @notice Coupons with serials 0 to `count` - 1 were issued to the platform.
    event CouponsIssued(uint32 indexed campaign, uint16 indexed lot, uint32 count);
    /// @notice Coupons were handed from the platform to their first merchant.
    event CouponsHandedOut(uint32 indexed campaign, uint32 indexed merchant, uint32 count);
    /// @notice The data of this coupon's first member chose it, with consent.
    event CouponTargeted(uint64 indexed coupon, uint64 indexed member);
    /// @notice A coupon was written off. `amount` is what was paid, `discount` what the coupon gave, `units` the
    /// incentive; `sale` is the merchant's reference, 0 when the sale is the payment itself; `product` is the leaf of
    /// the product in the campaign's set, 0 without a set.
    event CouponWrittenOff(
        uint64 indexed coupon,
        uint32 indexed merchant,
        uint64 indexed member,
        uint96 use,
        uint64 sale,
        uint64 amount,
        uint64 discount,
        uint64 units,
        bytes32 product
    );
    /// @notice A write-off was undone as a whole, and the coupon may be used again.
    event CouponGivenBack(uint64 indexed coupon, uint96 use);

    /// @notice No such campaign.
    error UnknownCampaign(uint32 campaign);
    /// @notice No such lot.
    error UnknownLot(uint32 campaign, uint16 lot);
    /// @notice No such coupon.
    error UnknownCoupon(uint256 coupon);
    /// @notice The face is none, or worth nothing, or more than 100 %.
    error BadFace(uint8 face, uint32 value);
    /// @notice The weights are more than 100 %, or data weights have no data user, or a data user no weight.
    error BadWeights(uint256 sum);
    /// @notice A share of the sale is 100 % at most.
    error BadIncentive(uint32 incentive);
    /// @notice Coupons may be used 1 to 255 times.
    error BadUses(uint8 maxUses);
    /// @notice The time ends before it starts, or is over.
    error BadTimes(uint32 starts, uint32 until);
    /// @notice A lot has 1 to 65,536 coupons, a campaign 65,535 lots.
    error BadCount(uint256 count);
    /// @notice Coupons of this lot were handed out singly, or it was handed out before.
    error LotOpened(uint32 campaign, uint16 lot);
    /// @notice The coupon is not this account's.
    error NotHolder(uint64 coupon, address account);
    /// @notice Coupons are held by the platform, merchants and members only.
    error BadHolder(address account);
    /// @notice The coupon was written off once, so its trail is final.
    error CouponUsed(uint64 coupon);
    /// @notice A trail has 16 hops at most.
    error TrailFull(uint64 coupon);
    /// @notice Nobody holds the same coupon twice; members that were merged are one.
    error AlreadyInTrail(uint64 coupon, address account);
    /// @notice One coupon for each receiver.
    error LengthsDiffer(uint256 coupons, uint256 members);
    /// @notice The card is locked or frozen.
    error MemberLocked(uint64 member);
    /// @notice The sender may not move this coupon.
    error NotAllowed(uint64 coupon, address sender);

    /// @notice All uses are used.
    error CouponUsedUp(uint64 coupon);
    /// @notice The coupon is not valid yet.
    error NotValidYet(uint64 coupon, uint32 starts);
    /// @notice The coupon's time is over.
    error CouponExpired(uint64 coupon, uint32 until);
    /// @notice The basket is worth less than the coupon asks for.
    error BasketTooSmall(uint64 coupon, uint256 basket, uint32 minimum);
    /// @notice The discount is not what the face says.
    error BadDiscount(uint64 coupon, uint256 discount, uint256 due);
    /// @notice The named product is not proved to be in the campaign's set.
    error ProductSetNotProved(uint64 coupon, bytes32 productSet);
    /// @notice The sale has another coupon, and one of them stands alone.
    error NotStackable(uint64 coupon, uint64 sale);
    /// @notice A write-off alone names the merchant's reference of the sale.
    error NoSale(uint64 coupon);
    /// @notice Nothing was sold.
    error NothingSold(uint64 coupon);
    /// @notice More than a payment can be.
    error AmountTooLarge(uint256 amount);
    /// @notice Only the pools may call this.
    error NotPools(address sender);

    /// @notice Defines a campaign; `catalogue` says where people read what it is. Operator only.
    function defineCampaign(Terms calldata terms, string calldata catalogue) external returns (uint32 campaign);
    /// @notice Issues coupons of a campaign to the platform, within the cap (IIssuanceCap). Operator only.
    function issue(uint32 campaign, uint32 count) external returns (uint16 lot);
    /// @notice Hands a whole lot to its first merchant. Operator only.
    function handLot(uint32 campaign, uint16 lot, uint32 merchant) external;
    /// @notice Hands coupons of the platform to their first merchant. Operator only.
    function handOut(uint64[] calldata coupons, uint32 merchant) external;
    /// @notice Hands a merchant's coupons on to another merchant. The holder's offers group.
    function handOn(uint32 holder, uint64[] calldata coupons, uint32 merchant) external;
    /// @notice Hands a merchant's coupons to members, one each. The holder's offers group or its clerks that consume.
    function give(uint32 holder, uint64[] calldata coupons, uint64[] calldata members) external;
    /// @notice A member passes a coupon on, its own or that of one that was merged into it. The member's key sends, or signs
    /// `PassOn(uint64 coupon,uint64 from,uint64 to,uint256 nonce,uint256 deadline)`.
    function passOn(uint64 coupon, uint64 from, uint64 to, uint256 deadline, bytes calldata signature) external;
    /// @notice The same for a member without a key, at its own request. Operator only.
    function passOnFor(uint64 coupon, uint64 from, uint64 to) external;
    /// @notice Writes a coupon off without a payment in the batch. The merchant's clerks that consume; a holder that has a
    /// key sends it, or has signed
    /// `WriteOff(uint64 coupon,uint32 merchant,uint64 sale,uint64 amount,uint64 discount,uint256 nonce,uint256 deadline)`.
    /// For one without a key the clerk's word counts; the operator annuls what its holder did not ask for (IIncentivePools).
    /// @param sale The merchant's reference of the sale, not 0: coupons that cannot be stacked refuse one that has another
    /// @param amount What is paid for it, after the discount
    /// @param product The code of a product in the campaign's set, empty without a set
    /// @param deadline Until when the signature counts
    /// @param signature Of the holder's key; empty if the key sends, or the holder has none
    function writeOff(
        uint32 merchant,
        uint64 coupon,
        uint64 sale,
        uint64 amount,
        uint64 discount,
        bytes calldata product,
        bytes32[] calldata proof,
        uint256 deadline,
        bytes calldata signature
    ) external;
    /// @notice Gives a use of a coupon back, once its write-off was undone as a whole. The pools only.
    function giveBack(uint64 coupon, uint96 use) external;

    /// @notice Where the incentive lies.
    function pools() external view returns (address);
    /// @notice What bounds the issue.
    function issuanceCap() external view returns (address);
    /// @notice Who consents to targeting.
    function consents() external view returns (address);
    /// @notice Campaigns are numbered 1 to this.
    function campaignCount() external view returns (uint32);
    /// @notice A campaign.
    function campaignOf(uint32 campaign) external view returns (Terms memory terms, Counts memory counts);
    /// @notice A lot: its first merchant (0 = none as a whole), its size, how many were handed out singly.
    function lotOf(uint32 campaign, uint16 lot) external view returns (uint32 merchant, uint32 count, uint32 loose);
    /// @notice A coupon.
    function couponOf(uint64 coupon) external view returns (Coupon memory);
    /// @notice All who held a coupon after the platform, in order; the first `merchants` of them are merchants.
    function trailOf(uint64 coupon) external view returns (uint64[] memory trail, uint8 merchants);
    /// @notice All uses of a coupon, in order.
    function usesOf(uint64 coupon) external view returns (uint96[] memory uses);
    /// @notice How a coupon's incentive is shared.
    function sharingOf(uint64 coupon) external view returns (Sharing memory);
    /// @notice Coupons that a merchant was handed by the platform.
    function handedTo(uint32 merchant) external view returns (uint256);
    /// @notice The ERC-721 owner that stands for a merchant.
    function merchantAccount(uint32 merchant) external pure returns (address);
    /// @notice The ERC-721 owner that stands for the platform.
    function platformAccount() external pure returns (address);
    /// @notice The token's name.
    function name() external view returns (string memory);
    /// @notice The token's symbol.
    function symbol() external view returns (string memory);
}
